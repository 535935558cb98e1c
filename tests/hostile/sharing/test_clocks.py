"""Clocks that are hours wrong, on either side.

Passed if order, members and keys never depend on a clock, a member whose clock is slow says that an
item comes from the future instead of letting it act, and an exchange whose clock jumps goes on.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from exchanges import NOW, Clock, Running, an_item
from ledger import item, public_key
from logs import cosigner
from tocsin.entries.parties import Role
from tocsin.entries.statements import KeySaid, MemberSaid, Retract
from tocsin.errors import Refused
from tocsin.recording import shared
from tocsin.recording.store import Store
from tocsin.sharing.line import Health, Line
from tocsin.sharing.line import Standing as LineStanding
from tocsin.sharing.replaying import MAX_AHEAD
from victims import victim_of


@dataclass
class Wrong:
    """A clock that is wrong until it is set."""

    ledger: object
    by: timedelta

    def __call__(self):
        return self.ledger.at + self.by


def followed(place, tmp_path, name, **skew):
    """Return a node whose clock is wrong by that much."""
    store = Store(f"sqlite:///{tmp_path / name}.db")
    return victim_of(place, store, tmp_path / name, clock=Wrong(place.ledger, timedelta(**skew)))


def test_a_slow_clock_keeps_items_from_acting_and_says_so(ledger, place, tmp_path):
    slow = followed(place, tmp_path, "slow", hours=-3)
    index = ledger.said("tube", item())
    place.publish()
    assert slow.take() == "done"
    assert slow.faults() == {index: "from_the_future"}
    assert slow.stages() == {}


def test_what_a_slow_clock_passed_over_acts_once_the_clock_is_right(ledger, place, tmp_path):
    store, clock = Store(f"sqlite:///{tmp_path / 'slow.db'}"), Wrong(ledger, timedelta(hours=-3))
    slow = victim_of(place, store, tmp_path / "slow", clock=clock)
    ledger.said("tube", Retract(of=ledger.said("tube", item()), reason="wrong"))
    index = ledger.said("tube", item())
    place.publish()
    assert (slow.take(), slow.take()) == ("done", "done")
    assert any("ahead of this machine's clock" in one for one in slow.status.problems())
    assert len(slow.faults()) == 2
    clock.by = timedelta(0)
    assert slow.take() == "done"
    assert list(slow.stages()) == [index]
    assert slow.faults() == {}
    assert not list(slow.status.problems())
    assert rounds(slow) == 1
    ledger.said("tube", item(quality=91))
    place.publish()
    assert slow.take() == "done"
    assert (len(slow.stages()), rounds(slow)) == (2, 1)


def test_an_entry_far_ahead_makes_nobody_read_the_log_again_and_again(ledger, place, victim):
    late = int((ledger.at + timedelta(days=390)).timestamp() * 1000)
    assert ledger.say("tube", item(days=700), received_ms=late) == "allowed"
    for _ in range(3):
        place.publish()
        assert victim.take() == "done"
    assert rounds(victim) == 0


def rounds(node):
    """Return how often a node began to read its log again."""
    with node.store.read() as connection:
        return connection.execute(select(shared.exchanges.c.round)).scalar_one()


def test_a_slow_clock_decides_on_nothing_that_others_build_on(ledger, place, victim, tmp_path):
    slow = followed(place, tmp_path, "slow", hours=-30)
    of = ledger.said("tube", item())
    ledger.said("tube", Retract(of=of, reason="wrong"))
    ledger.said("industry", KeySaid(action="revoke", member="chat", key=public_key("chat")))
    ledger.said("industry", MemberSaid(action="suspend", member="police"))
    place.publish()
    assert (slow.take(), victim.take()) == ("done", "done")
    nodes = [one.follower._loaded().register for one in (slow, victim)]
    assert nodes[0].members == nodes[1].members
    assert nodes[0].positions == nodes[1].positions == ledger.register.positions


@pytest.mark.parametrize("ahead", [timedelta(0), MAX_AHEAD])
def test_a_little_skew_is_nothing(ledger, place, tmp_path, ahead):
    node = followed(place, tmp_path, "node", seconds=-ahead.total_seconds())
    index = ledger.said("tube", item())
    place.publish()
    assert node.take() == "done"
    assert list(node.stages()) == [index]


def test_a_fast_clock_does_not_bring_back_what_has_ended(ledger, place, tmp_path):
    fast = followed(place, tmp_path, "fast", days=60)
    ledger.said("tube", item(days=30))
    kept = ledger.said("tube", item(days=300))
    place.publish()
    assert fast.take() == "done"
    assert kept in fast.stages()
    assert fast.faults() == {}


def test_an_exchange_whose_clock_jumps_back_keeps_the_order_and_its_members(tmp_path):
    running = Running(tmp_path / "exchange")
    alice = running.join("alice", Role.CONTRIBUTOR)
    for hours in (0, 9, -7, -7, 30):
        running.clock.move(hours=hours)
        alice.say(an_item(1, at=running.clock.at + timedelta(days=1)))
    running.reopen()
    (last,) = alice.say(an_item(2, at=running.clock.at))
    assert running.exchange.register().positions["alice"].sequence == 6
    assert last == running.exchange.register().size - 1
    running.close()


def test_an_item_that_has_ended_is_refused_whatever_its_issuer_s_clock_says(
    tmp_path,
):
    running = Running(tmp_path / "exchange")
    alice = running.join("alice", Role.CONTRIBUTOR)
    with pytest.raises(Exception, match="ends within") as caught:
        alice.say(an_item(1, at=NOW - timedelta(days=40)))
    assert caught.value.code == "bad_end"
    assert not isinstance(caught.value, Refused)
    running.close()


def test_a_time_of_arrival_that_is_a_lie_gains_nothing(ledger, place, victim):
    """The operator writes any time: an old one brings no item back, a late one lets none last."""
    place.publish()
    old = int((ledger.at - timedelta(days=90)).timestamp() * 1000)
    assert ledger.say("tube", item(days=30), received_ms=old) == "allowed"
    assert ledger.say("tube", item(days=400), received_ms=old) == "bad_end"
    late = int((ledger.at + timedelta(days=390)).timestamp() * 1000)
    assert ledger.say("tube", item(days=700), received_ms=late) == "allowed"
    place.publish()
    assert victim.take() == "done"
    assert "from_the_future" in victim.faults().values()


def test_a_clock_that_is_set_back_does_not_put_off_looking_at_the_witnesses(place, victim):
    """A split view shows in what the witnesses signed; it must not go unseen for days."""
    place.publish()
    assert victim.take() == "done"
    clock, looked = Clock(), []
    victim.follower.witnessed = lambda: looked.append(clock.at) or True
    line = Line(victim.follower, place, None, clock)
    line._heard()
    clock.move(days=-3)
    line._heard()
    assert looked == [NOW, NOW - timedelta(days=3)]
    assert line.health.witnessed_at == clock.at


def test_a_quorum_that_is_missing_is_told_though_the_clock_was_set_back(place, victim):
    health = Health(LineStanding.FOLLOWING, NOW, NOW, "", "", 0)
    witness = f"witness w {cosigner('w.example').verifier}\nquorum w"
    policy = place.policy.replace("quorum none", witness)
    status = replace(victim.status, health=health, now=NOW - timedelta(days=3))
    assert replace(status, followed=replace(status.followed, policy=policy)).unwitnessed
