"""Fixtures of sharing: an exchange with members, and a node that follows it as one of them."""

import pytest

from exchanges import ORIGIN, URL, Running
from shares import NearPlace, PlainTrust, policy_of
from tocsin.entries.parties import Role
from tocsin.lists.items import Items
from tocsin.lists.rules import Rules
from tocsin.sharing.following import Following


@pytest.fixture
def running(tmp_path):
    """An exchange with alice, who contributes, and bob, who reviews."""
    running = Running(tmp_path / "exchange")
    running.alice = running.join("alice", Role.CONTRIBUTOR, Role.REVIEWER)
    running.bob = running.join("bob", Role.REVIEWER, Role.CONTRIBUTOR)
    running.dana = running.join("dana", Role.READER, Role.REVIEWER)
    yield running
    running.close()


@pytest.fixture
def place(running):
    """The exchange, as dana reaches it."""
    return NearPlace(running, "dana")


@pytest.fixture
def trust():
    return PlainTrust()


@pytest.fixture
def following(store, running, place, trust, tmp_path):
    """A node that follows the exchange as dana, caught up with nothing yet."""
    following = Following(
        store,
        trust,
        running.clock,
        tmp_path / "keys",
        connect=lambda *_: place,
        changed=lambda: None,
        processes=1,
    )
    following.add(
        "hub",
        origin=ORIGIN,
        url=URL,
        policy=policy_of(running),
        member="dana",
        key=running.dana.key,
        actor="cli",
    )
    yield following
    following.close()


@pytest.fixture
def items(store, running):
    return Items(store, running.clock)


@pytest.fixture
def rules(store, running):
    return Rules(store, running.clock)
