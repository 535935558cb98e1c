"""How a code is cut for searching: buckets, chunk radii, probes, and when tables are worth it.

A code is a ring of 16 chunks. Let a query and a row differ by d[i] bits in chunk i, and give the
chunks radii s[i] that sum to radius - 15. If the d[i] sum to the radius or less, the differences
d[i] - s[i] - 1 sum to less than 0. Walk round the ring and add them up: there is a chunk to start
from where every partial sum, the *balance*, is below 0 (the cycle lemma: start behind the last
maximum). So it is exact to look only at rows that differ from the query by s[i] bits or fewer in
some chunk i, and to drop one as soon as its balance from there is not below 0.

The first part is the generalised pigeonhole principle (Qin et al., GPH, ICDE 2018), the second is
pigeonring (Qin and Xiao, VLDB 2018). The second is what makes this quick: a table keeps the next
chunk beside each entry, in the order of the buckets, and that alone rules out 99.7 % of what the
first chunk lets through, before any other memory is touched.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from tocsin.matching.hamming import CHUNKS, FEWEST_LANES

CHUNK_BITS = 16
TABLES_RADIUS = 64
"""Beyond this a chunk radius would pass 4, and a flat scan is quicker at any size."""

_PROBE_NS, _ENTRY_NS, _SURVIVOR_NS = 5.0, 0.25, 21.0
_ROW_NS, _ROW_FETCH_NS, _ROW_OF_EIGHT_NS = 0.4, 0.4, 1.7

_FEWEST_ROWS = 4096
"""Below, a flat scan answers in two microseconds and tables would only cost memory."""

_BUCKET_ROWS_LOG2 = 3
"""Eight rows or more to a bucket: what is read at once is a cache line, 32 entries."""


def bucket_bits(rows: int) -> int:
    """How many of a chunk's 16 bits, the upper ones, choose its bucket."""
    return min(CHUNK_BITS, max(8, rows.bit_length() - 1 - _BUCKET_ROWS_LOG2))


def tables(rows: int, radius: int) -> int:
    """How many chunks get a table: none for few rows, one where only equal codes match, or all."""
    if rows < _FEWEST_ROWS:
        return 0
    return 1 if radius == 0 else CHUNKS


def chunk_radii(radius: int) -> tuple[int, ...]:
    """Radii of the 16 chunks, spread evenly; they sum to radius - 15; -1 leaves a chunk out.

    Evenly, because the cost of a chunk grows with a power of its radius.
    """
    if radius == 0:
        return (0,) + (-1,) * (CHUNKS - 1)
    total = radius - CHUNKS + 1
    return tuple(total * (i + 1) // CHUNKS - total * i // CHUNKS for i in range(CHUNKS))


@dataclass(frozen=True, slots=True)
class Probes:
    """Which buckets to visit: uint32 `flips` of the bucket number, with their bit count above.

    The low 16 bits are to be exclusive-ored, bits 16 and up say how many they are; sorted by that.
    `upto[s]` of them belong to radius s.
    """

    flips: NDArray[np.uint32]
    upto: tuple[int, ...]


@lru_cache
def probes(bits: int) -> Probes:
    """The buckets within each radius from 0 to 4, of bucket numbers of this many bits."""
    flips: list[int] = []
    upto = []
    for size in range(max(chunk_radii(TABLES_RADIUS)) + 1):
        sets = (sum(1 << bit for bit in chosen) for chosen in combinations(range(bits), size))
        flips += [size << 16 | flip for flip in sorted(sets)]
        upto.append(len(flips))
    return Probes(np.array(flips, np.uint32), tuple(upto))


def expected_ns(rows: int, bits: int, radius: int) -> float:
    """Time of one query through the tables of so many random codes, in nanoseconds.

    Fitted to measurements (docs/decisions/0002-exact-multi-index.md): so much for each probe, for
    each entry whose neighbour chunk is read, and for each survivor that is followed.
    """
    radii = chunk_radii(radius)
    visited = entries = survivors = 0.0
    for i, s in enumerate(radii):
        allowed = s + radii[(i + 1) % CHUNKS] + 1
        for distance in range(s + 1):
            buckets = comb(bits, distance)
            share = buckets / (1 << bits)
            visited += buckets
            entries += share * rows
            survivors += share * rows * _within(allowed - distance)
    return _PROBE_NS * visited + _ENTRY_NS * entries + _SURVIVOR_NS * survivors


def _within(limit: int) -> float:
    """Chance that two random chunks differ by `limit` bits or fewer."""
    return sum(comb(CHUNK_BITS, bits) for bits in range(limit + 1)) / (1 << CHUNK_BITS)


def scan_ns(rows: int, queries: int) -> float:
    """Time of a flat scan per query, in nanoseconds: of many, eight are compared at once."""
    one_by_one = _ROW_NS + _ROW_FETCH_NS / max(queries, 1)
    by_eights = _ROW_OF_EIGHT_NS * -(-queries // 8) / max(queries, 1)
    return rows * (by_eights if queries >= FEWEST_LANES else one_by_one)
