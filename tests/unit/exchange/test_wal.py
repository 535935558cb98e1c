"""A new database is opened by many at the same moment, and by each in the end."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Event

import pytest

from tocsin.exchange.wal import use_wal


@pytest.fixture
def holder(tmp_path):
    """A connection that has locked a new database."""
    path = tmp_path / "new.db"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as one:
        one.execute("CREATE TABLE some (thing)")
        one.execute("BEGIN EXCLUSIVE")
        yield one


@pytest.fixture
def comer(tmp_path, holder):
    """Another one that is to use it, and that SQLite never lets wait."""
    with closing(sqlite3.connect(tmp_path / "new.db", 0, check_same_thread=False)) as one:
        yield one


def test_whoever_comes_while_it_is_locked_waits(holder, comer):
    tried = Event()

    def execute(sql):
        try:
            return comer.execute(sql)
        finally:
            tried.set()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(use_wal, execute, busy_timeout_s=60)
        tried.wait()
        assert not waiting.done()
        holder.execute("COMMIT")
        waiting.result()
    assert comer.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_it_waits_no_longer_than_it_is_told(comer):
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        use_wal(comer.execute, busy_timeout_s=0)


def test_what_is_no_database_is_no_reason_to_wait(tmp_path):
    (tmp_path / "other").write_bytes(b"no database at all" * 100)
    with closing(sqlite3.connect(tmp_path / "other")) as one, pytest.raises(sqlite3.DatabaseError):
        use_wal(one.execute, busy_timeout_s=60)
