"""The right edge of a tree: all one needs to append to it, and what appending produces. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tocsin.exchange.bundles import encode_bundle
from tocsin.exchange.merkle import leaf_hash, root, root_of_rows
from tocsin.exchange.tiles import BUNDLE, HEIGHT, WIDTH, Tile, levels_of, tile_at
from tocsin.exchange.tree import Tree

Objects = dict[str, bytes]
"""What is to be stored: bytes by path."""


@dataclass(frozen=True, slots=True)
class Edge:
    """The entries and hashes that no full tile or bundle holds yet.

    `rows[level]` are the hashes of the partial tile at that level, perhaps none; `entries` are
    those of the partial bundle.
    """

    size: int = 0
    rows: tuple[tuple[bytes, ...], ...] = ()
    entries: tuple[bytes, ...] = ()

    @classmethod
    def load(cls, tree: Tree) -> "Edge":
        """Read the edge of an authenticated tree. Raises as `Tree` does."""
        rows = tuple(
            tuple(tree.tile(level, count // WIDTH)) if count % WIDTH else ()
            for level, count in _counts(tree.size)
        )
        partial = tree.size % WIDTH
        return cls(tree.size, rows, tuple(tree.bundle(tree.size // WIDTH)) if partial else ())

    @property
    def root(self) -> bytes:
        """The root of the whole tree."""
        return root_of_rows(self.rows)

    def grow(self, entries: Iterable[bytes]) -> "Growth":
        """Append entries. Raises Malformed for one that is too long."""
        growing = _Growing(self)
        for entry in entries:
            growing.append(entry)
        return growing.finish()


@dataclass(frozen=True, slots=True)
class Growth:
    """The edge after an append, and every object that the larger tree needs and the old lacked."""

    edge: Edge
    objects: Objects


@dataclass(slots=True)
class _Growing:
    """An edge while entries are appended to it; lives as long as one call of `Edge.grow`."""

    before: Edge
    objects: Objects = field(default_factory=dict)
    size: int = field(init=False)
    rows: list[list[bytes]] = field(init=False)
    entries: list[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.size = self.before.size
        self.rows = [list(row) for row in self.before.rows]
        self.entries = list(self.before.entries)

    def append(self, entry: bytes) -> None:
        self.entries.append(entry)
        self.size += 1
        if len(self.entries) == WIDTH:
            bundle = Tile(BUNDLE, self.size // WIDTH - 1)
            self.objects[bundle.path] = encode_bundle(self.entries)
            self.entries = []
        self._push(0, leaf_hash(entry))

    def _push(self, level: int, hash: bytes) -> None:
        """Add a hash to a row; a row that is full becomes a tile, and one hash in the row above."""
        if level == len(self.rows):
            self.rows.append([])
        row = self.rows[level]
        row.append(hash)
        if len(row) == WIDTH:
            index = (self.size >> HEIGHT * (level + 1)) - 1
            self.objects[Tile(level, index).path] = b"".join(row)
            self.rows[level] = []
            self._push(level + 1, root(row))

    def finish(self) -> Growth:
        if self.entries and self.size > self.before.size:
            bundle = tile_at(BUNDLE, self.size // WIDTH, self.size)
            self.objects[bundle.path] = encode_bundle(self.entries)
        for level, count in _counts(self.size):
            if count % WIDTH and count != self.before.size >> HEIGHT * level:
                tile = tile_at(level, count // WIDTH, self.size)
                self.objects[tile.path] = b"".join(self.rows[level])
        rows = tuple(tuple(row) for row in self.rows)
        return Growth(Edge(self.size, rows, tuple(self.entries)), self.objects)


def _counts(size: int) -> Iterable[tuple[int, int]]:
    """Yield each level with its number of hashes."""
    return ((level, size >> HEIGHT * level) for level in levels_of(size))
