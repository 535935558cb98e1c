"""Notes: the specification's vectors, and that no second meaning fits into one note."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logs import cases
from tocsin.exchange import errors
from tocsin.exchange.errors import Forged, Malformed, Unverified
from tocsin.exchange.keys import Algorithm, PublicKey, SigningKey
from tocsin.exchange.note import MAX_NOTE_BYTES, Note, Signature, open_note, sign_note

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY = SigningKey.generate("exchange.example/log")
TEXT = "line\n\nline\n"


@pytest.mark.parametrize("case", cases("notes", "valid"))
def test_a_valid_note_opens_to_its_text(case):
    note, verified = open_note(case["note"].encode(), [PublicKey.parse(case["vkey"])])
    assert note.text == case["text"]
    assert note.encode() == case["note"].encode()
    if "time" in case:
        assert [one.at for one in verified] == [datetime.fromtimestamp(case["time"], UTC)]


@pytest.mark.parametrize(
    "case", [one for one in cases("notes", "valid") if "skey" in one.values[0]]
)
def test_signing_gives_the_very_bytes_of_the_vectors(case):
    at = datetime.fromtimestamp(case.get("time", 0), UTC)
    signed = sign_note(case["text"], [SigningKey.parse(case["skey"])], at)
    assert signed.encode() == case["note"].encode()


@pytest.mark.parametrize("case", cases("notes", "invalid"))
def test_an_invalid_note_is_refused_for_its_reason(case):
    with pytest.raises(getattr(errors, case["error"])) as caught:
        open_note(case["note"].encode(), [PublicKey.parse(case["vkey"])])
    assert type(caught.value).__name__ == case["error"]


def test_a_note_that_is_not_utf8_is_refused():
    raw = sign_note(TEXT, [KEY], NOW).encode()
    with pytest.raises(Malformed, match="UTF-8"):
        Note.parse(b"\xff" + raw)


def test_an_oversized_note_is_refused_before_it_is_read():
    with pytest.raises(Malformed, match="bytes"):
        Note.parse(b"a" * (MAX_NOTE_BYTES + 1))


def test_a_hundred_post_quantum_signatures_of_strangers_do_no_harm():
    strangers = tuple(Signature(f"w{n}.example", b"abcd", bytes(2428)) for n in range(99))
    raw = sign_note(TEXT, [KEY], NOW).add(strangers).encode()
    assert open_note(raw, [KEY.verifier])[0].text == TEXT


@pytest.mark.parametrize("change", [{"name": "other.example"}, {"key_id": b"abcd"}])
def test_sharing_only_the_name_or_only_the_id_makes_no_known_key(change):
    line = sign_note(TEXT, [KEY], NOW).signatures[0]
    fields = {"name": line.name, "key_id": line.key_id, "blob": line.blob} | change
    with pytest.raises(Unverified) as caught:
        open_note(Note(TEXT, (Signature(**fields),)).encode(), [KEY.verifier])
    assert not isinstance(caught.value, Forged)


def test_each_known_key_that_signed_is_reported():
    witness = SigningKey.generate("witness.example", Algorithm.COSIGNATURE)
    raw = sign_note(TEXT, [KEY, witness], NOW).encode()
    _, verified = open_note(raw, [witness.verifier, KEY.verifier])
    assert [(one.key, one.at) for one in verified] == [
        (KEY.verifier, None),
        (witness.verifier, NOW),
    ]


def test_trusting_nobody_opens_nothing():
    with pytest.raises(Unverified):
        open_note(sign_note(TEXT, [KEY], NOW).encode(), [])


def test_a_signature_is_added_once():
    note = sign_note(TEXT, [KEY], NOW)
    assert note.add(note.signatures) == note


@pytest.mark.parametrize("text", ["", "no newline", "bell\a\n"])
def test_what_could_not_be_read_back_is_not_signed(text):
    with pytest.raises(Malformed):
        sign_note(text, [KEY], NOW)


@given(st.integers(min_value=0), st.integers(min_value=0, max_value=7))
def test_no_bit_of_a_note_can_flip_unnoticed(position, bit):
    raw = bytearray(sign_note(TEXT, [KEY], NOW).encode())
    raw[position % len(raw)] ^= 1 << bit
    with pytest.raises((Malformed, Unverified)):
        open_note(bytes(raw), [KEY.verifier])


@given(st.text(alphabet="a —+=/A\n\u00a0", max_size=60))
def test_whatever_parses_encodes_to_the_same_bytes(text):
    try:
        note = Note.parse(text.encode())
    except Malformed:
        return
    assert note.encode() == text.encode()
