"""Shares, audiences and the state that an admission works on."""

from datetime import timedelta

import pytest

from exchanges import NOW, Running, an_item
from tocsin.entries.parties import Group, Kind, Member, Role
from tocsin.entries.register import Register
from tocsin.entries.statements import Erased, GroupSaid, IncidentSaid, Opinion, Rules
from tocsin.errors import Refused, TocsinError, Unavailable
from tocsin.operating import admission as admitting
from tocsin.operating.admission import Admission, Tally, draft_of
from tocsin.operating.audiences import audience_of, may_read


def test_a_share_is_counted_by_day_and_survives_a_restart(tmp_path):
    running = Running(tmp_path / "exchange", entries_per_day=3)
    alice, bob = running.join("alice"), running.join("bob")
    alice.say(an_item(1), an_item(2))
    running.reopen()
    alice.say(an_item(3))
    for _ in range(2):
        with pytest.raises(Refused) as caught:
            alice.say(an_item(4))
        assert caught.value.code == "daily_cap"
        running.reopen()
    assert bob.say(an_item(5))
    running.clock.move(days=1)
    assert alice.say(an_item(6))
    running.close()


def test_of_a_call_beyond_the_share_nothing_is_logged(tmp_path):
    running = Running(tmp_path / "exchange", entries_per_day=3)
    alice = running.join("alice")
    with pytest.raises(Refused):
        alice.say(*(an_item(number) for number in range(4)))
    assert alice.say(*(an_item(number) for number in range(3))) == [2, 3, 4]
    running.close()


def test_asserts_have_a_share_of_their_own_from_the_rules():
    register = Register("x", rules=Rules(asserts_per_day=2))
    tally = Tally(NOW.date(), {"alice": 5}, {"alice": 2})
    admission = Admission(
        register, lambda _: {}, lambda _: None, tally=tally, entries_per_day=100, at=NOW
    )
    with pytest.raises(Refused):
        admission._check_share("alice", 16)
    admission._check_share("alice", 17)
    admission._check_share("bob", 16)


def test_a_stolen_key_does_not_make_the_register_large(tmp_path, monkeypatch):
    monkeypatch.setattr(admitting, "INCIDENTS_PER_DAY", 2)
    running = Running(tmp_path / "exchange")
    police = running.join("police", Role.COORDINATOR)

    def decline(name):
        about = {"kind": "awareness", "title": "a", "reason": "b"}
        return IncidentSaid(action="decline", incident=name, **about)

    police.say(decline("a"), decline("b"))
    running.reopen()
    with pytest.raises(Refused, match="2 times today"):
        police.say(decline("c"))
    running.clock.move(days=1)
    assert police.say(decline("c"))
    running.close()


def test_a_new_day_begins_with_nothing_counted():
    tally = Tally(NOW.date(), {"alice": 5}, {"alice": 2})
    assert tally.at(NOW.date() + timedelta(days=1)).entries == {}
    assert tally.at(NOW.date()) == tally


def test_counting_on_a_copy_leaves_the_first_as_it_was():
    tally = Tally(NOW.date(), {"alice": 5})
    tally.at(NOW.date()).add("alice", 16)
    assert tally.entries == {"alice": 5}


def test_a_draft_of_the_register_can_be_changed_without_the_register():
    register = Register("x")
    draft = draft_of(register)
    draft.members["alice"] = None
    draft.erased.add(3)
    draft.size = 9
    assert register == Register("x")


def a_register(*groups, suspended=()):
    members = {
        name: Member(
            name,
            Kind.PLATFORM,
            "",
            "",
            frozenset({Role.OPERATOR if name == "operator" else Role.READER}),
            {},
            0,
            5 if name in suspended else None,
        )
        for name in ("alice", "bob", "operator")
    }
    return Register("x", members=members, groups={one.name: one for one in groups})


FEW = Group("few", frozenset({"alice", "bob"}))


def test_who_is_taken_out_of_a_group_reads_that_and_nothing_else_of_it():
    before = a_register(FEW)
    audience = audience_of(GroupSaid(audience="few", members=("alice",)), before)
    after = a_register(Group("few", frozenset({"alice"})))
    readers = {who for who in ("alice", "bob", "operator", None) if may_read(after, audience, who)}
    assert readers == {"alice", "bob", "operator"}
    item = audience_of(an_item(audience="few"), before)
    assert {who for who in ("alice", "bob", "operator") if may_read(after, item, who)} == {"alice"}


def test_a_suspended_member_reads_only_what_is_public():
    register = a_register(FEW, suspended=("bob",))
    audience = audience_of(GroupSaid(audience="few", members=("alice",)), a_register(FEW))
    for one in ("members", "few", audience):
        assert not may_read(register, one, "bob")
    assert may_read(register, "public", "bob")


def test_a_receipt_of_erasure_is_for_all_members():
    assert audience_of(Erased(of=1), a_register()) == "members"


def test_many_waiting_entries_are_too_many(tmp_path):
    running = Running(tmp_path / "exchange", waiting_entries=2)
    alice = running.join("alice")
    with pytest.raises(Unavailable) as caught:
        alice.submit(*alice.chain(an_item(1), an_item(2), an_item(3)))
    assert caught.value.code == "overloaded"
    running.close()


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (Opinion(of=99, opinion="confirm"), "no_subject"),
        (Erased(of=0), "no_subject"),
        (an_item(expires_at=None), "no_end"),
        (an_item(audience="nowhere"), "wrong_audience"),
    ],
)
def test_a_refusal_has_a_stable_code(running, alice, said, code):
    with pytest.raises(TocsinError) as caught:
        alice.say(said)
    assert caught.value.code == code
