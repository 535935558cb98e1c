"""Who may say what: each rule lets one say it and keeps another from it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ledger import ORIGIN, PARTIES, START, Ledger, item, join, private_key, public_key, role
from tocsin.entries.envelope import EntryType, Position, seal
from tocsin.entries.judging import (
    ERASABLE,
    MAX_APPROVAL_WAIT,
    MAX_KEYS,
    OPEN,
    ROLES,
    Allowed,
    Barred,
    judge,
)
from tocsin.entries.parties import Kind, Role
from tocsin.entries.register import Register
from tocsin.entries.statements import (
    Approve,
    Erase,
    Erased,
    GroupSaid,
    KeySaid,
    MemberSaid,
    Opinion,
    Retract,
    Rules,
    RuleSaid,
    Supersede,
    View,
    moment,
    write,
)


@pytest.fixture
def ledger():
    return Ledger.of_all()


def opinion(of, view=View.CONFIRM):
    return Opinion(of=of, opinion=view)


def erase(of):
    return Erase(of=of, reason="error")


RULE = RuleSaid(rules=Rules(max_ttl_days=10), reason="agreed")

# Founding


def test_the_first_entry_founds_the_exchange():
    assert Ledger().say("industry", join("industry")) == "allowed"


def named(**changes):
    return join("industry", **changes)


@pytest.mark.parametrize(
    "said",
    [
        named(kind=Kind.PLATFORM),
        named(roles=(Role.READER,)),
        named(roles=(Role.OPERATOR, Role.CONTRIBUTOR)),
        named(roles=(Role.OPERATOR, Role.STEWARD)),
        named(key=public_key("tube")),
        named(key=None),
        named(action="role"),
        item(),
    ],
    ids=lambda said: f"{said.type} {getattr(said, 'action', '')}",
)
def test_what_does_not_make_its_issuer_the_operator_founds_nothing(said):
    ledger = Ledger()
    assert ledger.say("industry", said) == "unfounded"
    assert not ledger.register.members


def test_the_first_entry_is_of_the_type_that_its_leaf_says():
    assert Ledger().say("industry", join("industry"), type=EntryType.RULE) == "unfounded"


def test_the_first_entry_is_the_first_of_its_issuer():
    ledger = Ledger()
    ledger.register.positions["industry"] = Position(4, bytes(32))
    assert ledger.say("industry", join("industry")) == "unfounded"


def test_nobody_founds_what_was_founded(ledger):
    said = join("usurper", (Role.OPERATOR,), kind=Kind.OPERATOR)
    assert ledger.say("usurper", said) == "unknown_key"


def test_an_exchange_without_a_founder_takes_nothing():
    ledger = Ledger()
    ledger.say("industry", item())
    assert ledger.say("industry", join("industry")) == "unknown_key"


# Roles

SAYING = {
    EntryType.MEMBER: lambda _: join("newcomer"),
    EntryType.GROUP: lambda _: GroupSaid(audience="drills", members=("tube",)),
    EntryType.RULE: lambda _: RULE,
    EntryType.ASSERT: lambda _: item(),
    EntryType.OPINION: opinion,
    EntryType.ERASE: erase,
}


@pytest.mark.parametrize("type", SAYING, ids=lambda one: one.name)
@pytest.mark.parametrize("name", PARTIES)
def test_a_member_says_what_its_roles_let_it_say_and_nothing_else(type, name):
    ledger = Ledger.of_all()
    # An opinion is about another's item, an erasure about one's own.
    author = "police" if type is EntryType.OPINION and name != "police" else "chat"
    author = name if type is EntryType.ERASE and Role.CONTRIBUTOR in PARTIES[name][2] else author
    of = ledger.said(author, item())
    permitted = bool(ROLES[type] & set(PARTIES[name][2]))
    code = ledger.say(name, SAYING[type](of))
    assert code == ("allowed" if permitted else "not_permitted")


def test_the_operator_cannot_assert(ledger):
    assert ledger.say("industry", item()) == "not_permitted"


def test_the_operator_has_no_opinion(ledger):
    of = ledger.said("tube", item())
    assert ledger.say("industry", opinion(of)) == "not_permitted"


def test_the_operator_cannot_give_itself_the_right_to_assert(ledger):
    roles = (Role.OPERATOR, Role.CONTRIBUTOR)
    said = MemberSaid(action="role", member="industry", roles=roles)
    assert ledger.say("industry", said) == "roles_clash"


def test_who_audits_is_given_nothing_else(ledger):
    said = MemberSaid(action="role", member="court", roles=(Role.AUDITOR, Role.REVIEWER))
    assert ledger.say("industry", said) == "roles_clash"
    said = MemberSaid(action="role", member="court", roles=(Role.AUDITOR, Role.READER))
    assert ledger.say("industry", said) == "allowed"


# Keys and signatures


def test_an_entry_with_a_signature_of_another_key_is_a_forgery(ledger):
    parcel = ledger.parcel("tube", item())
    forged = replace(parcel.envelope, signature=private_key("chat").sign(b"something"))
    assert ledger.take(replace(parcel, envelope=forged)).code == "bad_signature"


def test_a_key_that_was_never_added_counts_for_nothing(ledger):
    assert ledger.say("tube", item(), key="stranger") == "unknown_key"


def test_a_key_counts_from_the_entry_after_its_adding_until_its_revocation(ledger):
    assert ledger.say("tube", item(), key="tube-2") == "unknown_key"
    ledger.add_key("tube", "tube-2")
    assert ledger.say("tube", item(), key="tube-2") == "allowed"
    ledger.said("tube", KeySaid(action="revoke", member="tube", key=public_key("tube-2")))
    assert ledger.say("tube", item(), key="tube-2") == "revoked_key"
    assert ledger.say("tube", item()) == "allowed"


def test_the_operator_cannot_add_a_key_to_a_member(ledger):
    said = KeySaid(action="add", member="tube", key=public_key("backdoor"))
    assert ledger.say("industry", said) == "not_own"


def test_the_operator_revokes_a_key_that_was_stolen(ledger):
    said = KeySaid(action="revoke", member="tube", key=public_key("tube"))
    assert ledger.say("industry", said) == "allowed"
    assert ledger.say("tube", item()) == "revoked_key"


def test_one_member_cannot_revoke_another_s_key(ledger):
    said = KeySaid(action="revoke", member="tube", key=public_key("tube"))
    assert ledger.say("chat", said) == "not_own"


@pytest.mark.parametrize("name", ["tube", "chat"])
def test_a_key_is_added_once_and_to_one_member(ledger, name):
    said = KeySaid(action="add", member=name, key=public_key("chat"))
    assert ledger.say(name, said) == "exists"


def test_a_key_that_was_revoked_never_comes_back(ledger):
    ledger.add_key("tube", "tube-2")
    ledger.said("tube", KeySaid(action="revoke", member="tube", key=public_key("tube-2")))
    said = KeySaid(action="add", member="tube", key=public_key("tube-2"))
    assert ledger.say("tube", said) == "exists"


@pytest.mark.parametrize("key", ["00" * 32, "01" + "00" * 31, "ec" + "ff" * 30 + "7f"])
def test_a_key_under_which_anybody_can_sign_is_nobody_s(ledger, key):
    assert ledger.say("tube", KeySaid(action="add", member="tube", key=key)) == "weak_key"
    assert ledger.say("industry", join("newcomer", key=key)) == "weak_key"


def test_a_key_is_not_revoked_in_the_future_nor_where_there_is_none(ledger):
    said = KeySaid(action="revoke", member="tube", key=public_key("tube"), since=ledger.size + 1)
    assert ledger.say("tube", said) == "malformed"
    said = KeySaid(action="revoke", member="tube", key=public_key("stranger"))
    assert ledger.say("tube", said) == "no_key"
    said = KeySaid(action="revoke", member="nobody", key=public_key("stranger"))
    assert ledger.say("industry", said) == "no_key"


def test_a_member_cannot_fill_the_register_with_keys(ledger):
    member = ledger.register.members["tube"]
    one = next(iter(member.keys.values()))
    keys = member.keys | {str(number): one for number in range(MAX_KEYS)}
    ledger.register.members["tube"] = replace(member, keys=keys)
    said = KeySaid(action="add", member="tube", key=public_key("one more"))
    assert ledger.say("tube", said) == "too_many"


# Chains


def test_an_entry_that_is_logged_again_is_a_replay(ledger):
    parcel = ledger.parcel("tube", item())
    assert isinstance(ledger.take(parcel), Allowed)
    assert ledger.take(parcel).code == "replayed"


def test_an_entry_that_leaves_one_out_is_a_gap(ledger):
    left_out = ledger.parcel("tube", item()).envelope
    ledger.register.positions["tube"] = Position(left_out.sequence, left_out.digest(ORIGIN))
    later = ledger.parcel("tube", item(severity=2))
    del ledger.register.positions["tube"]
    assert ledger.take(later).code == "gap"


def test_an_entry_that_follows_another_history_is_a_gap(ledger):
    position = ledger.register.positions.get("tube", Position())
    ledger.register.positions["tube"] = replace(position, digest=bytes(range(32)))
    other = ledger.parcel("tube", item())
    ledger.register.positions["tube"] = position
    assert ledger.take(other).code == "gap"


def test_entries_of_another_exchange_are_forgeries_here(ledger):
    parcel = ledger.parcel("tube", item())
    there = seal(
        parcel.payload,
        EntryType.ASSERT,
        origin="other.example/log",
        after=Position(),
        key=private_key("tube"),
        nonce=parcel.nonce,
    )
    assert ledger.take(there).code == "bad_signature"


# Suspension and duties


def test_a_suspended_member_says_nothing_until_it_is_reinstated(ledger):
    ledger.said("industry", MemberSaid(action="suspend", member="tube"))
    assert ledger.say("tube", item()) == "suspended"
    ledger.said("industry", MemberSaid(action="reinstate", member="tube"))
    assert ledger.say("tube", item()) == "allowed"


def test_a_suspended_member_still_says_what_it_destroyed(ledger):
    of = ledger.said("tube", item())
    erased = ledger.said("tube", erase(of))
    ledger.said("industry", MemberSaid(action="suspend", member="chat"))
    assert ledger.say("chat", Erased(of=erased)) == "allowed"


def test_an_entry_of_a_type_that_is_not_known_has_no_effect(ledger):
    sealed = seal(
        b"{}",
        99,
        origin=ORIGIN,
        after=Position(),
        key=private_key("tube"),
        nonce=bytes(32),
    )
    judgement = judge(ledger.register, ledger.size, sealed.envelope, None, ledger.lookup)
    assert judgement.code == "unknown_type"


def test_a_payload_of_another_type_than_its_leaf_is_malformed(ledger):
    sealed = seal(
        write(item()),
        EntryType.RETRACT,
        origin=ORIGIN,
        after=Position(),
        key=private_key("tube"),
        nonce=bytes(32),
    )
    assert ledger.take(sealed).code == "malformed"


@pytest.mark.parametrize("type", sorted(OPEN), ids=lambda one: one.name)
def test_what_everybody_reads_cannot_be_withheld(ledger, type):
    parcel = ledger.parcel("industry", join("newcomer"))
    envelope = replace(parcel.envelope, type=type)
    judgement = judge(ledger.register, ledger.size, envelope, None, ledger.lookup)
    expected = "withheld" if ROLES[type] & {Role.OPERATOR} or type == EntryType.KEY else ""
    assert judgement.code == expected


def test_what_a_steward_approves_cannot_be_withheld_what_a_coordinator_approves_may_be(ledger):
    def unread(name):
        envelope = ledger.parcel(name, Approve(of=1)).envelope
        return judge(ledger.register, ledger.size, envelope, None, ledger.lookup)

    assert unread("rights").code == "withheld"
    assert unread("rescue") == Allowed("rescue")


def test_what_is_addressed_to_others_takes_its_place_unread(ledger):
    envelope = ledger.parcel("tube", item()).envelope
    judgement = judge(ledger.register, ledger.size, envelope, None, ledger.lookup)
    assert judgement == Allowed("tube")


# Members


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (join("newcomer"), "allowed"),
        (join("tube"), "exists"),
        (join("newcomer", key=public_key("tube")), "exists"),
        (join("newcomer", key=None), "malformed"),
        (join("newcomer", kind=None), "malformed"),
        (join("newcomer", roles=()), "malformed"),
        (join("newcomer", roles=(Role.OPERATOR, Role.STEWARD)), "roles_clash"),
        (MemberSaid(action="suspend", member="nobody"), "no_member"),
        (MemberSaid(action="suspend", member="tube", key=public_key("x")), "malformed"),
        (MemberSaid(action="role", member="tube", kind=Kind.OPERATOR), "malformed"),
        (MemberSaid(action="leave", member="tube"), "allowed"),
    ],
    ids=lambda one: one if isinstance(one, str) else f"{one.action} {one.member}",
)
def test_members_join_once_with_a_key_a_kind_and_roles(ledger, said, code):
    assert ledger.say("industry", said) == code


@pytest.mark.parametrize("action", ["suspend", "leave", "role"])
def test_the_last_operator_stays(ledger, action):
    said = MemberSaid(action=action, member="industry", roles=(Role.READER,) * (action == "role"))
    assert ledger.say("industry", said) == "last_operator"
    ledger.said("industry", join("second", (Role.OPERATOR,), kind=Kind.OPERATOR))
    assert ledger.say("industry", said) == "allowed"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (GroupSaid(audience="drills", members=("tube", "chat")), "allowed"),
        (GroupSaid(audience="drills", members=()), "allowed"),
        (GroupSaid(audience="drills", members=("tube", "nobody")), "bad_group"),
        (GroupSaid(audience="public", members=("tube",)), "bad_group"),
        (GroupSaid(audience="members", members=("tube",)), "bad_group"),
    ],
    ids=["members", "dissolved", "stranger", "named public", "named members"],
)
def test_a_group_has_a_name_of_its_own_and_members(ledger, said, code):
    assert ledger.say("industry", said) == code


# Items


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (item(days=30), "allowed"),
        (item(days=365), "allowed"),
        (item(days=365.1), "bad_end"),
        (item(days=0), "bad_end"),
        (item(days=-1), "bad_end"),
        (item(expires_at=None), "no_end"),
        (item(expires_at=None, list="allow"), "allowed"),
        (item(list="allow", days=400), "bad_end"),
        (item(audience="drills"), "wrong_audience"),
        (item(audience="public"), "allowed"),
        (item(incident="nothing"), "no_incident"),
    ],
    ids=str,
)
def test_an_item_of_a_block_list_ends_within_the_rules(ledger, said, code):
    assert ledger.say("tube", said) == code


def test_a_time_at_the_end_of_the_calendar_bars_and_does_not_crash(ledger):
    late = 253_402_300_799_999
    assert ledger.say("tube", item(), received_ms=late) == "bad_end"
    ledger.say("industry", RULE, received_ms=late)
    approve = Approve(of=ledger.size - 1, audience="public")
    assert ledger.say("rights", approve, received_ms=late) == "allowed"


def test_only_who_is_in_a_group_addresses_it(ledger):
    ledger.said("industry", GroupSaid(audience="drills", members=("tube",)))
    assert ledger.say("tube", item(audience="drills")) == "allowed"
    assert ledger.say("chat", item(audience="drills")) == "wrong_audience"
    ledger.said("industry", GroupSaid(audience="drills", members=()))
    assert ledger.say("tube", item(audience="drills")) == "wrong_audience"


def test_a_contributor_retracts_its_own_item_and_no_other_s(ledger):
    of = ledger.said("tube", item())
    assert ledger.say("chat", Retract(of=of, reason="wrong")) == "not_own"
    assert ledger.say("industry", Retract(of=of, reason="wrong")) == "not_permitted"
    assert ledger.say("tube", Retract(of=of, reason="wrong")) == "allowed"


def test_an_item_is_retracted_with_another_key_of_its_issuer(ledger):
    of = ledger.said("tube", item())
    ledger.add_key("tube", "tube-2")
    assert ledger.say("tube", Retract(of=of, reason="wrong"), key="tube-2") == "allowed"


def test_nobody_confirms_its_own_item(ledger):
    of = ledger.said("tube", item())
    assert ledger.say("tube", opinion(of)) == "own_item"
    assert ledger.say("chat", opinion(of)) == "allowed"
    assert ledger.say("rights", opinion(of, View.DISPUTE)) == "allowed"


def test_what_is_spoken_of_lies_before_and_is_an_item(ledger):
    assert ledger.say("chat", opinion(ledger.size)) == "no_subject"
    assert ledger.say("chat", opinion(ledger.size + 7)) == "no_subject"
    assert ledger.say("chat", opinion(0)) == "no_subject"
    assert ledger.say("chat", Retract(of=0, reason="wrong")) == "no_subject"


def test_a_member_supersedes_its_item_by_a_later_one_of_its_own(ledger):
    old, other = ledger.said("tube", item()), ledger.said("chat", item())
    new = ledger.said("tube", item(severity=3))

    def supersede(of, by):
        return Supersede(of=of, by=by, reason="better")

    assert ledger.say("tube", supersede(old, new)) == "allowed"
    assert ledger.say("tube", supersede(new, old)) == "no_successor"
    assert ledger.say("tube", supersede(new, new)) == "no_successor"
    assert ledger.say("tube", supersede(old, other)) == "no_successor"
    assert ledger.say("tube", supersede(old, ledger.size)) == "no_successor"
    assert ledger.say("tube", supersede(other, new)) == "not_own"


# Erasure


def test_an_item_is_erased_by_its_issuer_or_the_operator(ledger):
    of = ledger.said("tube", item())
    assert ledger.say("chat", erase(of)) == "not_own"
    assert ledger.say("tube", erase(of)) == "allowed"
    assert ledger.say("industry", erase(of)) == "allowed"
    assert ledger.register.erased == {of}


def test_an_opinion_is_erased_by_who_gave_it(ledger):
    of = ledger.said("tube", item())
    said = ledger.said("chat", opinion(of))
    assert ledger.say("tube", erase(said)) == "not_own"
    assert ledger.say("chat", erase(said)) == "allowed"


def test_what_the_rest_of_the_log_rests_on_is_not_erased(ledger):
    of = ledger.said("tube", item())
    ledger.said("tube", Retract(of=of, reason="wrong"))
    ledger.said("industry", erase(of))
    for index, parcel in enumerate(list(ledger.parcels)):
        expected = "allowed" if parcel.envelope.type in ERASABLE else "needed"
        assert ledger.say("industry", erase(index)) == expected
    assert ledger.say("industry", erase(ledger.size)) == "no_subject"


def test_only_an_erasure_is_acknowledged(ledger):
    of = ledger.said("tube", item())
    erased = ledger.said("tube", erase(of))
    assert ledger.say("chat", Erased(of=of)) == "no_subject"
    assert ledger.say("chat", Erased(of=erased)) == "allowed"
    assert ledger.say("court", Erased(of=erased)) == "allowed"


# Approvals


def test_rules_change_when_a_steward_approves(ledger):
    asked = ledger.said("industry", RULE)
    assert ledger.register.rules.max_ttl_days == 365
    assert ledger.say("rights", Approve(of=asked, audience="public")) == "allowed"
    assert ledger.register.rules.max_ttl_days == 10


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("industry", "not_permitted"),
        ("tube", "not_permitted"),
        ("police", "not_permitted"),
        ("rights", "allowed"),
    ],
)
def test_a_rule_is_approved_by_a_steward_alone(ledger, name, code):
    asked = ledger.said("industry", RULE)
    assert ledger.say(name, Approve(of=asked, audience="public")) == code


def test_nobody_approves_its_own_request_even_after_its_role_changed(ledger):
    asked = ledger.said("industry", RULE)
    ledger.said("industry", join("second", (Role.OPERATOR,), kind=Kind.OPERATOR))
    turned = ledger.said("second", role("industry", Role.STEWARD))
    ledger.said("rights", Approve(of=turned, audience="public"))
    assert ledger.say("industry", Approve(of=asked, audience="public")) == "own_request"


def test_one_steward_counts_once(ledger):
    first = ledger.said("industry", RuleSaid(rules=Rules(rule_approvals=2), reason="two"))
    ledger.said("rights", Approve(of=first, audience="public"))
    asked = ledger.said("industry", RuleSaid(rules=Rules(), reason="back"))
    approve = Approve(of=asked, audience="public")
    assert [ledger.say("rights", approve), ledger.say("rights", approve)] == ["allowed", "twice"]
    assert ledger.register.rules.rule_approvals == 2
    assert ledger.say("watch", approve) == "allowed"
    assert ledger.register.rules.rule_approvals == 1


def test_a_request_is_void_after_a_week(ledger):
    asked, late = ledger.said("industry", RULE), ledger.said("industry", RULE)
    ledger.at = START + MAX_APPROVAL_WAIT
    assert ledger.say("rights", Approve(of=asked, audience="public")) == "allowed"
    ledger.wait(seconds=1)
    assert ledger.say("rights", Approve(of=late, audience="public")) == "no_request"


def test_what_was_approved_is_not_approved_again(ledger):
    asked = ledger.said("industry", RULE)
    ledger.said("rights", Approve(of=asked, audience="public"))
    assert ledger.say("watch", Approve(of=asked, audience="public")) == "no_request"
    assert ledger.say("watch", Approve(of=0, audience="public")) == "no_request"


@pytest.mark.parametrize("audience", ["members", "drills"])
def test_an_approval_is_addressed_to_all_who_read_the_request(ledger, audience):
    ledger.said("industry", GroupSaid(audience="drills", members=("rights",)))
    asked = ledger.said("industry", RULE)
    assert ledger.say("rights", Approve(of=asked, audience=audience)) == "wrong_audience"
    assert ledger.register.rules == Rules()


TAKING = [
    MemberSaid(action="suspend", member="tube"),
    MemberSaid(action="leave", member="tube"),
    MemberSaid(action="role", member="tube", roles=(Role.CONTRIBUTOR,)),
    MemberSaid(action="role", member="tube", roles=()),
]


@pytest.mark.parametrize("said", TAKING, ids=["suspend", "leave", "one role less", "no role"])
def test_where_the_rules_ask_for_it_a_steward_approves_whatever_silences_a_member(ledger, said):
    rules = RuleSaid(rules=Rules(suspend_approvals=1), reason="four eyes")
    ledger.said("rights", Approve(of=ledger.said("industry", rules), audience="public"))
    before = ledger.register.members["tube"]
    asked = ledger.said("industry", said)
    assert ledger.register.members["tube"] == before
    ledger.said("watch", Approve(of=asked, audience="public"))
    assert ledger.register.members["tube"] != before


def test_giving_a_role_needs_no_approval_of_a_suspension(ledger):
    rules = RuleSaid(rules=Rules(suspend_approvals=1), reason="four eyes")
    ledger.said("rights", Approve(of=ledger.said("industry", rules), audience="public"))
    ledger.said(
        "industry",
        MemberSaid(action="role", member="chat", roles=(Role.CONTRIBUTOR, Role.REVIEWER)),
    )
    assert ledger.register.members["chat"].roles == {Role.CONTRIBUTOR, Role.REVIEWER}


# Who approves

DISGUISES = {
    "a new steward": join("disguise", (Role.STEWARD,)),
    "a new coordinator": join("disguise", (Role.CONTRIBUTOR, Role.COORDINATOR)),
    "a member made steward": role("tube", Role.CONTRIBUTOR, Role.REVIEWER, Role.STEWARD),
    "a member made coordinator": role("court", Role.COORDINATOR),
    "no steward left": MemberSaid(action="suspend", member="rights"),
    "a steward gone": MemberSaid(action="leave", member="rights"),
    "a steward without the role": role("rights", Role.REVIEWER),
}


@pytest.mark.parametrize("said", DISGUISES.values(), ids=DISGUISES)
def test_an_operator_alone_does_not_change_who_approves(ledger, said):
    before = dict(ledger.register.members)
    assert ledger.say("industry", said) == ("unapproved" if said.action == "join" else "allowed")
    assert ledger.register.members == before


@pytest.mark.parametrize("name", ["rights", "watch"])
def test_a_steward_agrees_to_who_approves_from_now_on(ledger, name):
    asked = ledger.said("industry", role("chat", Role.CONTRIBUTOR, Role.COORDINATOR))
    assert ledger.say("police", Approve(of=asked, audience="public")) == "not_permitted"
    assert ledger.say(name, Approve(of=asked, audience="public")) == "allowed"
    assert ledger.register.members["chat"].roles == {Role.CONTRIBUTOR, Role.COORDINATOR}


def test_a_steward_gives_itself_no_role_to_approve_with(ledger):
    asked = ledger.said("industry", role("watch", Role.STEWARD, Role.COORDINATOR))
    assert ledger.say("watch", Approve(of=asked, audience="public")) == "own_request"
    assert ledger.say("rights", Approve(of=asked, audience="public")) == "allowed"


def test_before_there_is_a_steward_the_operator_names_the_first_one():
    ledger = Ledger("industry", "tube", "police")
    ledger.said("industry", join("rescue"))
    ledger.said("industry", role("tube", Role.STEWARD))
    assert ledger.register.members["tube"].roles == {Role.STEWARD}
    assert ledger.say("industry", join("watch")) == "unapproved"


def test_the_last_steward_goes_when_it_agrees_itself():
    ledger = Ledger("industry", "rights")
    asked = ledger.said("industry", MemberSaid(action="leave", member="rights"))
    ledger.said("rights", Approve(of=asked, audience="public"))
    assert not ledger.register.members["rights"].active
    assert ledger.say("industry", join("watch")) == "allowed"


def test_a_coordinator_that_was_suspended_comes_back_when_a_steward_agrees(ledger):
    ledger.said("industry", MemberSaid(action="suspend", member="police"))
    assert not ledger.register.members["police"].active
    asked = ledger.said("industry", MemberSaid(action="reinstate", member="police"))
    assert not ledger.register.members["police"].active
    ledger.said("rights", Approve(of=asked, audience="public"))
    assert ledger.register.members["police"].active


def test_stolen_keys_of_all_stewards_leave_their_places_taken(ledger):
    for name in ("rights", "watch"):
        key = public_key(name)
        ledger.said("industry", KeySaid(action="revoke", member=name, key=key, since=0))
    assert ledger.say("industry", join("disguise", (Role.STEWARD,))) == "unapproved"


def test_two_operators_do_not_suspend_each_other_by_requests_that_waited(ledger):
    rules = RuleSaid(rules=Rules(suspend_approvals=1), reason="four eyes")
    ledger.said("rights", Approve(of=ledger.said("industry", rules), audience="public"))
    ledger.said("industry", join("second", (Role.OPERATOR,), kind=Kind.OPERATOR))
    asked = [
        ledger.said("industry", MemberSaid(action="suspend", member=name))
        for name in ("second", "industry")
    ]
    codes = [ledger.say("rights", Approve(of=one, audience="public")) for one in asked]
    assert codes == ["allowed", "last_operator"]


def test_judging_changes_nothing(ledger):
    before = ledger.register.dump()
    for statement in (item(), RULE, join("newcomer"), Approve(of=0)):
        for name in PARTIES:
            parcel = ledger.parcel(name, statement)
            judge(ledger.register, ledger.size, parcel.envelope, statement, ledger.lookup)
    assert ledger.register.dump() == before


def test_a_register_without_members_bars_all_but_the_founding():
    parcel = Ledger.of_all().parcel("tube", item())
    judgement = judge(Register(ORIGIN), 5, parcel.envelope, item(), lambda _: None)
    assert judgement == Barred("unknown_key", judgement.reason)


def test_every_sentence_of_a_refusal_is_there_to_be_read(ledger):
    late = item(expires_at=moment(START + timedelta(days=9999)))
    ledger.say("tube", late)
    assert "365 days" in ledger.judgements[-1].reason
