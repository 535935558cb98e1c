"""A database is brought up to date once, by whoever comes first, and never half-way."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, inspect, select, text

from tocsin.errors import ConfigurationError
from tocsin.recording import migrating, shared, tables
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


def test_all_migrations_together_make_the_tables_that_the_code_knows(engine):
    migrating.upgrade(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, shared.metadata) == []


def upgrade_to(engine, revision):
    """Make the database of an earlier release."""
    config = Config()
    config.set_main_option("script_location", str(migrating._SCRIPTS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


FIRST_RELEASE = (
    "INSERT INTO list VALUES (1, 'block', 'block', 31, 50, 'hold', 'hold', '[]', '[]', 1.0, '',"
    " true, 365, 0, NULL)",
    "INSERT INTO item VALUES (7, 1, '', '[]', '', true, NULL, NULL, 0, NULL)",
    "INSERT INTO event VALUES (1, 5, 'upload:screening:completed', 'api', 'held',"
    """ '{"verdict"\\:"hold","hits"\\:[{"item"\\:7},{"item"\\:7}]}')""",
    "INSERT INTO event VALUES (2, 6, 'upload:screening:completed', 'api', 'allowed',"
    """ '{"verdict"\\:"allow","hits"\\:[{"item"\\:7}]}')""",
    "INSERT INTO event VALUES (3, 7, 'list:rule:created', 'api', 'block', '{}')",
)


def test_what_the_first_release_stored_acts_as_before_and_can_be_reopened(engine):
    upgrade_to(engine, "0001")
    with engine.begin() as connection:
        for statement in FIRST_RELEASE:
            connection.execute(text(statement))
    migrating.upgrade(engine)
    with engine.connect() as connection:
        item = connection.execute(select(tables.items)).one()
        (sighting,) = connection.execute(select(tables.sightings)).all()
    assert (item.stage, item.disputed, item.issuer) == ("enforced", False, "")
    assert (sighting.item_id, sighting.upload_id, sighting.acted) == (7, "held", True)


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
