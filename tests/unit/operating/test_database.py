"""The SQLite file of an exchange: all or nothing, durable, and its faults named."""

import sqlite3

import pytest

from tocsin.errors import Damaged, Unavailable
from tocsin.operating.database import Database

SCHEMA = "CREATE TABLE IF NOT EXISTS one (value BLOB)"


@pytest.fixture
def database(tmp_path):
    database = Database(tmp_path / "some.db", SCHEMA)
    yield database
    database.close()


def test_of_a_block_that_fails_nothing_is_stored(database):
    def half():
        with database.write() as connection:
            connection.execute("INSERT INTO one VALUES (1)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert database.rows("SELECT * FROM one") == []


def test_what_was_deleted_is_in_no_page_once_the_log_is_truncated(database, tmp_path):
    with database.write() as connection:
        connection.execute("INSERT INTO one VALUES (?)", (b"needle" * 2000,))
    with database.write() as connection:
        connection.execute("DELETE FROM one")
    assert database.truncate()
    assert not any(b"needle" in one.read_bytes() for one in tmp_path.iterdir())


def test_a_reader_in_the_way_of_truncation_is_told_of(database, tmp_path):
    with database.write() as connection:
        connection.execute("INSERT INTO one VALUES (1)")
    reader = sqlite3.connect(tmp_path / "some.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM one").fetchall()
    with database.write() as connection:
        connection.execute("INSERT INTO one VALUES (2)")
    database._writer.execute("PRAGMA busy_timeout = 50")
    assert not database.truncate()
    reader.close()
    assert database.truncate()


def test_a_file_that_is_no_database_is_damaged(tmp_path):
    (tmp_path / "some.db").write_bytes(b"this is no database at all, but long enough" * 40)
    with pytest.raises(Damaged):
        Database(tmp_path / "some.db", SCHEMA)


def test_a_file_that_was_replaced_is_not_written_to(database, tmp_path):
    (tmp_path / "some.db").rename(tmp_path / "other.db")
    with pytest.raises(Unavailable), database.write():
        raise AssertionError("this must not be reached")


def test_a_place_that_cannot_be_written_is_unavailable(tmp_path):
    with pytest.raises(Unavailable):
        Database(tmp_path / "missing" / "some.db", SCHEMA)
