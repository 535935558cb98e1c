"""The database: one writer thread that commits in groups, many readers, one list revision.

Every change of a list takes the next number of the `revision` counter inside its own transaction.
The counter's row lock makes the order of numbers the order of commits, so whoever has applied
everything up to a revision has missed nothing. PostgreSQL sequences were rejected for this: they
hand out numbers outside the transaction, and a reader can pass one that commits later.
"""

import queue
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Table, create_engine, event, insert, select, update
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DataError, DBAPIError, SQLAlchemyError, StatementError
from sqlalchemy.pool import ConnectionPoolEntry

from tocsin.errors import ConfigurationError, InvalidInput, TocsinError, Unavailable
from tocsin.exchange.wal import use_wal
from tocsin.recording import migrating, tables
from tocsin.recording.events import Event
from tocsin.recording.pulse import Pulse

GROUP_LIMIT = 512
"""Most jobs committed together: bounds how long the first one waits for the last."""

_BUSY_MS = 10_000
_SCRUB_MS = 1_000
"""How long SQLite waits for others; the second for `scrub`, which can come again."""

T = TypeVar("T")
Job = Callable[[Connection], T]
NewRow = tuple[Table, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Pending:
    """Work for the writer: either a job, or plain rows that need no savepoint of their own."""

    future: "Future[Any]"
    job: Job[Any] | None
    rows: Sequence[NewRow] = ()

    def insert(self, connection: Connection) -> None:
        """Store the plain rows, as a job: one statement for each table."""
        by_table: dict[Table, list[dict[str, Any]]] = {}
        for table, values in self.rows:
            by_table.setdefault(table, []).append(values)
        for table, rows in by_table.items():
            connection.execute(insert(table), rows)


_Answer = tuple[_Pending, Any, BaseException | None]


class Store:
    """The node's memory. Thread-safe; several processes may open the same database."""

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        self._reading = self._engine.execution_options(reading=True)
        self._path = Path(self._engine.url.database or "") if _is_sqlite(self._engine) else None
        with _translated("opened"):
            migrating.upgrade(self._engine)
            self.id = self._identify()
        self._pulse = Pulse(self._engine)
        self._inode = self._path.stat().st_ino if self._path else 0
        self._pending: queue.SimpleQueue[_Pending | None] = queue.SimpleQueue()
        self._closed = False
        self._closing = threading.Lock()  # Guards `_closed`: nothing is queued behind the end.
        self._commits = [0] * (GROUP_LIMIT + 1)  # Belongs to the writer.
        self._writer = threading.Thread(target=self._write_groups, name="store", daemon=True)
        self._writer.start()

    @property
    def dialect(self) -> str:
        """The kind of database: "sqlite" or "postgresql"."""
        return self._engine.dialect.name

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a connection for reading. Raises Unavailable."""
        with _translated("read"):
            self._check_present()
            with self._reading.connect() as connection:
                yield connection

    def write(self, job: Job[T]) -> "Future[T]":
        """Run `job` in the next group of writes; the future ends when that group is durable.

        The future raises what the job raised, or Unavailable when the group was lost; then
        nothing of the job is stored.
        """
        return self._submit(_Pending(Future(), job))

    def record(self, *happened: Event) -> "Future[None]":
        """Store events in the next group of writes; the future ends when they are durable."""
        return self.insert([event_row(one) for one in happened])

    def insert(self, rows: "Sequence[NewRow]") -> "Future[None]":
        """Store new rows in the next group of writes, all or none; far cheaper than a job.

        The future ends when they are durable; it raises as `write` does.
        """
        return self._submit(_Pending(Future(), None, rows))

    def revision(self) -> int:
        """Return the number of the latest change of any list. Raises Unavailable."""
        with _translated("read"):
            self._check_present()
            return self._pulse.read()

    def scrub(self) -> bool:
        """Empty SQLite's write-ahead log, where what was overwritten still stands.

        False while somebody reads the database: call again. Raises Unavailable. PostgreSQL lets go
        of it when it vacuums, and of its own log as that is set up.
        """
        if not _is_sqlite(self._engine):
            return True
        with _translated("written"), closing(self._engine.raw_connection()) as connection:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA busy_timeout = {_SCRUB_MS}")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            row = cursor.fetchone()
            cursor.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
            return row is not None and bool(row[0] == 0)

    def commits(self) -> tuple[int, ...]:
        """Count the groups of writes committed so far: element n is those of n jobs."""
        return tuple(self._commits)

    def close(self) -> None:
        """Finish what was submitted, then let go of the database. May be called twice."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._pending.put(None)
        self._writer.join()
        self._pulse.close()
        self._engine.dispose()

    def _submit(self, pending: _Pending) -> "Future[Any]":
        with self._closing:
            if self._closed:
                raise Unavailable("the node is shutting down")
            self._pending.put(pending)
        return pending.future

    def _identify(self) -> str:
        """Give the database a name of its own, so that no index of another one is mistaken."""
        with self._engine.begin() as connection:
            migrating.take_turns(connection)
            found = connection.execute(select(tables.identity.c.store_id)).scalar()
            if found is not None:
                return str(found)
            fresh = secrets.token_hex(16)
            connection.execute(insert(tables.identity).values(store_id=fresh))
            connection.execute(insert(tables.counters).values(name="revision", value=0))
            return fresh

    def _check_present(self) -> None:
        """Notice a database file that was deleted or replaced: SQLite itself would go on."""
        if self._path is None:
            return
        try:
            present = self._path.stat().st_ino == self._inode
        except OSError:
            present = False
        if not present:
            raise Unavailable(
                f"the database {self._path} is gone or was replaced",
                advice="Stop the node, put the database back, and start again.",
            )

    def _write_groups(self) -> None:
        """Top loop of the writer thread: takes what is waiting, commits it as one group."""
        while True:
            first = self._pending.get()
            if first is None:
                return
            group, last = [first], False
            while len(group) < GROUP_LIMIT:
                try:
                    waiting = self._pending.get_nowait()
                except queue.Empty:
                    break
                if waiting is None:
                    last = True
                    break
                group.append(waiting)
            self._write_group(group)
            if last:
                return

    def _write_group(self, group: list[_Pending]) -> None:
        answers: list[_Answer] = []
        try:
            with _translated("written"):
                self._check_present()
                with self._engine.begin() as connection:
                    answers = [_run(one, connection, one.job) for one in group if one.job]
                    answers += _run_plain([one for one in group if not one.job], connection)
                self._check_present()  # Deleted meanwhile, it took what was written with it.
            self._commits[len(group)] += 1
        except BaseException as error:  # noqa: BLE001 - top loop; each waiter is told
            answers = [(pending, None, error) for pending in group]
        for pending, result, failure in answers:
            if failure is None:
                pending.future.set_result(result)
            else:
                pending.future.set_exception(failure)


def record_in(connection: Connection, *happened: Event) -> None:
    """Store events inside a job, so that they and the job's change stand or fall together."""
    if happened:
        connection.execute(insert(tables.events), [event_row(one)[1] for one in happened])


def next_revision(connection: Connection) -> int:
    """Take the next revision inside a job; the row stays locked until its group commits."""
    counter = tables.counters
    connection.execute(
        update(counter).where(counter.c.name == "revision").values(value=counter.c.value + 1)
    )
    return int(
        connection.execute(select(counter.c.value).where(counter.c.name == "revision")).scalar_one()
    )


def _run(pending: _Pending, connection: Connection, job: Job[Any]) -> _Answer:
    """Run one job in a savepoint: its failure undoes it alone, not its neighbours."""
    try:
        with connection.begin_nested():
            return pending, job(connection), None
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return pending, None, _explained("written", error)
    except StatementError as error:
        return pending, None, InvalidInput(f"this cannot be stored: {error.orig}")
    except Exception as error:  # noqa: BLE001 - handed to the one who waits for this job
        return pending, None, error


def _run_plain(group: list[_Pending], connection: Connection) -> list[_Answer]:
    """Store plain rows together; where that fails, one by one, so that a bad one falls alone."""
    if not group:
        return []
    whole = _Pending(Future(), None, [row for pending in group for row in pending.rows])
    _, _, failure = _run(whole, connection, whole.insert)
    if failure is None:
        return [(pending, None, None) for pending in group]
    return [_run(pending, connection, pending.insert) for pending in group]


def event_row(happened: Event) -> NewRow:
    """Return an event as the row that holds it."""
    values = {
        "at": happened.at,
        "tag": happened.tag.value,
        "actor": happened.actor,
        "subject": happened.subject,
        "body": happened.body,
    }
    return tables.events, values


def _is_sqlite(engine: Engine) -> bool:
    return engine.dialect.name == "sqlite"


def _engine(url: str) -> Engine:
    try:
        engine = create_engine(
            url, pool_size=8, max_overflow=32, pool_pre_ping=not url.startswith("sqlite")
        )
    except (SQLAlchemyError, ImportError) as error:
        raise ConfigurationError(
            f"the database URL cannot be used: {error}",
            advice="Use postgresql://user@host/name, with the extra `postgres` installed.",
        ) from error
    if _is_sqlite(engine):
        Path(engine.url.database or "").parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    """Set up durable WAL, and transactions that we begin ourselves."""
    del entry
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    use_wal(cursor.execute, busy_timeout_s=_BUSY_MS / 1000)
    for pragma in (
        # In pages: with SQLite's 1,000 a large import writes the same pages back many times.
        "wal_autocheckpoint = 20000",
        "synchronous = FULL",
        "foreign_keys = ON",
        # What is erased must not stay in the free space of pages.
        "secure_delete = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """Begin as what it is: a write takes the lock at once and cannot fail half-way for it."""
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


@contextmanager
def _translated(done: str) -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:  # The second from `scrub`, past SQLAlchemy.
        raise _explained(done, error) from error
    except OSError as error:
        raise Unavailable(f"the database could not be {done}: {error}") from error


def _explained(done: str, error: SQLAlchemyError | sqlite3.Error) -> TocsinError:
    cause = str(getattr(error, "orig", None) or error).strip().split("\n")[0]
    if isinstance(error, DataError):
        # The database takes no such value, such as a NUL: trying again would not help.
        return InvalidInput(f"this value cannot be {done}: {cause}")
    return Unavailable(f"the database could not be {done}: {cause}")
