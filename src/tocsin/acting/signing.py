"""The keys that sign webhooks: HMAC with a shared secret, or ed25519 so that receivers hold none.

The formats are those of the Standard Webhooks specification, "Signature scheme". An attacker who
holds a key can forge messages to its receivers; one who holds only `whpk_…` can do nothing.
"""

import base64
import hashlib
import hmac
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tocsin.errors import ConfigurationError

SEED_BYTES = 32
_ADVICE = (
    "Write `whsec_` and 24 to 64 random bytes, or `whsk_` and the 32 bytes of an ed25519 seed, "
    "both in base64."
)


class SigningKey(Protocol):
    """Signs one message. Never shows its secret, in `repr` neither."""

    def sign(self, message: bytes) -> str:
        """Return the signature as it stands in the header, with its version in front."""
        ...


class HmacKey:
    """A secret that sender and receiver share, `whsec_…`. Signs as `v1` with HMAC-SHA256."""

    def __init__(self, secret: bytes) -> None:
        if not 24 <= len(secret) <= 64:
            raise ConfigurationError(
                f"a webhook secret has 24 to 64 bytes, not {len(secret)}", advice=_ADVICE
            )
        self._secret = secret

    def sign(self, message: bytes) -> str:
        """Return `v1,` and the base64 of the HMAC."""
        return "v1," + _text(hmac.digest(self._secret, message, hashlib.sha256))


class Ed25519Key:
    """A private key, `whsk_…`. Signs as `v1a`; receivers check with the public key."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) not in (SEED_BYTES, 2 * SEED_BYTES):
            raise ConfigurationError(
                f"a webhook signing key has 32 or 64 bytes, not {len(secret)}", advice=_ADVICE
            )
        self._key = Ed25519PrivateKey.from_private_bytes(secret[:SEED_BYTES])
        # The 64-byte form is seed and public key. Halves that do not belong together betray a
        # key that was cut or joined wrongly, and no receiver could check its signatures.
        if secret[SEED_BYTES:] not in (b"", self._public_bytes()):
            raise ConfigurationError("the two halves of the signing key do not belong together")

    def sign(self, message: bytes) -> str:
        """Return `v1a,` and the base64 of the signature."""
        return "v1a," + _text(self._key.sign(message))

    @property
    def public_text(self) -> str:
        """The public key to hand to receivers: `whpk_` and base64."""
        return "whpk_" + _text(self._public_bytes())

    def _public_bytes(self) -> bytes:
        return self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def parse_keys(text: str) -> tuple[SigningKey, ...]:
    """Read the keys of a secret file, one a line, the current one first.

    Several keys sign every message, which lets receivers change over without a gap. Raises
    ConfigurationError, whose message never repeats the secret.
    """
    keys = tuple(_parse_key(word) for word in text.split())
    if not keys:
        raise ConfigurationError("the webhook's secret file is empty", advice=_ADVICE)
    return keys


def _parse_key(word: str) -> SigningKey:
    kind, _, body = word.partition("_")
    try:
        secret = base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
    except ValueError as error:
        raise ConfigurationError("the webhook's secret is not base64", advice=_ADVICE) from error
    match kind:
        case "whsec":
            return HmacKey(secret)
        case "whsk":
            return Ed25519Key(secret)
        case _:
            raise ConfigurationError(
                "the webhook's secret starts with neither whsec_ nor whsk_", advice=_ADVICE
            )


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
