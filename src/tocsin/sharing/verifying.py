"""What can be said of one entry by itself: is it signed, does its content belong to it. Pure.

Nothing here depends on the order of entries, so a batch can be checked anywhere, in parallel: a
key's id is a hash of the key, and so names one key whatever the log says about it. Whether the
entry counts is judged afterwards, in order (`replaying.py`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from tocsin.entries import statements
from tocsin.entries.envelope import NONCE_BYTES, EntryType, Envelope, key_id
from tocsin.entries.statements import KeySaid, MemberSaid, Statement
from tocsin.errors import InvalidInput

_TYPE_AT = 1
_KEY_AT = slice(20, 36)
"""Where in a leaf its type and key id stand (docs/spec/exchange-record.md)."""

_KNOWN = frozenset(EntryType)
"""Types that this version reads; what others say is not its own to judge."""

_KEEPERS = frozenset({EntryType.MEMBER, EntryType.KEY})
"""Types of entries that bring keys."""


class Finding(IntEnum):
    """What was found. The worst fault is named; only of the first two the entry may count."""

    GOOD = 0
    """Signed, and the content is the one that was committed to."""

    CLOSED = 1
    """Signed; the content was not given: erased, or not ours to read."""

    MALFORMED = 2
    UNKNOWN_KEY = 3
    BAD_SIGNATURE = 4
    NOT_OPENING = 5
    UNREADABLE = 6
    """The content belongs to the entry, but says nothing that this version can read."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries in their order: leaves, and to each its nonce and payload in one, or nothing.

    `keys` are the raw keys that may have signed them.
    """

    origin: str
    keys: tuple[bytes, ...]
    leaves: Sequence[bytes]
    contents: Sequence[bytes]


def check(batch: Batch) -> bytes:
    """Check every entry; return one `Finding` for each as a byte."""
    keys = {key_id(one): one for one in batch.keys}
    pairs = zip(batch.leaves, batch.contents, strict=True)
    return bytes([_check_entry(leaf, content, keys, batch.origin) for leaf, content in pairs])


def keys_in(leaves: Iterable[bytes], contents: Iterable[bytes]) -> dict[bytes, bytes]:
    """Collect the keys that entries bring, by key id, whether or not those entries will count."""
    found: dict[bytes, bytes] = {}
    for leaf, content in zip(leaves, contents, strict=True):
        if len(leaf) > _TYPE_AT and leaf[_TYPE_AT] in _KEEPERS and content:
            try:
                statement = statements.parse(content[NONCE_BYTES:])
            except InvalidInput:
                continue
            if isinstance(statement, MemberSaid | KeySaid) and statement.key is not None:
                public = bytes.fromhex(statement.key)
                found[key_id(public)] = public
    return found


def named_keys(leaves: Iterable[bytes]) -> set[bytes]:
    """Return the ids of the keys that leaves say they were signed with."""
    return {leaf[_KEY_AT] for leaf in leaves}


def read(content: bytes) -> Statement:
    """Read the statement of an entry that was found good."""
    return statements.reread(content[NONCE_BYTES:])


def _check_entry(leaf: bytes, content: bytes, keys: Mapping[bytes, bytes], origin: str) -> Finding:
    try:
        envelope = Envelope.parse(leaf)
    except InvalidInput:
        return Finding.MALFORMED
    public = keys.get(envelope.key_id)
    if public is None:
        return Finding.UNKNOWN_KEY
    if not _is_signed(envelope, public, origin):
        return Finding.BAD_SIGNATURE
    if not content:
        return Finding.CLOSED
    if not envelope.opens(content[:NONCE_BYTES], content[NONCE_BYTES:]):
        return Finding.NOT_OPENING
    if envelope.type not in _KNOWN:
        return Finding.CLOSED
    try:
        statements.parse(content[NONCE_BYTES:])
    except InvalidInput:
        return Finding.UNREADABLE
    return Finding.GOOD


def _is_signed(envelope: Envelope, public: bytes, origin: str) -> bool:
    """Whether the signature verifies, asking the faster library first.

    libsodium takes 42 us where OpenSSL takes 69, and accepts less: it refuses keys of small order.
    So its yes is a yes, and its no is left to the one that everybody else judges by.
    """
    try:
        crypto_sign_open(envelope.signature + envelope.signed(origin), public)
    except (BadSignatureError, ValueError):
        return envelope.is_signed_by(public, origin)
    return True
