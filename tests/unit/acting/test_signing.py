"""Keys of webhooks sign in the formats of the Standard Webhooks specification and stay hidden."""

import base64
import os
import traceback

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from tocsin.acting.signing import parse_keys
from tocsin.errors import ConfigurationError

SEED = bytes(range(32))
# RFC 8032, section 7.1, test 2.
RFC_SEED = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
RFC_PUBLIC = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
RFC_SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


def text(prefix, secret):
    return f"{prefix}_{base64.b64encode(secret).decode()}"


def public_key(key):
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(key.public_text[len("whpk_") :]))


def test_the_signature_of_the_specification_comes_out():
    """The example of the specification's reference libraries."""
    (key,) = parse_keys("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    message = b'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}'
    assert key.sign(message) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_an_ed25519_key_signs_as_rfc_8032_says():
    (key,) = parse_keys(text("whsk", RFC_SEED))
    assert key.public_text == text("whpk", RFC_PUBLIC)
    assert key.sign(b"\x72") == "v1a," + base64.b64encode(RFC_SIGNATURE).decode()


@given(message=st.binary(max_size=200))
def test_what_a_private_key_signs_its_public_key_verifies(message):
    (key,) = parse_keys(text("whsk", SEED))
    version, _, signature = key.sign(message).partition(",")
    assert version == "v1a"
    public_key(key).verify(base64.b64decode(signature), message)
    with pytest.raises(InvalidSignature):
        public_key(key).verify(base64.b64decode(signature), message + b"!")


def test_the_long_form_of_a_private_key_is_the_same_key():
    (short,), (long,) = (
        parse_keys(text("whsk", RFC_SEED)),
        parse_keys(text("whsk", RFC_SEED + RFC_PUBLIC)),
    )
    assert long.sign(b"message") == short.sign(b"message")


def test_a_private_key_whose_halves_do_not_belong_together_is_refused():
    with pytest.raises(ConfigurationError, match="belong together"):
        parse_keys(text("whsk", SEED + RFC_PUBLIC))


def test_several_keys_are_read_in_order():
    old, new = text("whsec", bytes(24)), text("whsk", SEED)
    signatures = [key.sign(b"x").split(",")[0] for key in parse_keys(f"{new}\n{old}\n")]
    assert signatures == ["v1a", "v1"]


def test_padding_may_be_left_out():
    padded = text("whsec", bytes(25))
    (one,), (other,) = parse_keys(padded), parse_keys(padded.rstrip("="))
    assert one.sign(b"x") == other.sign(b"x")


@pytest.mark.parametrize(
    "secret",
    [
        "",
        " \n",
        "hunter2",
        "whsec_",
        "whsec_short",
        "whsec_not*base64",
        text("whsec", bytes(23)),
        text("whsec", bytes(65)),
        text("whsk", bytes(31)),
        text("whsk", bytes(33)),
        text("whpk", bytes(32)),
        text("other", bytes(32)),
    ],
)
def test_what_is_no_secret_is_refused_without_repeating_it(secret):
    with pytest.raises(ConfigurationError) as refused:
        parse_keys(secret)
    told = "".join(traceback.format_exception_only(refused.value)) + str(refused.value.__cause__)
    assert not secret.strip() or secret not in told


@pytest.mark.parametrize("prefix", ["whsec", "whsk"])
def test_a_key_never_shows_its_secret(prefix):
    secret = os.urandom(32)
    (key,) = parse_keys(text(prefix, secret))
    shown = f"{key!r} {key}"
    assert secret.hex() not in shown
    assert base64.b64encode(secret).decode() not in shown
