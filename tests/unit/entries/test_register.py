"""Whoever replays the same log comes to the same register, and reads of it what is theirs."""

import json
import os
import subprocess
import sys
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import ORIGIN, PARTIES, Ledger, item, public_key
from tocsin.entries.applying import apply
from tocsin.entries.judging import judge
from tocsin.entries.parties import Role
from tocsin.entries.register import Register
from tocsin.entries.statements import (
    Approve,
    Erase,
    Erased,
    GroupSaid,
    IncidentSaid,
    IncidentType,
    KeySaid,
    MemberSaid,
    Opinion,
    Retract,
    Rules,
    RuleSaid,
    Supersede,
    View,
    moment,
    parse,
)
from tocsin.errors import Damaged

NAMES = st.sampled_from(sorted(PARTIES))
AUDIENCES = st.sampled_from(["public", "members", "north"])
SOME = st.integers(0, 25)
KEYS = st.sampled_from([*PARTIES, "spare-1", "spare-2", "spare-3"])


def incident_said(action, audience, hours):
    return lambda at: IncidentSaid(
        action=action,
        incident=f"harbour-{audience}",
        audience=audience,
        kind=IncidentType.AWARENESS,
        title="Harbour",
        reason="so it is",
        ends_at=moment(at + timedelta(hours=hours)),
    )


def fixed(*parts):
    """Draw a statement that does not depend on the time."""
    return st.builds(lambda said: lambda _: said, st.builds(*parts))


STATEMENTS = st.one_of(
    st.builds(
        lambda audience, days, incident: (
            lambda at: item(at, days, audience=audience, incident=incident)
        ),
        AUDIENCES,
        st.integers(-1, 40),
        st.sampled_from([None, "harbour-public", "harbour-members", "harbour-north"]),
    ),
    fixed(lambda of, view: Opinion(of=of, opinion=view), SOME, st.sampled_from(View)),
    fixed(lambda of: Retract(of=of, reason="wrong"), SOME),
    fixed(lambda of, by: Supersede(of=of, by=by, reason="better"), SOME, SOME),
    fixed(lambda of: Erase(of=of, reason="error"), SOME),
    fixed(lambda of: Erased(of=of), SOME),
    fixed(
        lambda action, member, roles: MemberSaid(action=action, member=member, roles=roles),
        st.sampled_from(["suspend", "reinstate", "leave", "role"]),
        NAMES,
        st.lists(st.sampled_from(Role), max_size=3, unique=True).map(tuple),
    ),
    fixed(
        lambda action, member, key, since: KeySaid(
            action=action, member=member, key=public_key(key), since=since
        ),
        st.sampled_from(["add", "revoke"]),
        NAMES,
        KEYS,
        st.none() | SOME,
    ),
    fixed(
        lambda members: GroupSaid(audience="north", members=tuple(members)),
        st.lists(NAMES, max_size=4, unique=True),
    ),
    fixed(
        lambda approvals, suspend: RuleSaid(
            rules=Rules(incident_approvals=approvals, suspend_approvals=suspend), reason="agreed"
        ),
        st.integers(1, 2),
        st.integers(0, 1),
    ),
    fixed(lambda of, audience: Approve(of=of, audience=audience), SOME, AUDIENCES),
    st.builds(
        incident_said,
        st.sampled_from(["open", "extend", "update", "close", "decline"]),
        AUDIENCES,
        st.integers(-1, 80),
    ),
)

HISTORIES = st.lists(
    st.tuples(NAMES, STATEMENTS, st.none() | KEYS, st.integers(0, 30)), max_size=30
)


def everything(_):
    """Read all payloads."""
    return True


def written(history):
    """Let members say all this, by the rules or against them."""
    ledger = Ledger.of_all()
    for member, statement, key, minutes in history:
        ledger.wait(minutes=minutes)
        ledger.say(member, statement(ledger.at), key or member)
    return ledger


def replayed(ledger, reads):
    """Replay a log for one who reads the payloads that `reads` says."""
    register = Register(ORIGIN)
    codes = []
    for index, parcel in enumerate(ledger.parcels):
        statement = parse(parcel.payload)
        shown = statement if reads(statement) else None
        judgement = judge(register, index, parcel.envelope, shown, ledger.lookup)
        verdict = ledger.judgements[index]
        forged = getattr(verdict, "code", "") == "bad_signature"
        apply(register, index, parcel.envelope, shown, verdict if forged else judgement)
        codes.append((judgement, statement.audience))
    return register, codes


@given(HISTORIES)
def test_a_replay_comes_to_the_same_judgements_and_the_same_register(history):
    ledger = written(history)
    register, codes = replayed(ledger, everything)
    assert register.dump() == ledger.register.dump()
    forged = [getattr(one, "code", "") == "bad_signature" for one in ledger.judgements]
    assert [one for (one, _), bad in zip(codes, forged, strict=True) if not bad] == [
        one for one, bad in zip(ledger.judgements, forged, strict=True) if not bad
    ]


@given(HISTORIES, st.integers(0, 40))
def test_a_register_that_was_put_away_goes_on_as_if_it_never_had_been(history, cut):
    ledger = written(history[:cut])
    ledger.register = Register.load(ledger.register.dump())
    for member, statement, key, minutes in history[cut:]:
        ledger.wait(minutes=minutes)
        ledger.say(member, statement(ledger.at), key or member)
    assert ledger.register == written(history).register


@settings(max_examples=200)
@given(HISTORIES)
def test_who_does_not_read_a_group_agrees_on_members_keys_and_positions(history):
    ledger = written(history)
    member, _ = replayed(ledger, everything)
    outsider, codes = replayed(ledger, lambda said: said.audience in {"public", "members"})
    for name in ("size", "members", "owners", "positions", "rules", "erased"):
        assert getattr(outsider, name) == getattr(member, name)
    for (judged, audience), truth in zip(codes, ledger.judgements, strict=True):
        if audience in {"public", "members"} and getattr(truth, "code", "") != "bad_signature":
            assert judged == truth


@given(HISTORIES)
def test_the_public_agrees_on_members_keys_and_rules(history):
    ledger = written(history)
    public, _ = replayed(ledger, lambda said: said.audience == "public")
    for name in ("size", "members", "owners", "positions", "rules", "erased"):
        assert getattr(public, name) == getattr(ledger.register, name)


@given(HISTORIES)
def test_the_separation_of_duties_holds_whatever_is_said(history):
    register = written(history).register
    for member in register.members.values():
        assert not ({Role.OPERATOR, Role.CONTRIBUTOR} <= member.roles)
        assert not ({Role.OPERATOR, Role.STEWARD} <= member.roles)
        assert not (Role.AUDITOR in member.roles and member.roles - {Role.AUDITOR, Role.READER})
    assert any(one.active and Role.OPERATOR in one.roles for one in register.members.values())


@given(HISTORIES)
def test_every_key_has_the_owner_that_holds_it(history):
    register = written(history).register
    held = {key: one.id for one in register.members.values() for key in one.keys}
    assert register.owners == held


def test_the_same_register_is_the_same_bytes_in_every_process():
    program = (
        "from ledger import Ledger; from tocsin.entries.statements import GroupSaid;"
        "one = Ledger.of_all();"
        "one.say('industry', GroupSaid(audience='north', members=('tube', 'chat', 'court')));"
        "print(one.register.dump().decode())"
    )
    path = os.pathsep.join(sys.path)
    runs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONPATH": path, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(runs) == 1


@pytest.mark.parametrize("raw", [b"", b"{}", b"null", b"[]", b'{"origin":1}', b"\xff"])
def test_a_damaged_register_is_not_read(raw):
    with pytest.raises(Damaged):
        Register.load(raw)


def test_a_register_cut_short_anywhere_is_not_read():
    raw = Ledger.of_all().register.dump()
    for cut in range(0, len(raw), 97):
        with pytest.raises(Damaged):
            Register.load(raw[:cut])


def test_a_dump_is_json_that_others_can_read():
    assert json.loads(Ledger("industry").register.dump())["origin"] == ORIGIN


@pytest.mark.parametrize(
    ("audience", "member", "reads"),
    [
        ("public", None, True),
        ("public", "stranger", True),
        ("members", None, False),
        ("members", "stranger", False),
        ("members", "chat", True),
        ("north", "tube", True),
        ("north", "chat", False),
        ("north", "industry", False),
        ("north", None, False),
        ("south", "tube", False),
    ],
)
def test_each_reads_what_is_addressed_to_it(audience, member, reads):
    ledger = Ledger.of_all()
    ledger.said("industry", GroupSaid(audience="north", members=("tube", "court")))
    assert ledger.register.may_read(audience, member) is reads


def test_who_is_suspended_reads_what_the_public_reads():
    ledger = Ledger.of_all()
    ledger.said("industry", GroupSaid(audience="north", members=("tube",)))
    ledger.said("industry", MemberSaid(action="suspend", member="tube"))
    reads = [ledger.register.may_read(one, "tube") for one in ("public", "members", "north")]
    assert reads == [True, False, False]
