"""Fixtures for all tests: a clock that stands still, and a store on each database.

Actors in tests are people: alice moderates, bob leads her team, charlie is outside, dana works at
a peer platform.
"""

import shutil
import signal

import pytest
from hypothesis import settings

from clocks import FakeClock
from databases import Postgres, migrated_database, new_database, start_postgres
from served import a_key
from servers import answer, serve
from tocsin.recording.store import Store
from tocsin.sharing.remote import Remote

# Run in the background of a script, pytest ignores Ctrl-C, and so would the programs it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Machines that run the tests are shared: how long an example takes says nothing.
settings.register_profile("tocsin", deadline=None)
settings.load_profile("tocsin")


@pytest.fixture
def clock() -> FakeClock:
    """The same moment until the test advances it."""
    return FakeClock()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """A PostgreSQL server of the tests' own, or what stands in the way of having one."""
    with start_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_store_url(request, tmp_path):
    """The URL of a database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'tocsin.db'}"
    else:
        yield from _database(request, new_database)


@pytest.fixture(scope="session")
def sqlite_file(tmp_path_factory):
    """A database with all tables and nothing in them, to be copied: making one takes longer."""
    path = tmp_path_factory.mktemp("template") / "tocsin.db"
    Store(f"sqlite:///{path}").close()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request, tmp_path):
    """The URL of a database that no other test uses."""
    if request.param == "sqlite":
        yield _copied(request, tmp_path)
    else:
        yield from _database(request, migrated_database)


@pytest.fixture
def store(store_url):
    """A store on each of the two databases."""
    yield from _opened(store_url)


@pytest.fixture
def sqlite_store(request, tmp_path):
    """A store on SQLite, for what only that does."""
    yield from _opened(_copied(request, tmp_path))


@pytest.fixture
def postgresql_url(request):
    """The URL of a PostgreSQL database, for what only that does."""
    yield from _database(request, migrated_database)


@pytest.fixture
def postgresql_store(postgresql_url):
    """A store on PostgreSQL, for what only that does."""
    yield from _opened(postgresql_url)


def _opened(url):
    store = Store(url)
    yield store
    store.close()


def _copied(request, folder):
    shutil.copy(request.getfixturevalue("sqlite_file"), folder / "tocsin.db")
    return f"sqlite:///{folder / 'tocsin.db'}"


def _database(request, made):
    server = request.getfixturevalue("postgres")
    if not isinstance(server, Postgres):
        pytest.skip(server)
    with made(server) as url:
        yield url


@pytest.fixture
def server():
    """A server that answers as a test tells it to."""
    with serve(answer(body=b"content")) as running:
        yield running


@pytest.fixture
def remote(server):
    """A member's way to that server, as if it were an exchange."""
    one = Remote(server.url(""), a_key(), local=True)
    yield one
    one.close()
