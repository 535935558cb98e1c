"""A signed tree read through its tiles, every one of them authenticated before it is used.

The order is the argument (x/mod's tile reader began one level too late and let altered tiles pass:
CVE-2026-56865):

1. All partial tiles of the right edge are read first. Every hash in them takes part in one root,
   which must be the signed one.
2. A full tile is trusted only when the root over all its hashes stands in the tile above it, which
   was trusted by step 1 or 2 before.
3. A bundle is trusted only when the hashes of all its entries are those of step 1 or 2.

So no byte that was fetched reaches a caller without having been hashed into the signed root.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Protocol

from tocsin.exchange.bundles import decode_bundle
from tocsin.exchange.checkpoint import Checkpoint
from tocsin.exchange.errors import Absent, Damaged, Malformed
from tocsin.exchange.merkle import (
    HASH_BYTES,
    leaf_hash,
    prove_consistency,
    prove_inclusion,
    range_hash,
    root,
    root_of_rows,
)
from tocsin.exchange.tiles import BUNDLE, HEIGHT, WIDTH, Tile, levels_of, right_edge, tile_at

CACHED_TILES = 256
"""Full tiles kept after they were authenticated: about 5 MB."""

Hashes = list[bytes]


class Fetch(Protocol):
    """Where published objects are read: a folder, a server, a mirror. Nothing in it is trusted."""

    def get(self, path: str) -> bytes:
        """Return the object's bytes. May be called from several threads.

        Raises Absent if there is no such object, Unavailable if that could not be found out.
        """


class Tree:
    """The tree under a checkpoint that the caller trusts. Thread-safe; reads tiles when needed.

    Raises Damaged where what was fetched does not add up to the root, Absent and Unavailable as
    `Fetch` does, ValueError for leaves that the tree does not have.
    """

    def __init__(self, fetch: Fetch, head: Checkpoint) -> None:
        self.head, self.size = head, head.size
        self._fetch = fetch
        self._lock = threading.Lock()
        # Owned by _lock: what was authenticated and may be forgotten again.
        self._cache: OrderedDict[Tile, Hashes] = OrderedDict()
        self._edge = self._read_edge()

    def tile(self, level: int, index: int) -> Hashes:
        """Return the authenticated hashes of a tile, full or partial."""
        tile = tile_at(level, index, self.size)
        if tile.partial:
            return self._edge[level]
        with self._lock:
            if tile in self._cache:
                self._cache.move_to_end(tile)
                return self._cache[tile]
        hashes = self._read_hashes(tile)
        # Step 2. The parent is read through this same function, so it is trusted already.
        if root(hashes) != self._parent_hash(tile):
            raise Damaged(f"{tile.path} does not hash to what the tile above it says")
        with self._lock:
            self._cache[tile] = hashes
            if len(self._cache) > CACHED_TILES:
                self._cache.popitem(last=False)
        return hashes

    def bundle(self, index: int) -> list[bytes]:
        """Return the authenticated entries of a bundle, full or partial."""
        tile = tile_at(BUNDLE, index, self.size)
        entries = self._read_entries(tile)
        hashes = [leaf_hash(entry) for entry in entries]
        # Step 3. A full bundle needs no tile of level 0: its root stands in level 1.
        if tile.partial:
            trusted = hashes == self._edge[0]
        else:
            trusted = root(hashes) == self._parent_hash(Tile(0, index))
        if not trusted:
            raise Damaged(f"{tile.path} does not hash to what the tree says")
        return entries

    def entries(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the entries [start, end), one bundle in memory at a time."""
        if not 0 <= start <= end <= self.size:
            raise ValueError(f"a tree of {self.size} does not have the entries {start} to {end}")
        for index in range(start // WIDTH, -(-end // WIDTH)):
            first = index * WIDTH
            yield from self.bundle(index)[max(start - first, 0) : end - first]

    def node(self, level: int, index: int) -> bytes:
        """Return the root of the 2**level leaves from index * 2**level on."""
        above, height = divmod(level, HEIGHT)
        first = index << height
        hashes = self.tile(above, first // WIDTH)[first % WIDTH :][: 1 << height]
        if len(hashes) < 1 << height:
            raise ValueError(f"a tree of {self.size} has no node {index} at level {level}")
        return root(hashes)

    def root_at(self, size: int) -> bytes:
        """Return the root that the tree had when it was smaller."""
        if not 0 <= size <= self.size:
            raise ValueError(f"a tree of {self.size} was never one of {size}")
        return range_hash(0, size, self.node)

    def inclusion(self, index: int) -> tuple[bytes, ...]:
        """Prove that leaf `index` is in this tree; see `merkle.check_inclusion`."""
        return prove_inclusion(index, self.size, self.node)

    def consistency(self, old: int) -> tuple[bytes, ...]:
        """Prove that this tree extends the one of `old` leaves; see `merkle.check_consistency`."""
        return prove_consistency(old, self.size, self.node)

    def _read_edge(self) -> dict[int, Hashes]:
        """Step 1: read all partial tiles, by level, and let every hash in them make the root."""
        edge = {tile.level: self._read_hashes(tile) for tile in right_edge(self.size)}
        if root_of_rows(edge.get(level, []) for level in levels_of(self.size)) != self.head.root:
            raise Damaged(f"the partial tiles of size {self.size} do not hash to the signed root")
        return edge

    def _parent_hash(self, tile: Tile) -> bytes:
        return self.tile(tile.level + 1, tile.index // WIDTH)[tile.index % WIDTH]

    def _read_hashes(self, tile: Tile) -> Hashes:
        data, found = self._read(tile)
        if len(data) != found.width * HASH_BYTES:
            raise Damaged(f"{found.path} has {len(data)} bytes, not {found.width * HASH_BYTES}")
        return [data[at : at + HASH_BYTES] for at in range(0, tile.width * HASH_BYTES, HASH_BYTES)]

    def _read_entries(self, tile: Tile) -> list[bytes]:
        data, found = self._read(tile)
        try:
            return decode_bundle(data, found.width)[: tile.width]
        except Malformed as error:
            raise Damaged(f"{found.path} cannot be read: {error}") from error

    def _read(self, tile: Tile) -> tuple[bytes, Tile]:
        """Fetch a tile, or the full one that has taken its place, of which the front is used."""
        try:
            return self._fetch.get(tile.path), tile
        except Absent:
            if not tile.partial:
                raise
        except Malformed as error:
            raise Damaged(str(error)) from error
        return self._read(tile.full)
