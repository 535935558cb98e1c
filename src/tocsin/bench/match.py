"""Exact look-up within a radius, beside the best that FAISS has for it, on one core.

Codes are random; half of the queries are planted within the radius of one, half are strangers.
Each is searched for alone, as an upload's hash is, and the median time is told. The peer is the
quicker of FAISS's flat index and its multi-index hashing. The latter is given the exact settings
that were the quickest for it (11 tables of 23 bits with two flips for radius 31: four times as
quick at a million as the usual 16 of 16); it takes minutes to fill and 20 times its codes in
memory, so it is left out above `MULTIHASH_SIGNALS` and where memory is short; `peers` says so.
"""

import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from tocsin.matching.index import Index
from tocsin.model import CODE_BYTES, PDQ_RADIUS, Codes

MULTIHASH_SIGNALS = 10_000_000

_MULTIHASH_BYTES = 700  # per signal: 620 were measured at 10 million
_PEER_QUERIES = 100
_SLICE = 10_000_000

Figure = float | int | str | dict[str, float | str]
Pairs = set[tuple[int, int]]


def run(
    signals: int, *, queries: int = 1000, radius: int = PDQ_RADIUS, seed: int = 1
) -> dict[str, Figure]:
    """Measure so many random signals; times are medians per query, in microseconds.

    `recall` is against FAISS's flat index, which compares everything. `bytes_per_signal` is what
    the index keeps in memory, mapped and its own.
    """
    faiss.omp_set_num_threads(1)
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 256, (signals, CODE_BYTES), dtype=np.uint8)
    asked = _queries(codes, queries, radius, rng)
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder:
        ours = _Ours.measured(Path(folder), codes, asked, radius)
    flat = _Faiss(faiss.IndexBinaryFlat(8 * CODE_BYTES), codes, radius)
    truth = [flat.pairs(query) for query in asked]
    peers = {"flat": flat.median_us(asked)}
    multihash = _multihash(codes, radius)
    if multihash:
        peers["multihash"] = multihash.median_us(asked)
    best = min(peers, key=peers.__getitem__)
    right = sum(len(mine & true) for mine, true in zip(ours.found, truth, strict=True))
    return {
        "signals": signals,
        "ours_us": round(ours.median_us, 2),
        "peer": f"FAISS {faiss.__version__} {best}",
        "peer_us": round(peers[best], 1),
        "ratio": round(peers[best] / ours.median_us, 1),
        "recall": right / max(1, sum(map(len, truth))),
        "bytes_per_signal": round(ours.bytes / signals, 1),
        "false_matches": sum(map(len, ours.found)) - right,
        "batch_us": round(ours.batch_us, 2),
        "flat_batch_us": round(flat.batch_us(asked), 1),
        "build_s": round(ours.build_s, 2),
        "open_ms": round(ours.open_ms, 1),
        "peers": {name: round(value, 1) for name, value in peers.items()}
        | ({} if multihash else {"multihash": "not measured: too large"}),
        "queries": queries,
        "radius": radius,
        "machine": f"{_processor()}, load {os.getloadavg()[0]:.1f}",
    }


def _queries(codes: Codes, count: int, radius: int, rng: np.random.Generator) -> list[Codes]:
    """Strangers, every second one replaced by a code with at most `radius` bits flipped."""
    strangers = rng.integers(0, 256, (count, CODE_BYTES), dtype=np.uint8)
    for number in range(0, count, 2):
        bits = np.unpackbits(codes[rng.integers(len(codes))])
        bits[rng.choice(bits.size, rng.integers(radius + 1), replace=False)] ^= 1
        strangers[number] = np.packbits(bits)
    return [strangers[number : number + 1] for number in range(count)]


@dataclass(frozen=True, slots=True)
class _Ours:
    """What was measured of the index."""

    median_us: float
    batch_us: float
    build_s: float
    open_ms: float
    bytes: int
    found: list[Pairs]

    @classmethod
    def measured(cls, folder: Path, codes: Codes, asked: list[Codes], radius: int) -> "_Ours":
        """Fill an index in `folder`, open it anew, and search it."""
        began = time.perf_counter()
        index = Index.open(folder, radius=radius, writer=True)
        for first in range(0, len(codes), _SLICE):
            some = codes[first : first + _SLICE]
            keys = np.arange(first, first + len(some))
            index.apply(revision=first + 1, keys=keys, codes=some, removed=keys[:0])
            index.merge()
        build_s = time.perf_counter() - began
        index.close()
        began = time.perf_counter()
        index = Index.open(folder, radius=radius, writer=False)
        open_ms = 1e3 * (time.perf_counter() - began)
        found = []
        for query in asked:
            matches = index.search(query, radius=radius)
            found.append(set(zip(matches.key.tolist(), matches.distance.tolist(), strict=True)))
        median_us = _median_us(lambda query: index.search(query, radius=radius), asked)
        began = time.perf_counter()
        index.search(np.concatenate(asked), radius=radius)
        batch_us = 1e6 * (time.perf_counter() - began) / len(asked)
        stats = index.stats()
        held = stats.mapped_bytes + stats.own_bytes
        return cls(median_us, batch_us, build_s, open_ms, held, found)


class _Faiss:
    """A FAISS index over the same codes. Its radius is one more: it looks for what is below."""

    def __init__(self, index: Any, codes: Codes, radius: int) -> None:  # noqa: ANN401 -- untyped
        index.add(codes)
        self._index, self._radius = index, radius + 1

    def pairs(self, query: Codes) -> Pairs:
        """Keys with their distances."""
        _, distances, keys = self._index.range_search(query, self._radius)
        return set(zip(keys.tolist(), distances.astype(int).tolist(), strict=True))

    def median_us(self, asked: list[Codes]) -> float:
        """Time of a query."""
        search = self._index.range_search
        return _median_us(lambda query: search(query, self._radius), asked[:_PEER_QUERIES])

    def batch_us(self, asked: list[Codes]) -> float:
        """Time of a query among many that are handed in together."""
        queries = np.concatenate(asked[:_PEER_QUERIES])
        began = time.perf_counter()
        self._index.range_search(queries, self._radius)
        return 1e6 * (time.perf_counter() - began) / len(queries)


def _multihash(codes: Codes, radius: int) -> _Faiss | None:
    """FAISS's multi-index hashing with two flips in each table, so exact; None where too large."""
    if len(codes) > MULTIHASH_SIGNALS or _available_bytes() < _MULTIHASH_BYTES * len(codes):
        return None
    tables = -(-(radius + 1) // 3)
    bits = min(24, 8 * CODE_BYTES // tables)
    index = faiss.IndexBinaryMultiHash(8 * CODE_BYTES, tables, bits)
    index.nflip = min(2, radius)
    return _Faiss(index, codes, radius)


def _median_us(search: Callable[[Codes], object], asked: list[Codes]) -> float:
    times = []
    for query in asked:
        began = time.perf_counter_ns()
        search(query)
        times.append(time.perf_counter_ns() - began)
    return statistics.median(times) / 1e3


def _available_bytes() -> int:
    """Memory that may be taken, the page cache included where the system tells it."""
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        fields = dict(line.split(":") for line in meminfo.read_text().splitlines())
        return 1024 * int(fields["MemAvailable"].split()[0])
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _processor() -> str:
    """What the machine calls its processor, and how many of it there are."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{os.cpu_count()} x {names[0] if names else platform.processor()}"
