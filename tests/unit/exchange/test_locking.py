"""Lock records change only from what was read: on SQLite and on PostgreSQL."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, text

from tocsin.exchange.errors import Absent, Overtaken, Unavailable
from tocsin.exchange.locking import SqlLocks, open_locks


@pytest.fixture
def locks(empty_store_url):
    return open_locks(empty_store_url)


def test_a_record_reads_back_as_it_was_written(locks):
    locks.create("log", b"one \xe2\x80\x94\n")
    assert locks.read("log") == b"one \xe2\x80\x94\n"
    locks.swap("log", b"one \xe2\x80\x94\n", b"two")
    assert locks.read("log") == b"two"


def test_a_record_that_was_never_made_is_absent(locks):
    with pytest.raises(Absent):
        locks.read("log")


def test_a_record_is_made_once(locks):
    locks.create("log", b"one")
    with pytest.raises(Overtaken):
        locks.create("log", b"two")
    assert locks.read("log") == b"one"


@pytest.mark.parametrize("old", [b"", b"other", b"ones", b"ONE"])
def test_a_swap_from_anything_else_changes_nothing(locks, old):
    locks.create("log", b"one")
    with pytest.raises(Overtaken):
        locks.swap("log", old, b"two")
    assert locks.read("log") == b"one"


def test_a_swap_of_no_record_is_overtaken(locks):
    with pytest.raises(Overtaken):
        locks.swap("log", b"one", b"two")


def test_records_of_two_logs_do_not_touch(locks):
    locks.create("log", b"one")
    locks.create("other", b"one")
    locks.swap("log", b"one", b"two")
    assert locks.read("other") == b"one"


def test_of_many_who_swap_at_once_one_wins(empty_store_url):
    open_locks(empty_store_url).create("log", b"start")
    ready = threading.Barrier(6)

    def swap(number):
        mine = open_locks(empty_store_url)
        ready.wait()
        try:
            mine.swap("log", b"start", str(number).encode())
        except Overtaken:
            return None
        return str(number).encode()

    with ThreadPoolExecutor(6) as pool:
        won = [one for one in pool.map(swap, range(6)) if one is not None]
    assert won == [open_locks(empty_store_url).read("log")]


def test_a_record_outlives_the_connection(empty_store_url):
    open_locks(empty_store_url).create("log", b"one")
    assert open_locks(empty_store_url).read("log") == b"one"


def test_many_open_an_empty_database_at_once(empty_store_url):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(open_locks, [empty_store_url] * 8))
    found[0].create("log", b"one")
    assert {one.read("log") for one in found} == {b"one"}


def test_a_sqlite_commit_is_synced(tmp_path):
    locks = open_locks(f"sqlite:///{tmp_path / 'lock.db'}")
    with locks._engine.connect() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2  # FULL


@pytest.mark.parametrize(
    "url", ["sqlite:////nowhere/lock.db", "nonsense", "postgresql+psycopg://u@/d?host=/nowhere"]
)
def test_a_database_that_cannot_be_reached_is_unavailable(url):
    with pytest.raises(Unavailable):
        open_locks(url)


def test_a_database_that_goes_away_is_unavailable(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'lock.db'}")
    locks = SqlLocks(engine)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE log_checkpoints"))
    with pytest.raises(Unavailable):
        locks.read("log")
    with pytest.raises(Unavailable):
        locks.swap("log", b"one", b"two")
