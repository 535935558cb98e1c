"""An entry changes the register if it counts, and takes its place in its issuer's chain."""

from dataclasses import replace

import pytest

from ledger import ORIGIN, START, Ledger, id_of, item, join, private_key, public_key
from tocsin.entries.applying import apply, pass_over
from tocsin.entries.envelope import Position
from tocsin.entries.judging import Allowed, Barred
from tocsin.entries.parties import Kind, Role
from tocsin.entries.statements import (
    Approve,
    Erase,
    GroupSaid,
    KeySaid,
    MemberSaid,
    Rules,
    RuleSaid,
)


@pytest.fixture
def ledger():
    return Ledger.of_all()


def keys_of(ledger, member, index=None):
    """Return the names of the keys that count at an index."""
    at = ledger.size if index is None else index
    held = ledger.register.members[member].keys.items()
    return {key for key, one in held if one.counts_at(at)}


def revoke(member, name, since=None):
    return KeySaid(action="revoke", member=member, key=public_key(name), since=since)


def test_entries_are_taken_in_the_order_of_the_log(ledger):
    envelope = ledger.parcel("tube", item()).envelope
    for index in (ledger.size - 1, ledger.size + 1):
        with pytest.raises(ValueError, match="does not follow"):
            apply(ledger.register, index, envelope, item(), Allowed("tube"))
        with pytest.raises(ValueError, match="does not follow"):
            pass_over(ledger.register, index)


def test_a_leaf_that_is_no_envelope_takes_its_index_and_nothing_else(ledger):
    before = replace(ledger.register, size=ledger.size + 1).dump()
    pass_over(ledger.register, ledger.size)
    assert ledger.register.dump() == before


def test_who_joins_is_a_member_with_its_key(ledger):
    member = ledger.register.members["tube"]
    assert (member.kind, member.jurisdiction) == (Kind.PLATFORM, "IE")
    assert member.roles == {Role.CONTRIBUTOR, Role.REVIEWER}
    assert ledger.register.owners[id_of("tube")] == "tube"
    assert keys_of(ledger, "tube", member.joined) == set()
    assert keys_of(ledger, "tube", member.joined + 1) == {id_of("tube")}


def test_the_founder_s_key_counts_from_its_own_entry_on(ledger):
    assert keys_of(ledger, "industry", 0) == {id_of("industry")}


def test_a_member_is_suspended_and_reinstated(ledger):
    index = ledger.said("industry", MemberSaid(action="suspend", member="tube"))
    assert ledger.register.members["tube"].suspended_since == index
    ledger.said("industry", MemberSaid(action="reinstate", member="tube"))
    assert ledger.register.members["tube"].active


def test_a_change_of_roles_keeps_the_rest(ledger):
    before = ledger.register.members["tube"]
    ledger.said("industry", MemberSaid(action="role", member="tube", roles=(Role.READER,)))
    after = replace(before, roles=frozenset({Role.READER}))
    assert ledger.register.members["tube"] == after


def test_a_group_is_replaced_and_dissolved_as_a_whole(ledger):
    ledger.said("industry", GroupSaid(audience="north", members=("tube", "chat")))
    ledger.said("industry", GroupSaid(audience="north", members=("chat",)))
    assert ledger.register.groups["north"].members == {"chat"}
    ledger.said("industry", GroupSaid(audience="north", members=()))
    assert "north" not in ledger.register.groups


def test_an_item_changes_nothing_but_its_issuer_s_position(ledger):
    before = ledger.register.dump()
    position = ledger.register.positions.get("tube")
    ledger.said("tube", item())
    assert ledger.register.positions.pop("tube").sequence == 1
    assert position is None
    ledger.register.size -= 1
    assert ledger.register.dump() == before


# Keys


def test_a_revocation_can_only_move_back(ledger):
    ledger.add_key("tube", "tube-2")
    ledger.wait(hours=1)
    held = ledger.said("tube", item(ledger.at))
    ledger.said("tube", revoke("tube", "tube-2", held))
    ledger.said("tube", revoke("tube", "tube-2", held + 1))
    assert ledger.register.members["tube"].keys[id_of("tube-2")].revoked_since == held
    ledger.said("tube", revoke("tube", "tube-2", held - 1))
    assert ledger.register.members["tube"].keys[id_of("tube-2")].revoked_since == held - 1


def test_a_thief_does_not_stay_by_adding_keys_of_its_own(ledger):
    ledger.add_key("tube", "honest")
    stolen = ledger.said("tube", item())
    ledger.add_key("tube", "thief-1")
    ledger.add_key("tube", "thief-2", key="thief-1")
    ledger.add_key("tube", "thief-3", key="thief-2")
    ledger.said("tube", revoke("tube", "tube", stolen), "honest")
    assert keys_of(ledger, "tube") == {id_of("honest")}
    assert ledger.say("tube", item(), key="thief-3") == "revoked_key"


def test_keys_that_were_added_before_the_theft_stay(ledger):
    added = ledger.add_key("tube", "honest")
    ledger.said("industry", revoke("tube", "tube", added + 1))
    assert keys_of(ledger, "tube") == {id_of("honest")}
    assert ledger.say("tube", item(), key="honest") == "allowed"


def test_a_chain_of_many_keys_is_revoked_at_once(ledger):
    before, last = ledger.size, "tube"
    for number in range(300):
        ledger.add_key("tube", f"link-{number}", key=last)
        last = f"link-{number}"
    ledger.said("industry", revoke("tube", "tube", before))
    assert keys_of(ledger, "tube") == set()


def test_a_revocation_since_an_index_leaves_what_came_before(ledger):
    early = ledger.said("tube", item())
    late = ledger.said("tube", item(severity=2))
    ledger.said("industry", revoke("tube", "tube", late))
    key = ledger.register.members["tube"].keys[id_of("tube")]
    assert key.counts_at(early)
    assert not key.counts_at(late)


# Chains


def test_what_was_barred_still_takes_its_place(ledger):
    ledger.say("tube", item(expires_at=None))
    assert isinstance(ledger.judgements[-1], Barred)
    assert ledger.register.positions["tube"].sequence == 1
    assert ledger.say("tube", item()) == "allowed"


def test_a_forgery_takes_no_place_in_the_chain_of_the_one_it_names(ledger):
    honest = ledger.parcel("tube", item())
    forged = ledger.parcel("tube", item(severity=3), signature=bytes(64))
    assert ledger.take(forged).code == "bad_signature"
    assert isinstance(ledger.take(honest), Allowed)


def test_a_revoked_key_takes_no_place_in_the_chain_of_its_member(ledger):
    ledger.add_key("tube", "tube-2")
    ledger.said("tube", revoke("tube", "tube"), "tube-2")
    honest = ledger.parcel("tube", item(), key="tube-2")
    assert ledger.say("tube", item(severity=3), key="tube") == "revoked_key"
    assert isinstance(ledger.take(honest), Allowed)


def test_one_chain_goes_through_all_keys_of_a_member(ledger):
    ledger.add_key("tube", "tube-2")
    for key in ("tube", "tube-2", "tube"):
        ledger.said("tube", item(), key)
    last = ledger.parcels[-1].envelope
    assert ledger.register.positions["tube"] == Position(4, last.digest(ORIGIN))


def test_a_gap_does_not_move_the_chain(ledger):
    parcel = ledger.parcel("tube", item())
    later = replace(parcel.envelope, sequence=9)
    signature = private_key("tube").sign(later.signed(ORIGIN))
    assert ledger.take(replace(parcel, envelope=replace(later, signature=signature))).code == "gap"
    assert "tube" not in ledger.register.positions


# Requests


def test_a_request_that_waits_is_on_record_until_it_is_granted(ledger):
    asked = ledger.said("industry", RuleSaid(rules=Rules(flood_reports=5), reason="agreed"))
    assert ledger.register.requests[asked].issuer == "industry"
    ledger.said("watch", Approve(of=asked, audience="public"))
    assert not ledger.register.requests
    assert ledger.register.rules.flood_reports == 5


def test_what_is_erased_is_on_record(ledger):
    of = ledger.said("tube", item())
    ledger.said("industry", Erase(of=of, reason="court-order"))
    assert ledger.register.erased == {of}


def test_an_approved_suspension_counts_from_its_approval(ledger):
    rules = RuleSaid(rules=Rules(suspend_approvals=1), reason="four eyes")
    ledger.said("rights", Approve(of=ledger.said("industry", rules), audience="public"))
    asked = ledger.said("industry", MemberSaid(action="suspend", member="tube"))
    ledger.said("tube", item())
    approved = ledger.said("rights", Approve(of=asked, audience="public"))
    assert ledger.register.members["tube"].suspended_since == approved


def test_a_newcomer_with_no_name_stays_without_one(ledger):
    ledger.said("industry", join("hidden", (Role.CONTRIBUTOR,)))
    assert ledger.register.members["hidden"].name == ""
    assert ledger.said("hidden", item(START)) > 0
