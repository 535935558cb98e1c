"""Keys are read strictly, sign what they verify, and keep their secret."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.exchange.errors import Forged, Malformed
from tocsin.exchange.keys import (
    Algorithm,
    PublicKey,
    SigningKey,
    check_name,
    decode_base64,
    encode_base64,
    table,
)

NAME = "exchange.example/log"
VKEY = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
NOW = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_both_text_forms_read_back_as_the_same_key(algorithm):
    key = SigningKey.generate(NAME, algorithm)
    again = SigningKey.parse(key.secret_text())
    assert again.verifier == key.verifier == PublicKey.parse(str(key.verifier))


def test_a_published_key_keeps_the_id_it_was_published_with():
    assert str(PublicKey.parse(VKEY)) == VKEY
    assert PublicKey.parse(VKEY).id.hex() == "033de0ae"


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        "name+033de0ae",
        VKEY.replace("033de0ae", "033de0af"),
        VKEY.replace("033de0ae", "033DE0AE"),
        VKEY.replace("sum.golang.org", "sum.golang.orG"),
        VKEY[:-4],
        VKEY.replace("+Ac4z", "+Bs4z"),
        "+033de0ae+",
        "a b+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
    ],
)
def test_a_key_that_was_mistyped_is_refused(vkey):
    with pytest.raises(Malformed):
        PublicKey.parse(vkey)


def test_a_public_key_is_not_taken_for_a_signing_key():
    with pytest.raises(Malformed, match="begins with PRIVATE"):
        SigningKey.parse(VKEY)


def test_a_signature_covers_every_byte_of_the_text():
    key = SigningKey.generate(NAME)
    blob = key.sign("text\n", NOW)
    assert key.verifier.verify("text\n", blob) is None
    with pytest.raises(Forged):
        key.verifier.verify("text \n", blob)


def test_a_cosignature_carries_its_time_in_whole_seconds():
    key = SigningKey.generate(NAME, Algorithm.COSIGNATURE)
    assert key.verifier.verify("text\n", key.sign("text\n", NOW)) == NOW.replace(microsecond=0)


def test_a_cosignature_with_another_time_does_not_verify():
    key = SigningKey.generate(NAME, Algorithm.COSIGNATURE)
    blob = key.sign("text\n", NOW)
    later = key.sign("text\n", NOW + timedelta(seconds=1))[:8] + blob[8:]
    with pytest.raises(Forged):
        key.verifier.verify("text\n", later)


@pytest.mark.parametrize("blob", [b"", bytes(8), bytes(71), bytes(73), b"\xff" * 72])
def test_a_cosignature_of_the_wrong_shape_is_forged(blob):
    with pytest.raises(Forged):
        SigningKey.generate(NAME, Algorithm.COSIGNATURE).verifier.verify("text\n", blob)


def test_a_signature_of_one_kind_is_not_one_of_the_other():
    private = SigningKey.generate(NAME)
    twin = PublicKey(NAME, Algorithm.COSIGNATURE, private.verifier.public)
    assert twin.id != private.verifier.id
    with pytest.raises(Forged):
        twin.verify("text\n", bytes(8) + private.sign("text\n", NOW))


def test_the_secret_does_not_show_when_a_key_is_printed():
    key = SigningKey.generate(NAME)
    secret = key.secret_text().split("+", 4)[-1]
    assert secret not in repr(key)
    assert str(key.verifier) in repr(key)


@pytest.mark.parametrize(
    "name", ["", "a b", "a+b", "a\u00a0b", "a\u2003b", "a\tb", "a\x01b", "\ud800"]
)
def test_what_cannot_stand_in_a_signature_line_cannot_name_a_key(name):
    with pytest.raises(Malformed):
        check_name(name)


def test_two_keys_that_no_line_could_tell_apart_are_refused():
    class Namesake(PublicKey):
        @property
        def id(self):
            return key.id

    key = SigningKey.generate(NAME).verifier
    other = Namesake(NAME, Algorithm.ED25519, SigningKey.generate(NAME).verifier.public)
    with pytest.raises(Malformed, match="share the name"):
        table([key, other])
    assert len(table([key, key])) == 1


@given(st.binary(max_size=100))
def test_base64_has_one_form_for_each_value(data):
    assert decode_base64(encode_base64(data)) == data


@given(st.text(alphabet="ABab01+/=-_ \n", max_size=12))
def test_base64_is_read_only_in_that_form(text):
    try:
        data = decode_base64(text)
    except Malformed:
        return
    assert encode_base64(data) == text
