"""Lock records: the latest signed checkpoint of each log, changed only by compare-and-swap.

One row of a database. This is the one store that is trusted to tell which history is ours: tiles
may be served by anyone, but two writers meet here and one of them loses.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from sqlalchemy import (
    Column,
    Engine,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import IntegrityError, ProgrammingError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.schema import CreateTable

from tocsin.exchange.checkpoint import MAX_ORIGIN_BYTES
from tocsin.exchange.errors import Absent, Overtaken, Unavailable
from tocsin.exchange.wal import use_wal

BUSY_TIMEOUT_S = 10

metadata = MetaData()
"""For those who keep the table with the migrations of their own database."""

records = Table(
    "log_checkpoints",
    metadata,
    Column("origin", String(MAX_ORIGIN_BYTES), primary_key=True),
    Column("note", LargeBinary, nullable=False),
)
"""The signed note of the latest checkpoint, as signed; rows are never deleted."""


class Locks(Protocol):
    """Lock records by origin. Safe to call from several threads and processes.

    A change is durable on return. Raises Unavailable where it is unknown whether it happened.
    """

    def read(self, origin: str) -> bytes:
        """Return the record, never an older one than any that was returned. Raises Absent."""

    def create(self, origin: str, note: bytes) -> None:
        """Make the record. Raises Overtaken if there is one."""

    def swap(self, origin: str, old: bytes, new: bytes) -> None:
        """Change the record from `old` to `new`. Raises Overtaken if it is not `old`."""


class SqlLocks:
    """Lock records in any database that SQLAlchemy reaches."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        with _translated():
            _make_table(engine)

    def read(self, origin: str) -> bytes:
        """Return the record; see `Locks`."""
        with _translated(), self._engine.connect() as connection:
            found = connection.execute(
                select(records.c.note).where(records.c.origin == origin)
            ).scalar()
        if found is None:
            raise Absent(f"there is no lock record for {origin}")
        return bytes(found)

    def create(self, origin: str, note: bytes) -> None:
        """Make the record; see `Locks`."""
        with _translated(), self._engine.begin() as connection:
            try:
                connection.execute(insert(records).values(origin=origin, note=note))
            except IntegrityError as error:
                raise Overtaken(f"there is a lock record for {origin} already") from error

    def swap(self, origin: str, old: bytes, new: bytes) -> None:
        """Change the record; see `Locks`. The row's own lock orders those who come at once."""
        change = (
            update(records)
            .where(records.c.origin == origin, records.c.note == old)
            .values(note=new)
        )
        with _translated(), self._engine.begin() as connection:
            if connection.execute(change).rowcount != 1:
                raise Overtaken(f"the lock record of {origin} was changed by another writer")

    def close(self) -> None:
        """Let go of the database's connections; the records can still be used."""
        self._engine.dispose()


def open_locks(url: str) -> SqlLocks:
    """Open lock records by database URL; a SQLite file is made durable. Raises Unavailable."""
    with _translated():
        engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _make_durable)
    return SqlLocks(engine)


def _make_durable(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    """Sync the write-ahead log at each commit: SQLite's default there may lose the last ones."""
    del entry
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}")
    use_wal(cursor.execute, busy_timeout_s=BUSY_TIMEOUT_S)
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def _make_table(engine: Engine) -> None:
    try:
        with engine.begin() as connection:
            connection.execute(CreateTable(records, if_not_exists=True))
    except (IntegrityError, ProgrammingError):
        # Where another makes it at the same moment, PostgreSQL refuses it all the same.
        if not inspect(engine).has_table(records.name):
            raise


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, ImportError) as error:
        cause = str(getattr(error, "orig", None) or error).strip().split("\n")[0]
        raise Unavailable(f"the lock record could not be reached: {cause}") from error
