"""Tiles: which hashes and entries are stored together, and under which name (C2SP tlog-tiles).

A tile of level l holds up to 256 consecutive hashes, each the root of 256**l leaves; a bundle holds
the entries whose hashes are the tile of level 0 with the same index. tlog-tiles is at version
0.1.0 and may change: all knowledge of paths is in this file.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tocsin.exchange.errors import Malformed
from tocsin.exchange.merkle import HASH_BYTES
from tocsin.exchange.note import MAX_NOTE_BYTES

WIDTH = 256
"""The hashes of a full tile: a subtree of height 8."""

HEIGHT = 8
MAX_LEVEL = 63
BUNDLE = -1
"""The level under which a bundle of entries is named."""

CHECKPOINT = "checkpoint"
MAX_ENTRY_BYTES = 65_535
"""What the length prefix of two bytes can say."""

_PATH = re.compile(
    r"tile/(?P<level>[0-9]{1,2}|entries)/(?P<index>(?:x[0-9]{3}/)*[0-9]{3})(?:\.p/(?P<width>[0-9]{1,3}))?"
)


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """A tile, or a bundle where `level` is BUNDLE: `width` hashes from index * 256 of its level."""

    level: int
    index: int
    width: int = WIDTH

    @classmethod
    def parse(cls, path: str) -> "Tile":
        """Read a path. Raises Malformed."""
        found = _PATH.fullmatch(path)
        if found is None:
            raise Malformed(f"{path[:80]!r} is not the path of a tile")
        level = BUNDLE if found["level"] == "entries" else int(found["level"])
        index = int(re.sub("[x/]", "", found["index"]))
        tile = cls(level, index, int(found["width"] or WIDTH))
        # The comparison also refuses leading zeros and a full tile named as a partial one.
        if level > MAX_LEVEL or not 1 <= tile.width <= WIDTH or tile.path != path:
            raise Malformed(f"{path[:80]!r} is not the path of a tile")
        return tile

    @property
    def path(self) -> str:
        """The path under the log's prefix, such as "tile/0/x001/x234/067.p/3"."""
        digits = str(self.index)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        index = "/".join([f"x{group}" for group in groups[:-1]] + groups[-1:])
        level = "entries" if self.level == BUNDLE else str(self.level)
        suffix = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{level}/{index}{suffix}"

    @property
    def partial(self) -> bool:
        """Whether more is still to come."""
        return self.width < WIDTH

    @property
    def full(self) -> "Tile":
        """The tile that this one becomes, or is."""
        return Tile(self.level, self.index)


def tile_at(level: int, index: int, size: int) -> Tile:
    """Name the tile as it is in a tree of `size`. Raises ValueError where there is none."""
    count = size >> HEIGHT * max(level, 0)
    width = min(count - index * WIDTH, WIDTH)
    if width < 1 or index < 0:
        raise ValueError(f"a tree of {size} has no tile {index} at level {level}")
    return Tile(level, index, width)


def tiles_of(level: int, size: int) -> Iterator[Tile]:
    """Name all tiles of one level (or all bundles) in a tree of `size`, from the left."""
    count = size >> HEIGHT * max(level, 0)
    for index in range(-(-count // WIDTH)):
        yield tile_at(level, index, size)


def levels_of(size: int) -> range:
    """Return the levels at which a tree of `size` has tiles."""
    return range(-(-size.bit_length() // HEIGHT))


def right_edge(size: int) -> Iterator[Tile]:
    """Name the partial tiles, from level 0 up: together they determine the root."""
    for level in levels_of(size):
        count = size >> HEIGHT * level
        if count % WIDTH:
            yield tile_at(level, count >> HEIGHT, size)


def max_bytes(path: str) -> int:
    """Return how many bytes the object at `path` can have: a reader stops there."""
    if path == CHECKPOINT:
        return MAX_NOTE_BYTES
    tile = Tile.parse(path)
    each = 2 + MAX_ENTRY_BYTES if tile.level == BUNDLE else HASH_BYTES
    return tile.width * each
