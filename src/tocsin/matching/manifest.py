"""The manifest: which segments an index consists of, which of their rows are dead, and as of when.

One small file, replaced as a whole by each merge. See docs/spec/index-segment.md.
"""

from dataclasses import dataclass

import numpy as np
import xxhash

from tocsin.errors import Damaged

MAGIC = b"\x89TocsinM"
VERSION = 1
_HEAD = np.dtype([("magic", "S8"), ("version", "<u4"), ("entries", "<u4"), ("revision", "<u8")])
_ENTRY = np.dtype([("number", "<u8"), ("rows", "<u8"), ("checksum", "<u8"), ("dead", "<u8")])
_CHECKSUM_BYTES = 8


@dataclass(frozen=True, slots=True)
class Entry:
    """One segment: the number in its file's name, and the checksum of its header.

    `dead` has a bit for each row, the first row in the lowest bit of the first byte; it is empty
    where no row is dead.
    """

    number: int
    rows: int
    checksum: int
    dead: bytes = b""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The segments that hold everything up to a revision."""

    revision: int = 0
    entries: tuple[Entry, ...] = ()

    def encode(self) -> bytes:
        """Return the bytes of the file."""
        head = np.array([(MAGIC, VERSION, len(self.entries), self.revision)], _HEAD)
        table = np.array(
            [(entry.number, entry.rows, entry.checksum, len(entry.dead)) for entry in self.entries],
            _ENTRY,
        )
        body = head.tobytes() + table.tobytes() + b"".join(entry.dead for entry in self.entries)
        return body + xxhash.xxh3_64_intdigest(body).to_bytes(_CHECKSUM_BYTES, "little")


def decode(data: bytes) -> Manifest:
    """Read the bytes of a manifest. Raises Damaged for all that `encode` would not write."""
    body, checksum = data[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
    if xxhash.xxh3_64_intdigest(body).to_bytes(_CHECKSUM_BYTES, "little") != checksum:
        raise Damaged("the manifest does not match its checksum")
    if len(body) < _HEAD.itemsize or body[: len(MAGIC)] != MAGIC:
        raise Damaged("the file does not begin like a manifest")
    head = np.frombuffer(body, _HEAD, 1)[0]
    if head["version"] != VERSION:
        raise Damaged(f"version {head['version']} of the manifest is not known here")
    end = _HEAD.itemsize + _ENTRY.itemsize * int(head["entries"])
    if len(body) < end:
        raise Damaged("the manifest ends within its entries")
    entries = []
    for number, rows, checksum_, length in np.frombuffer(body[_HEAD.itemsize : end], _ENTRY):
        entries.append(Entry(int(number), int(rows), int(checksum_), body[end : end + int(length)]))
        end += int(length)
    manifest = Manifest(int(head["revision"]), tuple(entries))
    if manifest.encode() != data or any(
        entry.dead and len(entry.dead) != -(-entry.rows // 8) for entry in entries
    ):
        raise Damaged("the manifest contradicts itself")
    return manifest
