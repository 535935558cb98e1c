"""Fixtures of attacks: a log whose key somebody dishonest has, and a node that follows it."""

import pytest

from ledger import Ledger
from shares import LedgerPlace
from victims import victim_of


@pytest.fixture
def ledger():
    """What was said so far: everybody has joined."""
    return Ledger.of_all()


@pytest.fixture
def place(ledger):
    """The log of it, as its operator shows it to a member."""
    return LedgerPlace(ledger, "rights")


@pytest.fixture
def victim(place, sqlite_store, tmp_path):
    """A member that follows it."""
    victim = victim_of(place, sqlite_store, tmp_path)
    yield victim
    victim.following.close()
