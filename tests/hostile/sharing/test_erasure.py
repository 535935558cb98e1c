"""What was erased is in no file of a member, nor of the one who said it.

Passed if a scan of all bytes of the node's folder finds neither text nor signal nor nonce, while it
runs and after it was closed, and everything else is still there.
"""

from pathlib import Path

import pytest

from exchanges import ORIGIN, URL, Running, an_item
from shares import NearPlace, policy_of
from signals import pdq
from tocsin.app import build
from tocsin.config import load
from tocsin.entries.parties import Role
from tocsin.entries.statements import Erase, Opinion, SignalSaid, View
from tocsin.model import Upload, UploadKind
from tocsin.recording.store import Store
from tocsin.sharing.entrusting import Entrusted, ExchangeRules
from tocsin.sharing.following import Following
from tocsin.trust.standing import Standing
from traces import traces
from waiting import wait_until

SECRET = "the name of a person who must be forgotten"
CODE = bytes.fromhex("5ec2e7" + "a5" * 28 + "77")
PDQ = pdq(77).value
NEEDLES = (
    SECRET.encode(),
    *(CODE, CODE.hex().encode(), CODE.hex().upper().encode()),
    *(PDQ, PDQ.hex().encode(), PDQ.hex().upper().encode()),
)


class Member:
    """A member's node, in a folder of its own."""

    def __init__(self, running, person, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.store = Store(f"sqlite:///{folder / 'tocsin.db'}")
        rules = ExchangeRules(self.store)
        trust = Entrusted(running.clock, rules, Standing(self.store, running.clock, rules))
        self.place = NearPlace(running, person.name)
        self.following = Following(
            self.store,
            trust,
            running.clock,
            folder / "keys",
            connect=lambda *_: self.place,
            changed=lambda: None,
            processes=1,
        )
        about = {"origin": ORIGIN, "url": URL, "policy": policy_of(running), "actor": "cli"}
        self.following.add("hub", member=person.name, key=person.key, **about)

    def catch_up(self) -> None:
        self.following.catch_up("hub")

    def close(self) -> None:
        self.following.close()
        self.store.close()


@pytest.fixture
def running(tmp_path):
    """An exchange with alice, who says things, and dana, who follows."""
    running = Running(tmp_path / "exchange")
    running.alice = running.join("alice", Role.CONTRIBUTOR)
    running.dana = running.join("dana", Role.CONTRIBUTOR)
    yield running
    running.close()


@pytest.fixture
def dana(running, tmp_path):
    """The node of dana."""
    member = Member(running, running.dana, tmp_path / "dana")
    yield member
    member.close()


@pytest.fixture
def alice(running, tmp_path):
    """The node of alice, through which she publishes."""
    member = Member(running, running.alice, tmp_path / "alice")
    yield member
    member.close()


def secret_item():
    signals = (
        SignalSaid(type="sha256", value=CODE.hex()),
        SignalSaid(type="pdq", value=PDQ.hex(), quality=80),
    )
    return an_item(1, note=SECRET, signals=signals, evidence=SECRET)


def test_a_follower_keeps_nothing_of_what_was_erased(running, dana):
    (kept,) = running.alice.say(an_item(7))
    (of,) = running.alice.say(secret_item())
    dana.catch_up()
    assert traces(dana.folder, *NEEDLES)
    running.alice.say(Erase(of=of, reason="data-protection"))
    dana.catch_up()
    assert traces(dana.folder, *NEEDLES) == []
    assert traces(dana.folder, b"item number 7")
    dana.close()
    assert traces(dana.folder, *NEEDLES) == []
    assert kept < of


def test_an_opinion_is_forgotten_with_its_reason(running, dana):
    (of,) = running.dana.say(an_item(7))
    (said,) = running.alice.say(Opinion(of=of, opinion=View.DISPUTE, reason=SECRET))
    dana.catch_up()
    running.alice.say(Erase(of=said, reason="data-protection"))
    dana.catch_up()
    assert traces(dana.folder, SECRET.encode()) == []


def test_who_said_it_keeps_neither_text_nor_nonce(running, alice):
    publisher = alice.following.publisher("hub")
    of = publisher.publish(secret_item())
    (content,) = running.exchange.payloads(of, of + 1, member="alice")
    alice.catch_up()
    publisher.publish(Erase(of=of, reason="error"))
    alice.catch_up()
    assert traces(alice.folder, *NEEDLES, content[:32]) == []


def test_a_member_that_was_offline_never_gets_it(running, dana):
    (of,) = running.alice.say(secret_item())
    running.alice.say(Erase(of=of, reason="data-protection"))
    dana.catch_up()
    assert traces(dana.folder, *NEEDLES) == []
    assert dana.following.status()[0].faults == {}


def test_a_receipt_says_that_it_was_destroyed(running, dana):
    (of,) = running.alice.say(secret_item())
    dana.catch_up()
    (erase,) = running.alice.say(Erase(of=of, reason="data-protection"))
    dana.catch_up()
    assert dana.following.publisher("hub").send() == 1
    (content,) = running.exchange.payloads(erase + 1, erase + 2, member="alice")
    assert content[32:].startswith(b'{"audience":"members","of":%d,"type":"erased"' % erase)
    assert running.exchange.position("dana").sequence == 1


def test_reading_the_log_anew_does_not_bring_it_back(running, dana):
    (of,) = running.alice.say(secret_item())
    dana.catch_up()
    running.alice.say(Erase(of=of, reason="data-protection"))
    dana.catch_up()
    dana.following.replay("hub", actor="cli")
    dana.catch_up()
    assert traces(dana.folder, *NEEDLES) == []


@pytest.fixture
def node(running, tmp_path, monkeypatch):
    """A whole node of dana's, with indices and screenings, whose lists act."""
    folder = tmp_path / "node"
    place = NearPlace(running, "dana")
    # The time of the exchange, in which its items end.
    monkeypatch.setattr("tocsin.app.now", running.clock)
    with build(load({}, data=folder)) as node:
        node.following._connect = lambda *_: place
        about = {"origin": ORIGIN, "url": URL, "policy": policy_of(running), "actor": "cli"}
        node.following.add("hub", member="dana", key=running.dana.key, **about)
        node.following.activate("hub", actor="cli")
        yield node


def merged(node) -> None:
    """Have all that is in memory in the files of the indices."""
    for index in node.indices._open.values():
        index.merge()


def erased_after(running, node, said, screened):
    """Follow an item, screen an upload that matches it, erase the item."""
    (of,) = running.alice.say(said)
    node.following.catch_up("hub")
    node.indices.refresh()
    merged(node)
    upload = Upload("a" * 32, UploadKind.HASHES, "copy", signals=(screened,))
    found = node.road.screen(upload, actor="x")
    assert traces(node.settings.data, *NEEDLES)
    running.alice.say(Erase(of=of, reason="data-protection"))
    node.following.catch_up("hub")
    node.indices.refresh()
    wait_until(node.store.scrub)  # Not while somebody reads.
    return found


@pytest.mark.parametrize(("flips", "hits"), [(100, 0), (4, 1)])
def test_a_whole_node_holds_nothing_of_it_whether_an_upload_was_like_it_or_not(
    running, node, monkeypatch, flips, hits
):
    # However long one merge took on this machine, the next one follows it at once.
    monkeypatch.setattr("tocsin.lists.indices.ERASING_REST", 0)
    found = erased_after(running, node, secret_item(), pdq(77, flips=flips))
    assert len(found.hits) == hits
    # Index files are written anew in the background.
    wait_until(lambda: traces(node.settings.data, *NEEDLES) == [])
