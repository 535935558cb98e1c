"""Codes to search among, and the plain answer to compare an index with."""

import math
from unittest.mock import patch

import numpy as np

from tocsin.matching import layout
from tocsin.matching.index import Index


def random_codes(count, seed=1):
    """Codes that have nothing to do with one another, (count, 32)."""
    return np.random.default_rng(seed).integers(0, 256, (count, 32), dtype=np.uint8)


def flipped(code, bits):
    """A code with these of its 256 bits flipped."""
    unpacked = np.unpackbits(code, bitorder="little")
    unpacked[list(bits)] ^= 1
    return np.packbits(unpacked, bitorder="little")


def altered(code, distance, seed=1):
    """A code at this distance, the bits drawn at random."""
    return flipped(code, np.random.default_rng(seed).choice(256, distance, replace=False))


def clustered(count, seed=1):
    """Codes as lists have them: copies and near copies of a few, in crowded buckets."""
    rng = np.random.default_rng(seed)
    centres = random_codes(5, seed)
    some = centres[rng.integers(0, 5, count)]
    return np.array(
        [altered(code, int(rng.integers(0, 8)) ** 2 // 2, i) for i, code in enumerate(some)]
    )


def numbers(*values):
    """Keys, as an index takes them."""
    return np.array(values, np.int64)


def brute_force(codes, keys, queries, radius):
    """Every (query, distance, key) within the radius, by comparing bit for bit, sorted."""
    answer = []
    for number, query in enumerate(queries):
        distances = np.unpackbits(codes ^ query, axis=1).sum(axis=1)
        near = np.flatnonzero(distances <= radius)
        answer += [(number, int(distances[row]), int(keys[row])) for row in near]
    return sorted(answer)


def found(index, queries, radius):
    """What an index finds, in its order, as `brute_force` says it: the same on every way it has."""
    queries = np.ascontiguousarray(queries)
    chosen = _listed(index.search(queries, radius=radius))
    for scan_ns in (0.0, math.inf):  # never through tables; through tables wherever there are any
        with patch.object(layout, "scan_ns", lambda _rows, _queries, ns=scan_ns: ns):
            assert _listed(index.search(queries, radius=radius)) == chosen
    return chosen


def _listed(matches):
    columns = (matches.query, matches.distance, matches.key)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def filled(folder, codes, *, radius=31, merged=True, first_key=0):
    """A writer's index with these codes, under keys that count up from `first_key`."""
    index = Index.open(folder, radius=radius, writer=True)
    keys = np.arange(first_key, first_key + len(codes), dtype=np.int64)
    index.apply(revision=1, keys=keys, codes=codes, removed=numbers())
    if merged:
        index.merge()
    return index
