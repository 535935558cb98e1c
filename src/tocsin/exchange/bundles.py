"""Entry bundles: up to 256 entries, each behind its length in two bytes (C2SP tlog-tiles)."""

from collections.abc import Iterable

from tocsin.exchange.errors import Malformed
from tocsin.exchange.tiles import MAX_ENTRY_BYTES

_LENGTH_BYTES = 2


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """Join entries. Raises Malformed for one of more than 65,535 bytes."""
    return b"".join([_prefixed(entry) for entry in entries])


def decode_bundle(data: bytes, count: int) -> list[bytes]:
    """Split a bundle that must hold exactly `count` entries and nothing else. Raises Malformed."""
    entries = []
    at, end = 0, len(data)
    while at < end:
        start = at + _LENGTH_BYTES
        at = start + int.from_bytes(data[at:start])
        entries.append(data[start:at])
    # Past the end: the last entry, or its length, was cut.
    if at != end or len(entries) != count:
        raise Malformed(f"a bundle should hold {count} whole entries; this one does not")
    return entries


def check_entry(entry: bytes) -> None:
    """Refuse what no bundle can hold. Raises Malformed."""
    if len(entry) > MAX_ENTRY_BYTES:
        raise Malformed(f"an entry has at most {MAX_ENTRY_BYTES} bytes, not {len(entry)}")


def _prefixed(entry: bytes) -> bytes:
    check_entry(entry)
    return len(entry).to_bytes(_LENGTH_BYTES) + entry
