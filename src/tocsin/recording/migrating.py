"""Bring a database to the present tables, by Alembic, on every start and in one transaction."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from tocsin.errors import ConfigurationError

_SCRIPTS = Path(__file__).parent / "migrations"
_LOCK = 0x746F6373  # "tocs": the advisory lock that lets one process migrate PostgreSQL at a time


def upgrade(engine: Engine) -> None:
    """Run the migrations that are missing. Raises ConfigurationError for a newer database."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    script = ScriptDirectory.from_config(config)
    head = script.get_current_head()
    with engine.begin() as connection:
        take_turns(connection)
        present = _present(connection)
        if present == head:
            return
        known = {revision.revision for revision in script.walk_revisions()}
        if present and present not in known:
            raise ConfigurationError(
                f"the database was written by a newer Tocsin (schema {present})",
                advice="Install the version that wrote it, or restore a backup.",
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def take_turns(connection: Connection) -> None:
    """Let one process at a time set up the database; SQLite's BEGIN IMMEDIATE does so already."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")


def _present(connection: Connection) -> str:
    return MigrationContext.configure(connection).get_current_revision() or ""
