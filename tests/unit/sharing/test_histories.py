"""Whatever the order of pages, rings, crashes and restarts: the state is that of the log.

A history is what members say in a random order, good and bad. One node follows it live, cut off at
random points; another one reads it from zero at the end. Both must stand the same.
"""

import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import ORIGIN, Ledger, item, public_key
from shares import LedgerPlace
from tocsin.entries.statements import (
    Approve,
    Erase,
    GroupSaid,
    IncidentSaid,
    KeySaid,
    MemberSaid,
    Opinion,
    Retract,
    Supersede,
    moment,
)
from tocsin.errors import TocsinError
from tocsin.recording.store import Store
from tocsin.sharing.digest import state_digest
from tocsin.sharing.entrusting import Entrusted, ExchangeRules
from tocsin.sharing.following import Following
from tocsin.trust.standing import Standing

ME = "court"


class Crash(Exception):
    """The process died here."""


class Mortal:
    """Trust that dies at its n-th call from now, inside the transaction."""

    def __init__(self, trust) -> None:
        self._trust = trust
        self.calls_left = None

    def __getattr__(self, name):
        found = getattr(self._trust, name)

        def call(*arguments):
            if self.calls_left is not None:
                self.calls_left -= 1
                if self.calls_left < 0:
                    self.calls_left = None
                    raise Crash
            return found(*arguments)

        return call


class Node:
    """A node that follows the ledger's log, on SQLite."""

    def __init__(self, path, place) -> None:
        self.store = Store(f"sqlite:///{path}")
        clock = lambda: place.ledger.at  # noqa: E731
        rules = ExchangeRules(self.store)
        self.standing = Standing(self.store, clock, rules)
        self.trust = Mortal(Entrusted(clock, rules, self.standing))
        self.dies_after = False
        self.following = Following(
            self.store,
            self.trust,
            clock,
            path.parent / "keys",
            connect=lambda *_: place,
            changed=self._changed,
            processes=1,
        )
        self.place = place
        if not self.following.all():
            terms = {"origin": ORIGIN, "url": "https://exchange.example", "actor": "cli"}
            self.following.add("hub", policy=place.policy, member=ME, **terms)
        self.follower = self._follower()

    def _follower(self):
        return self.following._follower(self.following.get("hub"), self.place)

    def _changed(self):
        if self.dies_after:
            self.dies_after = False
            raise Crash

    def digest(self):
        self.standing.review(everything=True)
        return state_digest(self.store, self.following.get("hub").id)

    def close(self):
        self.following.close()
        self.store.close()


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    path = tmp_path_factory.mktemp("template") / "tocsin.db"
    Store(f"sqlite:///{path}").close()
    return path


SAYS = ("item", "grouped", "opinion", "retract", "supersede", "erase", "revoke", "suspend")
SAYS += ("reinstate", "group", "incident", "drill", "forged", "malformed", "garbled", "future")
steps = st.tuples(st.sampled_from(SAYS), st.integers(0, 2**16))
DOES = ("catch_up", "ring", "crash", "crash_after", "restart", "replay", "again")
moves = st.lists(st.tuples(st.lists(steps, max_size=5), st.sampled_from(DOES)), max_size=8)


def say(ledger, place, what, number):  # noqa: C901 - one branch for each kind of entry
    """Let somebody say something; what is barred is logged all the same, as by a bad exchange."""
    items = [at for at, one in enumerate(ledger.parcels) if one.envelope.type == 16]
    of = items[number % len(items)] if items else 0
    who = ("tube", "chat", "police")[number % 3]
    match what:
        case "item":
            ledger.say(who, item(ledger.at, note=f"n{number}", labels=("threat",)))
        case "grouped":
            ledger.say("tube", item(ledger.at, note=f"g{number}", audience="cell"))
        case "opinion":
            view = ("confirm", "dispute", "saw", "flood")[number % 4]
            ledger.say("rights", Opinion(of=of, opinion=view, own_media=bool(number % 2)))
        case "retract":
            ledger.say(who, Retract(of=of, reason="wrong"))
        case "supersede":
            ledger.say(who, Supersede(of=items[0] if items else 0, by=of, reason="better"))
        case "erase":
            ledger.say("industry", Erase(of=number % max(1, ledger.size), reason="error"))
        case "revoke":
            since = number % max(1, ledger.size)
            said = KeySaid(action="revoke", member="chat", key=public_key("chat"), since=since)
            ledger.say("industry", said)
        case "suspend" | "reinstate":
            ledger.say("industry", MemberSaid(action=what, member="tube"))
        case "group":
            members = ("tube", ME, "chat")[: number % 4]
            ledger.say("industry", GroupSaid(audience="cell", members=members))
        case "incident" | "drill":
            ends = moment(ledger.at) + 3600
            name = f"i{number % 3}"
            said = IncidentSaid(
                action="open",
                incident=name,
                kind="awareness",
                title="t",
                ends_at=ends,
                reason="r",
                drill=what == "drill",
            )
            ledger.say("police", said)
            ledger.say("rescue", Approve(of=ledger.size - 1))
            ledger.say("tube", item(ledger.at, days=0.5, incident=name))
        case "forged":
            ledger.say(who, item(ledger.at, note=f"f{number}"), signature=bytes(64))
        case "future":
            late = ledger.at.timestamp() * 1000 + 3_600_000
            ledger.say(who, item(ledger.at, note=f"l{number}"), received_ms=int(late))
        case "malformed" | "garbled":
            place.publish()


def act(node, place, template, path, what):
    """Let the node do something, or die of it."""
    ring = place.publish()
    match what:
        case "catch_up" | "again":
            node.follower.catch_up()
        case "ring":
            node.follower.ring(ring)
        case "replay":
            node.following.replay("hub", actor="cli")
            node.follower.reload()
        case "crash":
            node.trust.calls_left = len(place.leaves) % 3
            with _dying():
                node.follower.catch_up()
            node.trust.calls_left = None
        case "crash_after":
            node.dies_after = True
            with _dying():
                node.follower.catch_up()
            node.dies_after = False
        case "restart":
            node.close()
            return Node(path, place)
    return node


class _dying:  # noqa: N801
    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        return kind is not None and issubclass(kind, Crash | TocsinError)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves)
def test_a_node_that_was_cut_off_anywhere_stands_as_one_that_reads_from_zero(
    template, tmp_path_factory, moves
):
    folder = tmp_path_factory.mktemp("node")
    first, second = folder / "a" / "t.db", folder / "b" / "t.db"
    for path in (first, second):
        path.parent.mkdir()
        shutil.copy(template, path)
    ledger = Ledger.of_all()
    place = LedgerPlace(ledger, ME)
    place.publish()
    node = Node(first, place)
    for said, what in moves:
        for one in said:
            say(ledger, place, *one)
        node = act(node, place, template, first, what)
    node.follower.catch_up()
    node.follower.catch_up()
    fresh = Node(second, place)
    fresh.follower.catch_up()
    try:
        assert node.digest() == fresh.digest()
    finally:
        node.close()
        fresh.close()
        shutil.rmtree(folder)
