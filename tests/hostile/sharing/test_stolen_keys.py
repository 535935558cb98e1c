"""A stolen key: what its thief does is undone from the theft on, and nothing before it is touched.

Passed if entries from index N on are out of action as soon as the revocation is read, also by who
was offline meanwhile, those before N stay as they were, and the thief cannot come back.
"""

from hashlib import sha256

import pytest
from sqlalchemy import select

from ledger import id_of, item, public_key
from tocsin.entries.parties import Role
from tocsin.entries.statements import (
    KeySaid,
    MemberSaid,
    Opinion,
    SignalSaid,
    View,
)
from tocsin.recording import tables
from tocsin.recording.store import Store
from victims import victim_of


def sound(number):
    """An item that passes every check: its stage is a matter of opinions alone."""
    code = bytearray(sha256(str(number).encode()).digest())
    ones = int.from_bytes(code).bit_count()
    for bit in range(256):
        flag = 1 << bit % 8
        if ones > 128 and code[bit // 8] & flag:
            code[bit // 8] ^= flag
            ones -= 1
        elif ones < 128 and not code[bit // 8] & flag:
            code[bit // 8] ^= flag
            ones += 1
    signal = SignalSaid(type="pdq", value=code.hex(), quality=90)
    return item(signals=(signal,), labels=("execution",))


def confirmed(ledger, of):
    for name in ("chat", "police", "rights"):
        ledger.said(name, Opinion(of=of, opinion=View.CONFIRM, own_media=True))


def ripen(ledger, victim):
    """Let the time go by that items wait in shadow."""
    ledger.wait(days=2)
    victim.follower.settle()


def revoke(since):
    return KeySaid(action="revoke", member="tube", key=public_key("tube"), since=since)


def stolen(ledger):
    """Let a thief speak for tube; return the items before and after, and where it began."""
    ledger.add_key("tube", "root")
    before = ledger.said("tube", sound(1))
    confirmed(ledger, before)
    since = ledger.size
    after = [ledger.said("tube", sound(2))]
    confirmed(ledger, after[0])
    ledger.add_key("tube", "thief")
    after.append(ledger.said("tube", sound(3), "thief"))
    confirmed(ledger, after[1])
    return before, after, since


def test_what_the_thief_said_is_out_of_action_and_what_came_before_is_not(ledger, place, victim):
    before, after, since = stolen(ledger)
    place.publish()
    assert victim.take() == "done"
    ripen(ledger, victim)
    honest = victim.stages()
    assert {honest[before], *(honest[one] for one in after)} == {"enforced"}
    ledger.said("tube", revoke(since), "root")
    place.publish()
    assert victim.take() == "done"
    stages = victim.stages()
    assert stages[before] == "enforced"
    assert [stages[one] for one in after] == ["shadow", "shadow"]


def test_a_node_that_was_offline_never_enforces_what_the_thief_said(ledger, place, victim):
    before, after, since = stolen(ledger)
    ledger.said("tube", revoke(since), "root")
    place.publish()
    assert victim.take() == "done"
    ripen(ledger, victim)
    stages = victim.stages()
    assert (stages[before], [stages[one] for one in after]) == ("enforced", ["shadow", "shadow"])


def test_the_thief_is_heard_no_more_with_any_key_that_it_added(ledger, place, victim):
    _, _, since = stolen(ledger)
    ledger.said("industry", revoke(since))
    for key in ("tube", "thief"):
        ledger.say("tube", sound(4), key)
    ledger.said("tube", sound(5), "root")
    place.publish()
    assert victim.take() == "done"
    assert list(victim.faults().values()) == ["revoked_key", "revoked_key"]
    assert ledger.size - 1 in victim.stages()


def test_the_thief_s_items_stay_out_when_the_member_is_suspended_and_comes_back(
    ledger, place, victim
):
    before, after, since = stolen(ledger)
    ledger.said("tube", revoke(since), "root")
    for action in ("suspend", "reinstate"):
        ledger.said("industry", MemberSaid(action=action, member="tube"))
    place.publish()
    assert victim.take() == "done"
    ripen(ledger, victim)
    stages = victim.stages()
    assert (stages[before], [stages[one] for one in after]) == ("enforced", ["shadow", "shadow"])


def test_a_thief_touches_nothing_of_others(ledger, place, victim):
    mine = ledger.said("chat", sound(6))
    confirm = Opinion(of=mine, opinion=View.CONFIRM)
    ledger.said("tube", confirm)
    for said in (
        KeySaid(action="revoke", member="chat", key=public_key("chat"), since=0),
        MemberSaid(action="suspend", member="chat"),
        MemberSaid(action="role", member="tube", roles=(Role.OPERATOR,)),
    ):
        assert ledger.say("tube", said) in {"not_own", "not_permitted"}
    place.publish()
    assert victim.take() == "done"
    assert mine in victim.stages()
    register = ledger.register
    assert register.members["chat"].keys[id_of("chat")].revoked_since is None


def test_whoever_reads_the_log_for_the_first_time_comes_to_the_same(
    ledger, place, victim, tmp_path
):
    _, _, since = stolen(ledger)
    place.publish()
    victim.take()
    ledger.said("tube", revoke(since), "root")
    place.publish()
    victim.take()
    store = Store(f"sqlite:///{tmp_path / 'fresh.db'}")
    fresh = victim_of(place, store, tmp_path / "fresh")
    assert fresh.take() == "done"
    assert fresh.stages() == victim.stages()
    store.close()


@pytest.mark.parametrize(
    "said",
    [
        KeySaid(action="revoke", member="police", key=public_key("police"), since=0),
        MemberSaid(action="suspend", member="police"),
    ],
    ids=["revoked", "suspended"],
)
def test_what_the_thief_confirmed_counts_no_more(ledger, place, victim, said):
    of = ledger.said("tube", sound(1))
    confirmed(ledger, of)
    place.publish()
    assert victim.take() == "done"
    ripen(ledger, victim)
    assert victim.stages() == {of: "enforced"}
    since = ledger.size - 3
    said = said.model_copy(update={"since": since}) if isinstance(said, KeySaid) else said
    ledger.said("industry", said)
    place.publish()
    assert victim.take() == "done"
    victim.following.replay("hub", actor="cli")
    victim.follower.reload()
    assert victim.take() == "done"
    assert victim.stages() == {of: "advisory"}


def test_what_a_silenced_member_disputed_stays_disputed(ledger, place, victim):
    """Else the operator could suspend whoever stands in the way of an item."""
    of = ledger.said("tube", sound(1))
    ledger.said("rights", Opinion(of=of, opinion=View.DISPUTE))
    ledger.said("industry", MemberSaid(action="suspend", member="chat"))
    ledger.said("industry", KeySaid(action="revoke", member="rights", key=public_key("rights")))
    place.publish()
    assert victim.take() == "done"
    assert disputed(victim) == [True]


def disputed(victim):
    with victim.store.read() as connection:
        return list(connection.execute(select(tables.items.c.disputed)).scalars())


def test_a_captured_entry_is_worth_nothing_to_who_sends_it_again(ledger, place, victim):
    ledger.said("tube", sound(7))
    ledger.take(ledger.parcels[-1])
    place.publish()
    assert victim.take() == "done"
    assert victim.faults() == {ledger.size - 1: "replayed"}
    assert len(victim.stages()) == 1
