"""Signals are read strictly, and come out as they went in."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import InvalidInput
from tocsin.model import CODE_BYTES, Signal, SignalType, Verdict

DIGITS = {SignalType.PDQ: 64, SignalType.SHA256: 64, SignalType.SHA1: 40, SignalType.MD5: 32}
HASHES = list(DIGITS)


@st.composite
def hash_texts(draw):
    kind = draw(st.sampled_from(HASHES))
    raw = draw(st.binary(min_size=DIGITS[kind] // 2, max_size=DIGITS[kind] // 2))
    return kind, raw.hex()


@given(hash_texts())
def test_a_hash_comes_out_as_it_went_in(one):
    kind, text = one
    assert Signal.parse(kind, text).text == text


@given(hash_texts())
def test_upper_case_and_blanks_around_make_no_difference(one):
    kind, text = one
    assert Signal.parse(kind, f" {text.upper()}\n") == Signal.parse(kind, text)


@pytest.mark.parametrize("type", HASHES)
@pytest.mark.parametrize("change", [-2, -1, 1, 2])
def test_a_hash_of_the_wrong_length_is_refused_with_the_right_one(type, change):
    with pytest.raises(InvalidInput, match=str(DIGITS[type])):
        Signal.parse(type, "a" * (DIGITS[type] + change))


@pytest.mark.parametrize("type", HASHES)
@pytest.mark.parametrize("wrong", ["g", "-", "_", "\u0661", "\uff11", "\0"])
def test_a_hash_with_anything_but_hex_digits_is_refused(type, wrong):
    with pytest.raises(InvalidInput):
        Signal.parse(type, wrong + "a" * (DIGITS[type] - 1))


@pytest.mark.parametrize("type", HASHES)
def test_blanks_inside_a_hash_do_not_count_as_digits(type):
    with pytest.raises(InvalidInput):
        Signal.parse(type, "aa  " * (DIGITS[type] // 4 - 1) + "aaaa")


@pytest.mark.parametrize("quality", [-1, 101])
def test_a_quality_out_of_range_is_refused(quality):
    with pytest.raises(InvalidInput, match="between 0 and 100"):
        Signal.parse(SignalType.PDQ, "a" * 64, quality)


@pytest.mark.parametrize("quality", [0, 100, None])
def test_a_quality_in_range_is_kept(quality):
    assert Signal.parse(SignalType.PDQ, "a" * 64, quality).quality == quality


def test_a_link_is_kept_to_the_letter():
    text = " https://Example.com/Ü?q=1 "
    assert Signal.parse(SignalType.URL, text).text == text


@pytest.mark.parametrize("link", ["", "http://\ud800"])
def test_what_is_no_link_is_refused(link):
    with pytest.raises(InvalidInput):
        Signal.parse(SignalType.URL, link)


@given(hash_texts())
def test_the_code_of_a_hash_is_the_hash_and_zeros(one):
    signal = Signal.parse(*one)
    assert len(signal.code) == CODE_BYTES
    assert signal.code[: len(signal.value)] == signal.value
    assert not any(signal.code[len(signal.value) :])


def test_the_code_of_a_link_is_its_sha256():
    signal = Signal.parse(SignalType.URL, "https://example.com/")
    assert signal.code == hashlib.sha256(b"https://example.com/").digest()


def test_only_pdq_matches_within_a_radius():
    assert [one for one in SignalType if one.perceptual] == [SignalType.PDQ]


def test_verdicts_are_ordered_from_allow_to_refuse():
    ordered = sorted(Verdict, key=lambda verdict: verdict.strength)
    assert ordered == ["allow", "not_inspectable", "limit", "hold", "refuse"]
