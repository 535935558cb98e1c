"""One exchange behind a port for all tests of its API, and members of a test's own."""

from itertools import count

import pytest

from served import serving

_numbers = count(1)


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("exchange") / "x") as one:
        yield one


@pytest.fixture
def alice(served):
    """A platform that asserts items, and that no other test uses."""
    return served.join(f"alice-{next(_numbers)}")


@pytest.fixture
def dana(served):
    """Another one."""
    return served.join(f"dana-{next(_numbers)}")


@pytest.fixture
def remote(served, alice):
    """What alice reaches the exchange by."""
    one = served.remote(alice)
    yield one
    one.close()


@pytest.fixture
def stranger(served):
    with served.client() as client:
        yield client
