"""Checkpoints: the signed head of a tree (C2SP tlog-checkpoint 1.0.0), without extension lines."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tocsin.exchange.errors import Malformed, Unverified
from tocsin.exchange.keys import Verifier, decode_base64, encode_base64
from tocsin.exchange.merkle import EMPTY_ROOT, HASH_BYTES
from tocsin.exchange.note import Verified, open_note

MAX_SIZE = 2**63 - 1
"""The largest tree that other implementations can name."""

MAX_ORIGIN_BYTES = 255

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of the log named `origin`: `size` leaves under the RFC 6962 root of 32 bytes."""

    origin: str
    size: int
    root: bytes

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Read the three lines. Raises Malformed.

        Extension lines are refused: no auditor can check them, and no log of ours writes them.
        """
        lines = text.split("\n")
        if len(lines) != 4 or lines[3]:
            raise Malformed("a checkpoint is three lines: origin, size, root")
        origin, size, root = lines[:3]
        if not origin or len(origin.encode()) > MAX_ORIGIN_BYTES:
            raise Malformed(f"an origin has 1 to {MAX_ORIGIN_BYTES} bytes")
        checkpoint = cls(origin, parse_size(size), parse_hash(root))
        if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
            raise Malformed("an empty tree has the SHA-256 of nothing as its root")
        return checkpoint

    @property
    def text(self) -> str:
        """The note text: what is signed."""
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n"


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint whose log signature was verified, and the note that carried it, as received."""

    checkpoint: Checkpoint
    note: bytes
    verified: tuple[Verified, ...]


def open_checkpoint(raw: bytes, known: Iterable[Verifier]) -> SignedCheckpoint:
    """Verify a signed checkpoint.

    At least one of the keys must bear the name of the origin: a cosignature alone, or another
    log's key, does not make a checkpoint. Raises Malformed, Forged, Unverified.
    """
    note, verified = open_note(raw, known)
    checkpoint = Checkpoint.parse(note.text)
    if not any(one.key.name == checkpoint.origin for one in verified):
        raise Unverified(f"the log {checkpoint.origin} itself has not signed this checkpoint")
    return SignedCheckpoint(checkpoint, raw, verified)


def parse_size(text: str) -> int:
    """Read a decimal without leading zeros, at most 2^63 - 1. Raises Malformed."""
    if not _DECIMAL.fullmatch(text) or int(text) > MAX_SIZE:
        raise Malformed(f"{text[:30]!r} is not a size")
    return int(text)


def parse_hash(text: str) -> bytes:
    """Read a hash of 32 bytes in base64. Raises Malformed."""
    data = decode_base64(text)
    if len(data) != HASH_BYTES:
        raise Malformed(f"a hash has {HASH_BYTES} bytes, not {len(data)}")
    return data
