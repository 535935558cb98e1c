"""A payload is one statement in full, or refused: nothing unknown, coerced or hidden gets in."""

import json
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import START, item, join, public_key
from tocsin.entries import canonical
from tocsin.entries.envelope import EntryType
from tocsin.entries.statements import (
    TYPES,
    Approve,
    Assert,
    Basis,
    Erase,
    Erased,
    GroupSaid,
    IncidentSaid,
    IncidentType,
    KeySaid,
    Opinion,
    Retract,
    Rules,
    RuleSaid,
    SignalSaid,
    Supersede,
    View,
    entry_type,
    moment,
    parse,
    when,
    write,
)
from tocsin.errors import InvalidInput

ONE_OF_EACH = [
    join("tube", name="Tube Ltd"),
    KeySaid(action="add", member="tube", key=public_key("tube-2")),
    GroupSaid(audience="drills", members=("chat", "tube")),
    RuleSaid(rules=Rules(incident_approvals=2), reason="agreed in March"),
    Approve(of=7, audience="public"),
    item(),
    Opinion(of=7, opinion=View.DISPUTE, reason="a news report"),
    Retract(of=7, reason="a mistake"),
    Supersede(of=7, by=8, reason="better signals"),
    Erase(of=7, reason="court-order", authority="a court"),
    Erased(of=9),
    IncidentSaid(
        action="open",
        incident="harbour-1",
        kind=IncidentType.PERPETRATOR_LIVESTREAM,
        title="Harbour",
        reason="a stream is being shared",
        ends_at=moment(START) + 3600,
    ),
]

TEXT = st.text(max_size=40)
NAMES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True)


@pytest.mark.parametrize("statement", ONE_OF_EACH, ids=lambda one: one.type)
def test_a_statement_survives_the_way_through_bytes(statement):
    assert parse(write(statement)) == statement


def test_there_is_an_example_of_each_type_and_a_number_for_it():
    assert [entry_type(one) for one in ONE_OF_EACH] == list(EntryType)
    assert {one.type for one in ONE_OF_EACH} == TYPES.keys()


@pytest.mark.parametrize("statement", ONE_OF_EACH, ids=lambda one: one.type)
def test_a_field_that_is_not_known_is_refused(statement):
    with pytest.raises(InvalidInput, match="extra"):
        parse(canonical.encode(statement.model_dump(mode="json") | {"extra": 1}))


@pytest.mark.parametrize("statement", ONE_OF_EACH, ids=lambda one: one.type)
def test_a_value_of_another_type_is_not_taken_for_the_right_one(statement):
    value = statement.model_dump(mode="json")
    for name in value:
        other = str(value[name]) if isinstance(value[name], int) else 1
        if value[name] is None or name == "note":
            continue
        with pytest.raises(InvalidInput):
            parse(canonical.encode(value | {name: other}))


def test_true_is_no_number():
    with pytest.raises(InvalidInput):
        parse(b'{"of":true,"opinion":"saw","type":"opinion"}')


def test_one_is_not_true():
    with pytest.raises(InvalidInput):
        parse(b'{"of":1,"opinion":"saw","own_media":1,"type":"opinion"}')


@given(st.binary(max_size=300))
def test_random_bytes_are_refused_and_nothing_else_happens(raw):
    with pytest.raises(InvalidInput):
        parse(raw)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3),
)


@given(st.sampled_from(ONE_OF_EACH), st.data())
def test_a_statement_with_any_one_field_altered_is_read_or_refused(statement, data):
    value = statement.model_dump(mode="json")
    value[data.draw(st.sampled_from(sorted(value)))] = data.draw(JSON)
    try:
        raw = canonical.encode(value)
        found = parse(raw)
    except InvalidInput:
        return
    assert parse(write(found)) == found


@pytest.mark.parametrize(
    "letter",
    ["\0", "\x1b", "\x7f", "\x85", "\x9b", "\r", "\t", "\u2028", "\u202e", "\u2066"],
    ids=ascii,
)
def test_text_that_hides_or_forges_what_is_shown_is_refused(letter):
    for said in ({"note": f"a{letter}b"}, {"evidence": f"a{letter}b"}, {"labels": [f"a{letter}"]}):
        with pytest.raises(InvalidInput):
            parse(canonical.encode(item().model_dump(mode="json") | said))


def test_a_line_has_one_line_and_a_text_may_have_more():
    value = item().model_dump(mode="json")
    assert parse(canonical.encode(value | {"note": "one\ntwo"})).note == "one\ntwo"
    for said in ({"evidence": "a\nb"}, {"signals": [{"type": "url", "value": "a\nb"}]}):
        with pytest.raises(InvalidInput):
            parse(canonical.encode(value | said))


def test_letters_of_all_scripts_are_kept():
    note = "مرحبا می‌خواهم 你好 👩‍🚒 ñ"
    assert parse(write(item(note=note))).note == note


@pytest.mark.parametrize(
    "change",
    [
        {"signals": []},
        {"signals": [{"type": "pdq", "value": "0" * 64}] * 101},
        {"signals": [{"type": "photodna", "value": "0"}]},
        {"signals": [{"type": "pdq", "value": ""}]},
        {"signals": [{"type": "pdq", "value": "0", "quality": 101}]},
        {"labels": ["x"] * 21},
        {"severity": 4},
        {"severity": -1},
        {"territories": ["de"]},
        {"territories": ["DEU"]},
        {"tlp": "white"},
        {"audience": "Everybody"},
        {"audience": ""},
        {"audience": "members\n"},
        {"person": "Jane Doe"},
        {"expires_at": -1},
        {"expires_at": 253_402_300_800},
        {"basis": {"kind": "hunch", "reference": ""}},
        {"list": "grey"},
        {"note": "x" * 2001},
        {"incident": ""},
    ],
    ids=str,
)
def test_an_item_beyond_the_bounds_is_refused(change):
    with pytest.raises(InvalidInput):
        parse(canonical.encode(item().model_dump(mode="json") | change))


@pytest.mark.parametrize(
    "raw",
    [
        b'{"of":1,"type":"retract"}',
        b'{"of":1,"reason":"","type":"retract"}',
        b'{"of":-1,"reason":"x","type":"retract"}',
        b'{"audience":"members","of":1,"reason":"error","type":"erase"}',
        b'{"audience":"public","of":1,"type":"erased"}',
        b'{"of":1,"reason":"because","type":"erase"}',
        b'{"action":"join","audience":"members","member":"tube","type":"member"}',
        b'{"action":"join","key":"AB","member":"tube","type":"member"}',
        b'{"action":"grow","member":"tube","type":"member"}',
        b'{"reason":"x","rules":{"incident_approvals":0},"type":"rule"}',
        b'{"reason":"x","rules":{"rule_approvals":0},"type":"rule"}',
        b'{"action":"update","incident":"a","reason":"x","type":"incident","vocabulary":2}',
        b'{"type":"launch"}',
        b"{}",
    ],
    ids=lambda raw: raw.decode(),
)
def test_a_statement_that_says_what_it_cannot_is_refused(raw):
    with pytest.raises(InvalidInput):
        parse(raw)


def test_a_refusal_does_not_repeat_what_was_said():
    with pytest.raises(InvalidInput) as caught:
        parse(canonical.encode(item().model_dump(mode="json") | {"tlp": "a secret"}))
    assert "secret" not in str(caught.value)


def test_fields_with_a_default_may_be_left_out():
    said = parse(b'{"of":3,"opinion":"confirm","type":"opinion"}')
    assert said == Opinion(of=3, opinion=View.CONFIRM)


@given(st.integers(0, 253_402_300_799_999))
def test_a_moment_is_the_time_in_whole_seconds(milliseconds):
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    assert when(moment(at)) == at.replace(microsecond=0)


def test_no_item_can_name_a_person():
    fields = set(Assert.model_fields) | set(SignalSaid.model_fields) | set(Basis.model_fields)
    assert not fields & {"account", "user", "username", "email", "face", "ip"}


def test_each_statement_has_an_audience_and_those_of_governance_the_public():
    for one in ONE_OF_EACH:
        fixed = get_args(type(one).model_fields["audience"].annotation)
        assert json.loads(write(one))["audience"]
        assert ("public" in fixed) == (one.type in {"member", "key", "rule", "erase"})
