"""The first page of a segment file: what it holds and where. See docs/spec/index-segment.md."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xxhash

from tocsin.errors import Damaged
from tocsin.matching.hamming import CHUNKS, HUB_BYTES

MAGIC = b"\x89Tocsin\n"
VERSION = 1
HEADER_BYTES = 4096
LINE = 64
"""Bytes of a cache line. Sections begin on one, and entries are read one at a time."""

_FIELDS = np.dtype(
    [
        ("magic", "S8"),
        ("version", "<u4"),
        ("bucket_bits", "<u4"),
        ("rows", "<u8"),
        ("length", "<u8"),
        ("first_key", "<i8"),
        ("key_bytes", "<u4"),
        ("sections", "<u4"),
        ("link_bytes", "u1", CHUNKS),
    ]
)
_SECTION = np.dtype([("offset", "<u8"), ("length", "<u8"), ("checksum", "<u8")])
_CHECKSUM_AT = HEADER_BYTES - 8


class Section(NamedTuple):
    """A part of the file: what it is ("codes", "neighbours 3"), and where, in bytes.

    Zeros fill it up to `end`, where the next one begins; its checksum covers them.
    """

    name: str
    offset: int
    length: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """What decides where everything stands in a segment file.

    `link_bytes` has one number for each chunk: 0 without a table, 1 or 2 for ranks, 4 for a hub.
    `first_key` is subtracted from the keys, which then take `key_bytes` each, 4 or 8.
    """

    rows: int
    bucket_bits: int
    first_key: int
    key_bytes: int
    link_bytes: tuple[int, ...]

    @property
    def sections(self) -> tuple[Section, ...]:
        """Every section in the order of the file; tables stand from the last chunk to the first."""
        sizes = [("codes", 32 * self.rows), ("keys", self.key_bytes * self.rows)]
        for chunk in reversed(range(CHUNKS)):
            if width := self.link_bytes[chunk]:
                sizes += [
                    (f"offsets {chunk}", 4 * (2**self.bucket_bits + 1)),
                    (f"neighbours {chunk}", 2 * self.rows),
                    (f"links {chunk}", width * self.rows),
                ]
        sections, offset = [], HEADER_BYTES
        for name, length in sizes:
            end = padded(offset + length)
            sections.append(Section(name, offset, length, end))
            offset = end
        return tuple(sections)

    @property
    def length(self) -> int:
        """Of the whole file, in bytes."""
        return self.sections[-1].end

    def encode(self, checksums: tuple[int, ...]) -> bytes:
        """Return the page, with the xxh3 checksum of each section."""
        sections = self.sections
        fields = np.zeros((), _FIELDS)
        fields["magic"], fields["version"] = MAGIC, VERSION
        fields["bucket_bits"], fields["rows"] = self.bucket_bits, self.rows
        fields["length"], fields["first_key"] = self.length, self.first_key
        fields["key_bytes"], fields["sections"] = self.key_bytes, len(sections)
        fields["link_bytes"] = self.link_bytes
        table = np.zeros(len(sections), _SECTION)
        table["offset"] = [section.offset for section in sections]
        table["length"] = [section.length for section in sections]
        table["checksum"] = checksums
        page = (fields.tobytes() + table.tobytes()).ljust(_CHECKSUM_AT, b"\0")
        return page + xxhash.xxh3_64_intdigest(page).to_bytes(8, "little")


def padded(offset: int) -> int:
    """Where the section after one that ends here begins: a line of zeros lies between, or more."""
    return (-(-offset // LINE) + 1) * LINE


def decode(page: bytes) -> tuple[Header, tuple[int, ...]]:
    """Read a page: the header and the checksums of its sections. Raises Damaged.

    Whatever does not encode to the same bytes again is refused.
    """
    if len(page) != HEADER_BYTES:
        raise Damaged("the file is shorter than its header")
    if page[:8] != MAGIC:
        raise Damaged("the file does not begin like a segment")
    if xxhash.xxh3_64_intdigest(page[:_CHECKSUM_AT]) != int.from_bytes(
        page[_CHECKSUM_AT:], "little"
    ):
        raise Damaged("the header does not match its checksum")
    fields = np.frombuffer(page, _FIELDS, 1)[0]
    if fields["version"] != VERSION:
        raise Damaged(f"version {fields['version']} of the segment format is not known here")
    header = Header(
        rows=int(fields["rows"]),
        bucket_bits=int(fields["bucket_bits"]),
        first_key=int(fields["first_key"]),
        key_bytes=int(fields["key_bytes"]),
        link_bytes=tuple(int(width) for width in fields["link_bytes"]),
    )
    _check(header)
    table = np.frombuffer(page, _SECTION, len(header.sections), _FIELDS.itemsize)
    checksums = tuple(int(checksum) for checksum in table["checksum"])
    if header.encode(checksums) != page:
        raise Damaged("the header contradicts itself")
    return header, checksums


def _check(header: Header) -> None:
    """Refuse what no writer writes, so that the searching code need not expect it."""
    sound = (
        0 < header.rows < 2**32
        and 8 <= header.bucket_bits <= 16
        and header.key_bytes in (4, 8)
        and all(width in (0, 1, 2, HUB_BYTES) for width in header.link_bytes)
        and header.link_bytes[CHUNKS - 1] in (0, HUB_BYTES)
    )
    whole = all(header.link_bytes) or not any(header.link_bytes[1:])
    if (
        not sound
        or not whole
        or (header.link_bytes[0] and not header.link_bytes[1] and header.link_bytes[0] != HUB_BYTES)
    ):
        raise Damaged("the header holds values that no segment has")
