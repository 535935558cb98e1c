"""SQLite's write-ahead log, also where many open a new database at the same moment."""

import sqlite3
import time
from collections.abc import Callable

PAUSE_S = 0.01


def use_wal(execute: Callable[[str], object], *, busy_timeout_s: float) -> None:
    """Have a database keep a write-ahead log, which it then does for ever.

    Where two begin this at once, SQLite does not let them wait as its `busy_timeout` has it, but
    tells one at once that the database is locked. Raises sqlite3.OperationalError when the time is
    over.
    """
    deadline = time.monotonic() + busy_timeout_s
    while True:
        try:
            execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(PAUSE_S)
        else:
            return
