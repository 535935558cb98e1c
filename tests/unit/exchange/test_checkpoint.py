"""Checkpoints are read strictly, and only the log itself can make one."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logs import ORIGIN, cases, cosigner, signed
from tocsin.exchange.checkpoint import MAX_SIZE, Checkpoint, open_checkpoint, parse_size
from tocsin.exchange.errors import Malformed, Unverified
from tocsin.exchange.keys import SigningKey
from tocsin.exchange.note import sign_note

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HEAD = Checkpoint(ORIGIN, 7, bytes(32))
KEY = SigningKey.generate(ORIGIN)


@pytest.mark.parametrize("case", cases("checkpoints", "valid"))
def test_a_valid_checkpoint_is_read_and_written(case):
    head = Checkpoint.parse(case["text"])
    assert (head.origin, head.size, head.root.hex()) == (case["origin"], case["size"], case["root"])
    assert head.text == case["text"]


@pytest.mark.parametrize("case", cases("checkpoints", "invalid"))
def test_an_invalid_checkpoint_is_refused(case):
    with pytest.raises(Malformed):
        Checkpoint.parse(case["text"])


def test_a_checkpoint_of_the_log_opens():
    opened = open_checkpoint(signed(HEAD, KEY, NOW), [KEY.verifier])
    assert opened.checkpoint == HEAD
    assert opened.note == signed(HEAD, KEY, NOW)


def test_a_cosignature_alone_makes_no_checkpoint():
    witness = cosigner("witness.example")
    raw = sign_note(HEAD.text, [witness], NOW).encode()
    with pytest.raises(Unverified, match="itself"):
        open_checkpoint(raw, [KEY.verifier, witness.verifier])


def test_another_log_that_is_trusted_cannot_speak_for_this_one():
    other = SigningKey.generate("other.example/log")
    with pytest.raises(Unverified, match="itself"):
        open_checkpoint(signed(HEAD, other, NOW), [KEY.verifier, other.verifier])


def test_a_signed_text_that_is_no_checkpoint_is_refused():
    with pytest.raises(Malformed):
        open_checkpoint(sign_note("hello\n", [KEY], NOW).encode(), [KEY.verifier])


@given(st.integers(min_value=0, max_value=MAX_SIZE))
def test_each_size_has_one_text(size):
    assert parse_size(str(size)) == size


@given(st.text(alphabet="0123456789+-_ \u0663.e", max_size=21))
def test_a_size_is_read_only_in_that_text(text):
    try:
        size = parse_size(text)
    except Malformed:
        return
    assert str(size) == text
    assert size <= MAX_SIZE
