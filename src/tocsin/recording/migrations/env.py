"""Alembic's entry: runs the migrations on the connection that `migrating.py` hands in."""

from alembic import context

from tocsin.recording import tables

context.configure(
    connection=context.config.attributes["connection"], target_metadata=tables.metadata
)
context.run_migrations()
