"""A segment: one immutable file of codes with the tables to search them, mapped and checked.

The format is specified in docs/spec/index-segment.md. Many processes map the same file and share
its memory. Whether it lies in small pages or in huge ones makes no difference that could be
measured (docs/decisions/0002-exact-multi-index.md), so nothing is asked of the kernel.
"""

import math
import mmap
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import xxhash
from numpy.typing import NDArray

from tocsin.errors import Damaged
from tocsin.matching import layout
from tocsin.matching.hamming import CHUNKS, FIELDS, scan, search
from tocsin.matching.header import HEADER_BYTES, decode
from tocsin.matching.part import Part
from tocsin.model import CODE_BYTES, Codes

_SAMPLES = 2
"""Rows that must be found through each table when a segment is opened."""

_SAMPLE_RADIUS = 31


@dataclass(frozen=True, slots=True)
class Plan:
    """How to search a segment for a radius: a line for each chunk, and the flips of the probes.

    A line holds, as int64, the chunk's radius and number of probes, the addresses of its offsets,
    neighbours and links, and the width of a link in bytes. `expected_ns` is the time of a query,
    `arguments` what the kernel wants to know of all this.
    """

    lines: NDArray[np.int64]
    flips: NDArray[np.uint32]
    bucket_bits: int
    expected_ns: float
    arguments: tuple[int, int, int, int] = field(init=False)

    def __post_init__(self) -> None:
        at_lines, at_flips = self.lines.ctypes.data, self.flips.ctypes.data
        shift = layout.CHUNK_BITS - self.bucket_bits
        arguments = (at_lines, at_flips, int(self.lines[:, 1].max()), shift)
        object.__setattr__(self, "arguments", arguments)


class Segment(Part):
    """The rows of one file, in ascending order of key."""

    def __init__(self, path: Path) -> None:
        """Map a file and check all of it. Raises Damaged where anything is wrong, or OSError."""
        self.path = path
        with path.open("rb") as file:
            page = file.read(HEADER_BYTES)
            self.header, checksums = decode(page)
            if path.stat().st_size != self.header.length:
                raise Damaged("the file is not as long as its header says")
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.checksum = int.from_bytes(page[-8:], "little")
        self._bytes = np.frombuffer(mapped, np.uint8)
        self._sections = {section.name: section for section in self.header.sections}
        self._plans: dict[int, Plan] = {}
        self._check_sums(checksums)
        super().__init__(
            self._section("codes").reshape(-1, CODE_BYTES),
            self._section("keys").view(f"<u{self.header.key_bytes}"),
            np.zeros(self.header.rows, np.bool_),  # its pages take no memory until they are touched
            first_key=self.header.first_key,
        )
        self._check_order()
        self._check_search()

    @property
    def highest_key(self) -> int:
        """The largest key of all rows."""
        return self.header.first_key + int(self._offsets[-1])

    def rows_of(self, keys: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Which of the keys have a row that is not dead, and the numbers of those rows."""
        here, rows = self._placed(keys)
        living = ~self.dead[rows]
        here[here] = living
        return here, rows[living]

    def holds(self, keys: NDArray[np.int64]) -> bool:
        """Whether any of the keys has a row in the file, dead or not."""
        return bool(self._placed(keys)[1].size)

    def bury(self, keys: NDArray[np.int64]) -> None:
        """Mark the rows of these keys dead. Keys without a row here change nothing."""
        rows = np.unique(self.rows_of(keys)[1])
        self.dead[rows] = True
        self.buried += rows.size

    def bury_marked(self, bits: bytes) -> None:
        """Mark rows dead, given as bits: the first row in the lowest bit of the first byte."""
        if bits:
            marks = np.unpackbits(np.frombuffer(bits, np.uint8), count=len(self), bitorder="little")
            self.dead |= marks.view(np.bool_)
            self.buried = int(np.count_nonzero(self.dead))

    def marked(self) -> bytes:
        """The dead rows as bits, as `bury_marked` takes them; nothing where no row is dead."""
        return np.packbits(self.dead, bitorder="little").tobytes() if self.buried else b""

    def search(self, codes: Codes, radius: int) -> NDArray[np.int64]:
        """Every living row within the radius of each code: query number, distance and key.

        Sorted by these three. Raises Damaged if a link leads out of the file.
        """
        plan = self._plans.get(radius) or self._plans.setdefault(radius, self._planned(radius))
        if plan.expected_ns < layout.scan_ns(len(self), len(codes)):
            return self._search_tables(plan, codes, radius)
        return scan(codes, self.address, radius)

    def _search_tables(self, plan: Plan, codes: Codes, radius: int) -> NDArray[np.int64]:
        try:
            return search(codes, self.address, *plan.arguments, radius)
        except ValueError as error:
            raise Damaged(f"{self.path.name}: {error}") from error

    def _planned(self, radius: int) -> Plan:
        """The way to search the tables, or one that takes for ever where they cannot serve."""
        bits, widths = self.header.bucket_bits, self.header.link_bytes
        lines = np.zeros((CHUNKS, FIELDS), np.int64)
        probes = layout.probes(bits)
        if radius > layout.TABLES_RADIUS or not all(widths[: 1 if radius == 0 else CHUNKS]):
            return Plan(lines, probes.flips, bits, math.inf)
        for chunk, chunk_radius in enumerate(layout.chunk_radii(radius)):
            visited = probes.upto[chunk_radius] if chunk_radius >= 0 else 0
            lines[chunk, :2] = chunk_radius, visited
            if widths[chunk]:
                names = (f"{part} {chunk}" for part in ("offsets", "neighbours", "links"))
                lines[chunk, 2:5] = [self._section(name).ctypes.data for name in names]
                lines[chunk, 5] = widths[chunk]
        return Plan(lines, probes.flips, bits, layout.expected_ns(len(self), bits, radius))

    def _placed(self, keys: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Which of the keys have a row in the file, and the numbers of those rows."""
        offsets = keys - self.header.first_key
        here = (offsets >= 0) & (offsets <= int(self._offsets[-1]))
        wanted = offsets[here].astype(self._offsets.dtype)
        rows = np.searchsorted(self._offsets, wanted)
        same = self._offsets[rows] == wanted
        here[here] = same
        return here, rows[same]

    def _section(self, name: str) -> NDArray[np.uint8]:
        section = self._sections[name]
        return self._bytes[section.offset : section.offset + section.length]

    def _check_sums(self, checksums: tuple[int, ...]) -> None:
        for section, checksum in zip(self.header.sections, checksums, strict=True):
            data = self._bytes[section.offset : section.end].data
            if xxhash.xxh3_64_intdigest(data) != checksum:
                raise Damaged(f"the section “{section.name}” does not match its checksum")

    def _check_order(self) -> None:
        """Refuse what would lead a search astray or out of the file."""
        if not np.all(self._offsets[:-1] < self._offsets[1:]):
            raise Damaged("the keys are not in ascending order")
        for chunk in range(CHUNKS):
            if not self.header.link_bytes[chunk]:
                continue
            offsets = self._section(f"offsets {chunk}").view("<u4")
            if offsets[0] != 0 or offsets[-1] != len(self) or np.any(offsets[:-1] > offsets[1:]):
                raise Damaged(f"the offsets of chunk {chunk} are not those of a table")

    def _check_search(self) -> None:
        """Find a sample of rows through each table, with queries that no other table can answer.

        Such a query differs from its row by the chunk's radius in that chunk and by one bit more
        than the chunk's radius in all others: the whole radius, to the bit.
        """
        widths = self.header.link_bytes
        radius = _SAMPLE_RADIUS if all(widths) else 0
        plan, radii = self._planned(radius), layout.chunk_radii(radius)
        flips = np.array([_top_bits(chunk_radius + 1) for chunk_radius in radii], "<u2")
        for chunk in (chunk for chunk in range(CHUNKS) if widths[chunk] and radii[chunk] >= 0):
            rows = np.linspace(0, len(self) - 1, _SAMPLES, dtype=np.int64)
            apart = flips.copy()
            apart[chunk] = _top_bits(radii[chunk])
            codes = self.codes[rows] ^ apart.view(np.uint8)
            found = self._search_tables(plan, codes, radius)
            wanted = np.column_stack([range(len(rows)), [radius] * len(rows), self.keys_of(rows)])
            if not all((found == one).all(axis=1).any() for one in wanted):
                raise Damaged(f"the table of chunk {chunk} does not find its rows")


def _top_bits(count: int) -> int:
    """A chunk with its `count` upper bits set, those that every bucket number has."""
    return 0xFFFF << (layout.CHUNK_BITS - count) & 0xFFFF
