"""A SQLite file that its exchange alone keeps: durable when a write returns, zeroed when deleted.

SQLite alone, not the node's database: whatever is erased must be gone from every page and from the
write-ahead log, and of no other store can that be shown by reading its bytes.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tocsin.errors import Damaged, Unavailable
from tocsin.exchange.wal import use_wal

BUSY_TIMEOUT_S = 10.0
_BROKEN = ("malformed", "not a database", "corrupt")

Row = tuple[object, ...]


class Database:
    """One file. Thread-safe; a command of the operator may open it beside the exchange.

    With `durable=False` a write may be lost if the machine dies, though not if the process does.
    """

    def __init__(self, path: Path, schema: str, *, durable: bool = True) -> None:
        self._path = path
        self._durable = durable
        self._lock = threading.Lock()
        self._local = threading.local()
        self._open: list[sqlite3.Connection] = []  # Owned by _lock.
        with _translated(path):
            _make_private(path)
            self._writer = self._connect()
            self._writer.executescript(schema)
            self._inode = path.stat().st_ino

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Open a transaction; when the block has ended it is durable, or nothing of it is stored.

        Raises Unavailable (also for a full disk), Damaged.
        """
        with self._lock, _translated(self._path), ExitStack() as undo:
            self._check_present()
            self._writer.execute("BEGIN IMMEDIATE")
            undo.callback(self._roll_back)
            yield self._writer
            self._writer.execute("COMMIT")
            undo.pop_all()

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):
            self._writer.execute("ROLLBACK")

    def rows(self, query: str, values: Sequence[object] = ()) -> list[Row]:
        """Return all rows of a query. Raises Unavailable, Damaged."""
        with _translated(self._path):
            return self._reader().execute(query, values).fetchall()

    def truncate(self) -> bool:
        """Empty the write-ahead log into the file; False while a reader is in the way.

        Raises Unavailable, Damaged.
        """
        with self._lock, _translated(self._path):
            (busy, _, _) = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    def close(self) -> None:
        """Let go of the file. May be called twice."""
        with self._lock:
            for connection in self._open:
                with suppress(sqlite3.Error):
                    connection.close()
            self._open.clear()

    def _reader(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            with self._lock:
                found = self._connect()
            self._local.connection = found
        return found

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        self._open.append(connection)
        use_wal(connection.execute, busy_timeout_s=BUSY_TIMEOUT_S)
        for pragma in (
            f"synchronous = {'FULL' if self._durable else 'NORMAL'}",
            "secure_delete = ON",
            "temp_store = MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _check_present(self) -> None:
        """Notice a file that was deleted or replaced: SQLite itself would go on."""
        with suppress(OSError):
            if self._path.stat().st_ino == self._inode:
                return
        raise Unavailable(
            f"{self._path} was deleted or replaced", advice="Start the exchange anew."
        )


def _make_private(path: Path) -> None:
    """Let only the owner read a file that is about to be made; SQLite's others follow it."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        if any(word in str(error) for word in _BROKEN):
            raise Damaged(f"{path} is damaged: {error}") from error
        raise Unavailable(f"{path} could not be used: {error}") from error
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror or error}") from error
