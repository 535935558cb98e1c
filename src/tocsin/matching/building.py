"""Make a segment file out of codes and their keys.

The codes are written first and mapped; then come the tables, one at a time and from the last chunk
to the first, because a table's ranks count places in the next one. Beside the page cache, building
takes 12 bytes per row for a table and 24 for keys and order.
"""

import mmap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import xxhash
from numpy.typing import NDArray

from tocsin.matching import layout
from tocsin.matching.durable import new_file
from tocsin.matching.hamming import CHUNKS, HUB_BYTES, kernel
from tocsin.matching.header import HEADER_BYTES, Header, padded

HUB_EVERY = 4
"""Every fourth table holds row numbers, so that no row is more than three hops away."""

_PIECE_BYTES = 16 << 20  # written at once; the page cache then holds the file in large pieces
_BLOCK_ROWS = 1 << 17
_WIDTHS = (1, 2, HUB_BYTES)


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of an array of codes: `codes[numbers[i]]` has the key `keys[i]`."""

    keys: NDArray[np.int64]
    numbers: NDArray[np.int64]
    codes: NDArray[np.uint8]


def build(path: Path, sources: Sequence[Rows], *, radius: int) -> None:
    """Write the rows of all sources, whose keys must differ, in order of key as one segment.

    `radius` is what the tables are laid out for. On return the file is whole and on the disk.
    Raises OSError, for instance where the disk is full; nothing is left then.
    """
    keys = np.concatenate([source.keys for source in sources])
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    with new_file(path) as file:
        draft = _Draft(file)
        draft.add(_in_order(sources, order))
        offsets = (keys - keys[0]).view(np.uint64)
        draft.add([offsets.astype("<u4") if offsets[-1] < 2**32 else offsets])
        header = Header(
            rows=keys.size,
            bucket_bits=layout.bucket_bits(keys.size),
            first_key=int(keys[0]),
            key_bytes=4 if offsets[-1] < 2**32 else 8,
            link_bytes=(0,) * CHUNKS,
        )
        del keys, order, offsets
        header = _write_tables(draft, header, layout.tables(header.rows, radius))
        draft.finish(header)


def _in_order(sources: Sequence[Rows], order: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
    """The codes of all sources, gathered a block at a time."""
    starts = np.cumsum([0] + [source.keys.size for source in sources])
    for first in range(0, order.size, _BLOCK_ROWS):
        wanted = order[first : first + _BLOCK_ROWS]
        block = np.empty((wanted.size, 32), np.uint8)
        for source, start, end in zip(sources, starts[:-1], starts[1:], strict=True):
            mine = (wanted >= start) & (wanted < end)
            block[mine] = source.codes[source.numbers[wanted[mine] - start]]
        yield block


class _Draft:
    """A segment file that is being written: sections one after the other, then the header."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self._checksums: list[int] = []
        self._offset = 0
        self._append(bytes(HEADER_BYTES))

    def add(self, blocks: Iterable[NDArray[np.generic]]) -> None:
        """Append a section made of these blocks, with the zeros that follow it."""
        digest = xxhash.xxh3_64()
        for block in blocks:
            data = np.ascontiguousarray(block).view(np.uint8).reshape(-1).data
            digest.update(data)
            self._append(data)
        zeros = bytes(padded(self._offset) - self._offset)
        digest.update(zeros)
        self._append(zeros)
        self._checksums.append(digest.intdigest())

    def finish(self, header: Header) -> None:
        """Write the header over the blank first page."""
        self.file.seek(0)
        self.file.write(header.encode(tuple(self._checksums)))

    def _append(self, data: bytes | memoryview) -> None:
        data = memoryview(data)
        while data:
            piece = data[: _PIECE_BYTES - self._offset % _PIECE_BYTES]
            written = self.file.write(piece)
            self._offset += written
            data = data[written:]


def _write_tables(draft: _Draft, header: Header, tables: int) -> Header:
    """Append the tables of the first `tables` chunks; the header with their link widths."""
    if not tables:
        return header
    mapped = mmap.mmap(draft.file.fileno(), 0, access=mmap.ACCESS_READ)
    chunks = np.frombuffer(mapped, "<u2", CHUNKS * header.rows, HEADER_BYTES)
    chunks = chunks.reshape(header.rows, CHUNKS)
    numbers = np.arange(header.rows, dtype=np.uint32)
    widths = [0] * CHUNKS
    links, widest = numbers, HUB_BYTES
    for chunk in reversed(range(tables)):
        hub = tables == 1 or chunk % HUB_EVERY == HUB_EVERY - 1 or widest == HUB_BYTES
        widths[chunk] = HUB_BYTES if hub else widest
        table = _Table(chunks, chunk, header.bucket_bits)
        table.write(draft, numbers if hub else links, widths[chunk])
        links, widest = table.ranks, table.rank_bytes
    return replace(header, link_bytes=tuple(widths))


class _Table:
    """Where each row stands in the table of one chunk: its bucket, and its rank in the bucket."""

    def __init__(self, chunks: NDArray[np.uint16], chunk: int, bits: int) -> None:
        self._chunks, self._chunk, self._shift = chunks, chunk, layout.CHUNK_BITS - bits
        counts = np.zeros(2**bits, np.uint32)
        self.ranks = np.empty(len(chunks), np.uint32)
        _rank(chunks, chunk, self._shift, counts, self.ranks)
        self._offsets = np.concatenate([np.zeros(1, np.uint32), np.cumsum(counts, dtype=np.uint32)])
        fullest = int(counts.max())
        self.rank_bytes = next(one for one in _WIDTHS if fullest <= 2 ** (8 * one))

    def write(self, draft: _Draft, links: NDArray[np.uint32], width: int) -> None:
        """Append the three sections of this table; `links` are given by row, `width` in bytes."""
        rows = len(self._chunks)
        neighbours = np.empty(rows, "<u2")
        placed = np.empty(rows, f"<u{width}")
        self.place(links, neighbours, placed)
        for section in (self._offsets, neighbours, placed):
            draft.add([section])

    def place(
        self,
        links: NDArray[np.uint32],
        neighbours: NDArray[np.uint16],
        placed: NDArray[np.unsignedinteger],
    ) -> None:
        """Fill in each row's neighbour and link."""
        starts = self._offsets
        _place(
            self._chunks, self._chunk, self._shift, starts, self.ranks, links, neighbours, placed
        )


def load_kernels() -> None:
    """Have the kernels loaded, for chunks as they are mapped and links of every width."""
    chunks = np.zeros((1, CHUNKS), np.uint16)
    chunks.flags.writeable = False
    table, numbers = _Table(chunks, 0, 1), np.zeros(1, np.uint32)
    for width in _WIDTHS:
        table.place(numbers, np.empty(1, "<u2"), np.empty(1, f"<u{width}"))


@kernel()
def _rank(
    chunks: NDArray[np.uint16],
    chunk: int,
    shift: int,
    counts: NDArray[np.uint32],
    ranks: NDArray[np.uint32],
) -> None:
    """Number the rows within each bucket of a chunk, in order of row; `counts` begins at 0."""
    for row in range(len(ranks)):
        bucket = chunks[row, chunk] >> shift
        ranks[row] = counts[bucket]
        counts[bucket] += 1


@kernel()
def _place(
    chunks: NDArray[np.uint16],
    chunk: int,
    shift: int,
    offsets: NDArray[np.uint32],
    ranks: NDArray[np.uint32],
    links: NDArray[np.uint32],
    neighbours: NDArray[np.uint16],
    placed: NDArray[np.unsignedinteger],
) -> None:
    """Write each row's neighbour chunk and link at its place in the table of a chunk."""
    for row in range(len(ranks)):
        position = offsets[chunks[row, chunk] >> shift] + ranks[row]
        neighbours[position] = chunks[row, (chunk + 1) % CHUNKS]
        placed[position] = links[row]
