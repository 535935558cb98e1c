"""Bits that flip at rest are found by whoever reads them, wherever they are."""

import random

import pytest

from logs import Objects, log_in_memory
from tocsin.exchange.errors import Damaged
from tocsin.exchange.tiles import BUNDLE, Tile
from tocsin.exchange.tree import Tree

FLIPS = 10_000


def finds(objects, head, path, position, bit):
    """Flip one bit, and tell whether reading the object through its tree finds that out."""
    changed = bytearray(objects[path])
    changed[position] ^= 1 << bit
    tile = Tile.parse(path)
    try:
        tree = Tree(Objects(objects | {path: bytes(changed)}), head)
        (tree.bundle if tile.level == BUNDLE else lambda n: tree.tile(tile.level, n))(tile.index)
    except Damaged:
        return True
    return False


@pytest.mark.slow
def test_random_bits_all_over_a_large_log_are_found():
    objects, head = log_in_memory(70_000)
    draw, paths = random.Random(7), sorted(objects)
    for _ in range(FLIPS):
        path = draw.choice(paths)
        position, bit = draw.randrange(len(objects[path])), draw.randrange(8)
        assert finds(objects, head, path, position, bit), (path, position, bit)


@pytest.mark.slow
def test_every_byte_of_a_small_log_is_covered():
    objects, head = log_in_memory(300)
    for path, data in objects.items():
        for position in range(len(data)):
            assert finds(objects, head, path, position, position % 8), (path, position)
