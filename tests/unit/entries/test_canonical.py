"""There is one form of bytes for each payload, that of RFC 8785; any other is refused."""

import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from tocsin.entries.canonical import MAX_INTEGER, MAX_PAYLOAD_BYTES, decode, encode
from tocsin.errors import InvalidInput

KEYS = st.text(st.characters(max_codepoint=127), max_size=8)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner))
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=6)


@given(OBJECTS)
def test_the_form_is_that_of_a_full_implementation(value):
    assert encode(value) == rfc8785.dumps(value)


@given(OBJECTS)
def test_what_was_written_is_read_back(value):
    assert decode(encode(value)) == value


@given(OBJECTS, st.sampled_from([{"indent": 1}, {"separators": (", ", ": ")}]))
def test_the_same_value_in_another_form_is_refused(value, form):
    with pytest.raises(InvalidInput):
        decode(json.dumps({"a": 1, **value}, sort_keys=True, ensure_ascii=False, **form).encode())


@given(st.binary(max_size=200))
def test_bytes_are_an_object_in_canonical_form_or_refused(raw):
    try:
        value = decode(raw)
    except InvalidInput:
        return
    assert rfc8785.dumps(value) == raw


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="an array"),
        pytest.param(b"null", id="null"),
        pytest.param(b'{"b":1,"a":2}', id="keys out of order"),
        pytest.param(b'{"a":1,"a":1}', id="a key twice"),
        pytest.param(b'{"a":{"b":1,"b":1}}', id="a key twice, deeper"),
        pytest.param(b'{"a":1.0}', id="a float"),
        pytest.param(b'{"a":1e3}', id="an exponent"),
        pytest.param(b'{"a":-0}', id="minus zero"),
        pytest.param(b'{"a":01}', id="a leading zero"),
        pytest.param(b'{"a":9007199254740992}', id="an integer beyond 53 bits"),
        pytest.param(b'{"a":' + b"9" * 5000 + b"}", id="an integer of 5000 digits"),
        pytest.param(b'{"a":NaN}', id="not a number"),
        pytest.param(b'{"a":-Infinity}', id="infinity"),
        pytest.param('{"ä":1}'.encode(), id="a key that is not ASCII"),
        pytest.param(b'{"a":"\\u0041"}', id="a needless escape"),
        pytest.param(b'{"a":"\\ud800"}', id="half a surrogate pair"),
        pytest.param(b'{"a":"\\/"}', id="an escaped slash"),
        pytest.param(b'{"a":"\\u001F"}', id="upper-case hex"),
        pytest.param(b'{"a":"\x01"}', id="a bare control character"),
        pytest.param(b'{"a":"\xff"}', id="not UTF-8"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', id="a byte order mark"),
        pytest.param(b'{"a":1}\n', id="a newline behind"),
        pytest.param(b'{"a":1}{}', id="two objects"),
        pytest.param(b'{"a":' + b"[" * 20_000 + b"]" * 10_000, id="nested without end"),
        pytest.param(b'{"a":"' + b"x" * MAX_PAYLOAD_BYTES + b'"}', id="too long"),
    ],
)
def test_it_is_refused(raw):
    with pytest.raises(InvalidInput):
        decode(raw)


@pytest.mark.parametrize(
    "value",
    [
        {"a": 1.5},
        {"a": float("nan")},
        {"a": MAX_INTEGER + 1},
        {"a": b"bytes"},
        {"a": "\ud800"},
        {"ä": 1},
        {1: 2, "a": 3},
        {"a": "x" * MAX_PAYLOAD_BYTES},
    ],
    ids=str,
)
def test_what_has_no_canonical_form_is_not_written(value):
    with pytest.raises(InvalidInput):
        encode(value)


def test_a_payload_of_exactly_the_largest_size_is_read():
    raw = b'{"a":"' + b"x" * (MAX_PAYLOAD_BYTES - 8) + b'"}'
    assert len(decode(raw)["a"]) == MAX_PAYLOAD_BYTES - 8
