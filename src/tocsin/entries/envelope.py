"""The leaf of an entry: 164 bytes of which none is free for its issuer to choose.

What an entry says is not in it, only a salted commitment; so the payload can be erased and the
proofs still hold, nothing can be guessed, and nothing can be smuggled into a log that nobody can
rewrite. Layout and signed bytes: docs/spec/exchange-record.md.
"""

import hashlib
import struct
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tocsin.entries.canonical import MAX_PAYLOAD_BYTES
from tocsin.errors import InvalidInput

VERSION = 1
ENVELOPE_BYTES = 164
NONCE_BYTES = 32
KEY_ID_BYTES = 16
NOTHING = bytes(32)
"""What stands for the entry before the first one of a member."""

URGENT = 0x01
"""Flag: to be pushed with its payload at once."""

_LAYOUT = struct.Struct(">BBBBQQ16s32s32s64s")
_SIGNED = struct.Struct(">BBBBQ16s32s32s")
_COMMITMENT = b"tocsin-exchange-payload/v1\0"
_ENTRY = b"tocsin-exchange-entry/v1\0"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_MAX_RECEIVED = 253_402_300_799_999
"""The last millisecond of the year 9999, beyond which there is no time to show."""


class EntryType(IntEnum):
    """What kind of statement an entry makes. Values may be added, never changed."""

    MEMBER = 1
    KEY = 2
    GROUP = 3
    RULE = 4
    APPROVE = 5
    ASSERT = 16
    OPINION = 17
    RETRACT = 18
    SUPERSEDE = 19
    ERASE = 20
    ERASED = 21
    INCIDENT = 32


@dataclass(frozen=True, slots=True)
class Envelope:
    """The leaf of one entry.

    `type` is the number of an `EntryType`, perhaps one that a later version knows. `bucket` is the
    payload's length rounded up to a power of two, as its exponent. `received_ms` is when the
    exchange received it, in milliseconds since 1970: advisory, and the one field that its issuer
    did not sign. `sequence` counts the issuer's entries from 1; `previous` is the digest of the one
    before. `key_id` names the issuer's key.
    """

    type: int
    bucket: int
    flags: int
    received_ms: int
    sequence: int
    key_id: bytes
    previous: bytes
    commitment: bytes
    signature: bytes

    @classmethod
    def parse(cls, raw: bytes) -> "Envelope":
        """Read a leaf strictly. Raises InvalidInput; a later version is not malformed to itself."""
        if len(raw) != ENVELOPE_BYTES:
            raise InvalidInput(f"a leaf has {ENVELOPE_BYTES} bytes, not {len(raw)}")
        version, *fields = _LAYOUT.unpack(raw)
        if version != VERSION:
            raise InvalidInput(f"leaves of version {version} are not known here")
        found = cls(*fields)
        if found.flags & ~URGENT or found.bucket > _bucket(MAX_PAYLOAD_BYTES):
            raise InvalidInput("the leaf has flags or a size that this version does not know")
        if found.received_ms > _MAX_RECEIVED:
            raise InvalidInput("the leaf was received after the year 9999")
        return found

    def encode(self) -> bytes:
        """Write the leaf."""
        return _LAYOUT.pack(
            VERSION,
            self.type,
            self.bucket,
            self.flags,
            self.received_ms,
            self.sequence,
            self.key_id,
            self.previous,
            self.commitment,
            self.signature,
        )

    @property
    def urgent(self) -> bool:
        """Whether it is to be pushed with its payload."""
        return bool(self.flags & URGENT)

    @property
    def received_at(self) -> datetime:
        """When the exchange says that it received the entry."""
        return _EPOCH + self.received_ms * _MILLISECOND

    def received(self, at: datetime) -> "Envelope":
        """Return the leaf with the time of its arrival."""
        return replace(self, received_ms=(at - _EPOCH) // _MILLISECOND)

    def signed(self, origin: str) -> bytes:
        """Return the bytes that the issuer signs, for the log of that name."""
        fields = _SIGNED.pack(
            VERSION,
            self.type,
            self.bucket,
            self.flags,
            self.sequence,
            self.key_id,
            self.previous,
            self.commitment,
        )
        return b"".join((_ENTRY, origin.encode(), b"\0", fields))

    def digest(self, origin: str) -> bytes:
        """Return what the issuer's next entry names as its previous one."""
        return hashlib.sha256(self.signed(origin)).digest()

    def is_signed_by(self, public: bytes, origin: str) -> bool:
        """Whether the signature verifies under a raw Ed25519 key (RFC 8032)."""
        try:
            key = Ed25519PublicKey.from_public_bytes(public)
            key.verify(self.signature, self.signed(origin))
        except (InvalidSignature, ValueError):
            return False
        return True

    def opens(self, nonce: bytes, payload: bytes) -> bool:
        """Whether the commitment is to this payload."""
        # Were a nonce of any length taken, bytes could move from it to the payload.
        fits = len(nonce) == NONCE_BYTES and self.bucket == _bucket(len(payload))
        return fits and commit(nonce, payload) == self.commitment


@dataclass(frozen=True, slots=True)
class Parcel:
    """An entry with its content: what a member submits, and what a payload store keeps."""

    envelope: Envelope
    nonce: bytes
    payload: bytes


@dataclass(frozen=True, slots=True)
class Position:
    """Where a member's chain of entries stands: the number and digest of the latest."""

    sequence: int = 0
    digest: bytes = NOTHING


def seal(
    payload: bytes,
    type: EntryType,
    *,
    origin: str,
    after: Position,
    key: Ed25519PrivateKey,
    nonce: bytes,
    urgent: bool = False,
) -> Parcel:
    """Make an entry that follows `after`. `nonce` is 32 random bytes, never used before."""
    if len(nonce) != NONCE_BYTES:
        raise InvalidInput(f"a nonce has {NONCE_BYTES} bytes, not {len(nonce)}")
    unsigned = Envelope(
        type=type,
        bucket=_bucket(len(payload)),
        flags=URGENT if urgent else 0,
        received_ms=0,
        sequence=after.sequence + 1,
        key_id=key_id(key.public_key().public_bytes_raw()),
        previous=after.digest,
        commitment=commit(nonce, payload),
        signature=bytes(64),
    )
    signature = key.sign(unsigned.signed(origin))
    return Parcel(replace(unsigned, signature=signature), nonce, payload)


def commit(nonce: bytes, payload: bytes) -> bytes:
    """Return the salted commitment to a payload."""
    return hashlib.sha256(b"".join((_COMMITMENT, nonce, payload))).digest()


def key_id(public: bytes) -> bytes:
    """Return the name of a raw Ed25519 key: the first 16 bytes of its SHA-256."""
    return hashlib.sha256(public).digest()[:KEY_ID_BYTES]


def _bucket(length: int) -> int:
    return max(length - 1, 0).bit_length()
