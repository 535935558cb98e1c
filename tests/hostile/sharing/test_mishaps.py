"""What the simulator found, each made small: one mishap, and everything after it goes on."""

import gc
import threading

import pytest

from exchanges import ORIGIN, URL, Running, an_item
from ledger import Ledger, item
from shares import LedgerPlace, NearPlace, PlainTrust, policy_of
from tocsin.entries.parties import Role
from tocsin.entries.statements import Approve, GroupSaid, KeySaid, MemberSaid, Retract
from tocsin.errors import Conflict
from tocsin.sharing import follower
from tocsin.sharing.following import Following
from victims import victim_of


@pytest.fixture
def running(tmp_path):
    """An exchange with dana, who publishes."""
    running = Running(tmp_path / "exchange")
    running.dana = running.join("dana", Role.CONTRIBUTOR, Role.STEWARD)
    yield running
    running.close()


@pytest.fixture
def publisher(running, sqlite_store, tmp_path):
    following = Following(
        sqlite_store,
        PlainTrust(),
        running.clock,
        tmp_path / "keys",
        connect=lambda *_: NearPlace(running, "dana"),
        changed=lambda: None,
        processes=1,
    )
    about = {"origin": ORIGIN, "url": URL, "policy": policy_of(running), "actor": "cli"}
    following.add("hub", member="dana", key=running.dana.key, **about)
    yield following.publisher("hub")
    following.close()


def outcomes(store):
    with store.read() as connection:
        return connection.exec_driver_sql("SELECT state, code FROM outbox ORDER BY id").all()


def test_what_the_exchange_never_takes_does_not_stop_the_next(running, publisher, sqlite_store):
    own = running.dana.key.public_key().public_bytes_raw().hex()
    publisher.put(
        [
            Approve(of=0, audience="public"),
            an_item(1),
            KeySaid(action="add", member="dana", key=own),
            Retract(of=0, reason="no item"),
            an_item(2),
        ]
    )
    publisher.send()
    assert outcomes(sqlite_store) == [
        ("refused", "no_request"),
        ("done", ""),
        ("refused", "exists"),
        ("refused", "no_subject"),
        ("done", ""),
    ]
    assert running.exchange.position("dana").sequence == 2


def test_a_late_ring_does_not_make_a_node_forget_what_it_accepted(ledger, place, victim):
    place.publish()
    assert victim.take() == "done"
    ledger.said("tube", item(note="one"))
    late = place.publish()
    ledger.said("tube", item(note="two"))
    place.publish()
    payloads = place.payloads

    def fail(*_):
        raise OSError("cut off after the checkpoint was accepted")

    place.payloads = fail
    with pytest.raises(OSError, match="cut off"):
        victim.follower.catch_up()
    place.payloads = payloads
    victim.follower.ring(late)
    assert victim.status.frozen == ""
    assert victim.take() == "done"
    assert len(victim.stages()) == 2


def test_who_comes_back_reads_what_was_kept_from_it(ledger, sqlite_store, tmp_path):
    place = LedgerPlace(ledger, "chat")
    victim = victim_of(place, sqlite_store, tmp_path, member="chat")
    ledger.said("industry", MemberSaid(action="suspend", member="chat"))
    missed = ledger.said("tube", item(note="meanwhile"))
    place.publish()
    assert victim.take() == "done"
    assert victim.stages() == {}
    ledger.said("industry", MemberSaid(action="reinstate", member="chat"))
    place.publish()
    while victim.status.size < ledger.size:
        assert victim.take() == "done"
    assert list(victim.stages()) == [missed]
    victim.following.close()


def test_who_left_a_group_and_came_back_has_all_of_it(ledger, sqlite_store, tmp_path):
    place = LedgerPlace(ledger, "chat")
    victim = victim_of(place, sqlite_store, tmp_path, member="chat")
    told = []
    for members in (("chat", "tube"), ("tube",), ("chat", "tube")):
        ledger.said("industry", GroupSaid(audience="north", members=members))
        told.append(ledger.said("tube", item(note=f"number {len(told)}", audience="north")))
    place.publish()
    assert victim.take() == "done"  # All of it in one page.
    assert list(victim.stages()) == told
    ledger.said("industry", GroupSaid(audience="north", members=("tube",)))
    place.publish()
    assert victim.take() == "done"
    assert victim.stages() == {}
    victim.following.close()


def test_a_log_without_entries_is_followed(sqlite_store, tmp_path):
    place = LedgerPlace(Ledger(), "")
    place.publish()
    victim = victim_of(place, sqlite_store, tmp_path, member="")
    assert victim.take() == "done"
    assert victim.status.size == 0
    victim.following.close()


def test_a_catch_up_that_is_broken_off_leaves_nothing_running(place, victim, monkeypatch):
    monkeypatch.setattr(follower, "PAGES_TOGETHER", 1)
    place.publish()
    before = gc.get_threshold()

    def stop(*_):
        raise Conflict("this node is stopping")

    with pytest.raises(Conflict) as caught:
        victim.follower.catch_up(stop)
    assert not [one for one in threading.enumerate() if one.name.startswith("bundles")]
    assert gc.get_threshold() == before
    del caught


@pytest.mark.parametrize("page", [b"<html>Back soon</html>", b"", b"\xff\xfe", b"x" * 5000])
def test_a_page_instead_of_the_checkpoint_freezes_nothing(place, victim, page):
    place.publish()
    good = place.objects["checkpoint"]
    place.objects["checkpoint"] = page
    assert victim.take() == "Unavailable"
    assert victim.status.frozen == ""
    place.objects["checkpoint"] = good
    assert victim.take() == "done"
