"""Fixtures of the API: one node for all tests, and lists and pictures of a test's own."""

from itertools import count

import pytest

from nodes import running
from tocsin.sample import encode, picture

_numbers = count(1)


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """A node that answers, with the default settings."""
    with running(tmp_path_factory.mktemp("node")) as node:
        yield node


@pytest.fixture(scope="session")
def _admin(served):
    with served.client() as client:
        yield client


@pytest.fixture
def api(_admin):
    """A program that may do everything."""
    return _admin


@pytest.fixture
def stranger(served):
    """A program without a key."""
    with served.stranger() as client:
        yield client


@pytest.fixture
def known(api):
    """The name of an empty block list that no other test uses."""
    name = f"known-{next(_numbers)}"
    assert api.post("/v1/lists", json={"name": name}).status_code == 201
    return name


@pytest.fixture
def bank(api):
    """The name of an empty bank that no other test uses."""
    name = f"BANK_{next(_numbers)}"
    assert api.post("/c/banks", json={"name": name}).status_code == 201
    return name


@pytest.fixture
def seed():
    """A number that no other test draws pictures or hashes from."""
    return next(_numbers) + 10_000


@pytest.fixture
def photo(seed):
    """A JPEG that no other test uses."""
    return encode(picture(seed, (320, 240)), "JPEG", quality=90)
