"""Keys of signed notes and the text forms in which people copy them (C2SP signed-note 1.0.0).

A new algorithm is a new `Verifier`: the note's code asks only for a name, an id and `verify`.
ML-DSA-44 (type 0x06) would enter here; until then its lines are ignored as unknown, as they must.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tocsin.exchange.errors import Forged, Malformed

ID_BYTES = 4
_ED25519_BYTES = 32
_SIGNATURE_BYTES = 64
_TIME_BYTES = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PRIVATE = "PRIVATE+KEY+"


class Algorithm(IntEnum):
    """The signature type byte."""

    ED25519 = 0x01
    COSIGNATURE = 0x04
    """Ed25519 over the text and a time: cosignature/v1 of C2SP tlog-cosignature."""


class Verifier(Protocol):
    """One public key under one name. Pure; may be called from several threads."""

    @property
    def name(self) -> str:
        """The key's name, as in the signature line."""

    @property
    def id(self) -> bytes:
        """The 4 bytes that, with the name, say which key a line claims."""

    def verify(self, text: str, blob: bytes) -> datetime | None:
        """Return the time signed along with `text`, None for kinds without one. Raises Forged."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 key that verifies notes: `public` holds its 32 bytes."""

    name: str
    algorithm: Algorithm
    public: bytes

    @classmethod
    def parse(cls, vkey: str) -> "PublicKey":
        """Read `<name>+<hex id>+<base64 of type and key>`. Raises Malformed."""
        name, algorithm, public = _split(vkey)
        return cls(name, algorithm, public)

    def __post_init__(self) -> None:
        check_name(self.name)
        if len(self.public) != _ED25519_BYTES:
            raise Malformed(f"an Ed25519 key has {_ED25519_BYTES} bytes, not {len(self.public)}")

    def __str__(self) -> str:
        return _join(self, self.public)

    @property
    def id(self) -> bytes:
        """SHA-256 of name, newline, type and key, cut to 4 bytes."""
        return hashlib.sha256(_identity(self.name, self.algorithm, self.public)).digest()[:ID_BYTES]

    def verify(self, text: str, blob: bytes) -> datetime | None:
        """Verify one signature; see `Verifier`."""
        at, signature = None, blob
        if self.algorithm is Algorithm.COSIGNATURE:
            at, signature = _read_time(blob), blob[_TIME_BYTES:]
        try:
            key = Ed25519PublicKey.from_public_bytes(self.public)
            key.verify(signature, _message(text, at))
        except (InvalidSignature, ValueError) as error:
            raise Forged(f"the signature of {self.name} does not verify") from error
        return at


class SigningKey:
    """An Ed25519 key that signs notes. Its text form is a secret; its repr is not."""

    def __init__(self, name: str, algorithm: Algorithm, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.verifier = PublicKey(name, algorithm, private.public_key().public_bytes_raw())

    @classmethod
    def generate(cls, name: str, algorithm: Algorithm = Algorithm.ED25519) -> "SigningKey":
        """Make a fresh key. Raises Malformed for a name that cannot stand in a note."""
        return cls(name, algorithm, Ed25519PrivateKey.generate())

    @classmethod
    def parse(cls, skey: str) -> "SigningKey":
        """Read `PRIVATE+KEY+<name>+<hex id>+<base64 of type and seed>`. Raises Malformed."""
        if not skey.startswith(_PRIVATE):
            raise Malformed(f"a signing key begins with {_PRIVATE}")
        name, algorithm, seed = _split(skey.removeprefix(_PRIVATE), private=True)
        return cls(name, algorithm, Ed25519PrivateKey.from_private_bytes(seed))

    def __repr__(self) -> str:
        return f"SigningKey({self.verifier})"

    def secret_text(self) -> str:
        """Return the text form, for the key file and for nothing else."""
        return _PRIVATE + _join(self.verifier, self._private.private_bytes_raw())

    def sign(self, text: str, at: datetime) -> bytes:
        """Sign `text`; a cosignature also signs `at`, cut to whole seconds."""
        if self.verifier.algorithm is Algorithm.ED25519:
            return self._private.sign(_message(text, None))
        seconds = _seconds(at).to_bytes(_TIME_BYTES)
        return seconds + self._private.sign(_message(text, at))


def check_name(name: str) -> None:
    """Refuse what cannot name a key: empty, with a Unicode space, a plus or a control character."""
    if not name or "+" in name or any(c.isspace() or c < " " for c in name):
        raise Malformed(f"{name!r} cannot name a key: no spaces, plus or control characters")
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise Malformed(f"{name!r} cannot name a key: it is not valid Unicode") from error


def table(known: Iterable[Verifier]) -> dict[tuple[str, bytes], Verifier]:
    """Index keys by name and id. Raises Malformed if two of them cannot be told apart."""
    found: dict[tuple[str, bytes], Verifier] = {}
    for key in known:
        if found.setdefault((key.name, key.id), key) != key:
            raise Malformed(f"two trusted keys share the name {key.name} and the id {key.id.hex()}")
    return found


def decode_base64(text: str) -> bytes:
    """Decode standard base64 in its one canonical form. Raises Malformed."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed(f"{text[:60]!r} is not base64") from error
    if encode_base64(data) != text:
        raise Malformed(f"{text[:60]!r} is not canonical base64")
    return data


def encode_base64(data: bytes) -> str:
    """Encode as standard base64 with padding."""
    return base64.b64encode(data).decode()


def _identity(name: str, algorithm: Algorithm, public: bytes) -> bytes:
    return name.encode() + b"\n" + bytes([algorithm]) + public


def _join(key: PublicKey, material: bytes) -> str:
    return f"{key.name}+{key.id.hex()}+{encode_base64(bytes([key.algorithm]) + material)}"


def _split(text: str, *, private: bool = False) -> tuple[str, Algorithm, bytes]:
    """Read the three parts and check that the id belongs to them. Base64 may hold a plus."""
    parts = text.split("+", 2)
    if len(parts) != 3:
        raise Malformed("a key has three parts joined by plus signs: name, id, key")
    name, claimed, encoded = parts
    data = decode_base64(encoded)
    try:
        algorithm, material = Algorithm(data[0]), data[1:]
    except (IndexError, ValueError) as error:
        raise Malformed(f"the key of {name!r} is of a type that is not supported here") from error
    if len(material) != _ED25519_BYTES:
        raise Malformed(f"the key of {name!r} has {len(material)} bytes, not {_ED25519_BYTES}")
    public = material
    if private:
        public = Ed25519PrivateKey.from_private_bytes(material).public_key().public_bytes_raw()
    if PublicKey(name, algorithm, public).id.hex() != claimed:
        raise Malformed(f"the id {claimed!r} does not belong to the key of {name!r}")
    return name, algorithm, material


def _message(text: str, at: datetime | None) -> bytes:
    if at is None:
        return text.encode()
    return f"cosignature/v1\ntime {_seconds(at)}\n{text}".encode()


def _seconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(seconds=1)


def _read_time(blob: bytes) -> datetime:
    """Read the time of a cosignature. The length is fixed, and the year must be one we can say."""
    if len(blob) != _TIME_BYTES + _SIGNATURE_BYTES:
        raise Forged(f"a cosignature has {_TIME_BYTES + _SIGNATURE_BYTES} bytes, not {len(blob)}")
    try:
        return _EPOCH + timedelta(seconds=int.from_bytes(blob[:_TIME_BYTES]))
    except OverflowError as error:
        raise Forged("a cosignature's time lies beyond the year 9999") from error
