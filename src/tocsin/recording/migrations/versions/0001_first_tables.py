"""First tables."""

from alembic import op

from tocsin.recording import tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table of the first release."""
    tables.metadata.create_all(op.get_bind())
