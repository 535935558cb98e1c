"""A database is brought up to date once, by whoever comes first, and never half-way."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, inspect, text

from tocsin.errors import ConfigurationError
from tocsin.recording import migrating, tables
from tocsin.recording.store import Store


@pytest.fixture
def engine(empty_store_url):
    made = create_engine(empty_store_url)
    yield made
    made.dispose()


def version(engine):
    with engine.connect() as connection:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()


def test_an_empty_database_gets_every_table_with_every_column(engine):
    migrating.upgrade(engine)
    found = inspect(engine)
    for table in tables.metadata.sorted_tables:
        names = {column["name"] for column in found.get_columns(table.name)}
        assert names == set(table.c.keys())


def test_migrating_again_changes_nothing(engine):
    migrating.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO counter VALUES ('kept', 7)"))
    before = version(engine)
    migrating.upgrade(engine)
    with engine.connect() as connection:
        kept = connection.execute(text("SELECT value FROM counter WHERE name = 'kept'"))
        assert kept.scalar_one() == 7
    assert version(engine) == before


def test_a_database_of_a_newer_version_is_refused_and_left_alone(empty_store_url, engine):
    migrating.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match="newer Tocsin"):
        Store(empty_store_url)
    assert version(engine) == "9999"


def open_at_once(url):
    """Open a store several times at the same moment and give the names that it had."""
    barrier = threading.Barrier(6)

    def open_one(_):
        barrier.wait()
        opened = Store(url)
        opened.close()
        return opened.id

    with ThreadPoolExecutor(6) as pool:
        return set(pool.map(open_one, range(6)))


def test_many_that_open_an_empty_database_at_once_agree_on_it(empty_store_url):
    assert len(open_at_once(empty_store_url)) == 1


def test_many_that_open_a_nameless_database_at_once_agree_on_its_name(store_url):
    assert len(open_at_once(store_url)) == 1
