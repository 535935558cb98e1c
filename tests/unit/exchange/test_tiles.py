"""Tiles have the paths and widths of the specification, and no others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logs import vectors
from tocsin.exchange.errors import Malformed
from tocsin.exchange.tiles import (
    BUNDLE,
    CHECKPOINT,
    MAX_LEVEL,
    WIDTH,
    Tile,
    levels_of,
    max_bytes,
    right_edge,
    tile_at,
    tiles_of,
)

VECTORS = vectors("tiles")
ANY_TILE = st.builds(
    Tile, st.integers(BUNDLE, MAX_LEVEL), st.integers(0, 2**55), st.integers(1, WIDTH)
)


@pytest.mark.parametrize("case", VECTORS["paths"], ids=lambda case: case["path"])
def test_a_tile_has_the_path_of_the_specification(case):
    level = BUNDLE if case["level"] == "entries" else case["level"]
    tile = Tile(level, case["index"], case["width"])
    assert tile.path == case["path"]
    assert Tile.parse(case["path"]) == tile


@pytest.mark.parametrize("path", VECTORS["invalid"])
def test_what_is_not_quite_a_path_is_refused(path):
    with pytest.raises(Malformed):
        Tile.parse(path)


@given(ANY_TILE)
def test_every_tile_reads_back_from_its_path(tile):
    assert Tile.parse(tile.path) == tile


@given(st.text(alphabet="tile/entries0123x.p", max_size=30))
def test_whatever_parses_has_that_very_path(text):
    try:
        tile = Tile.parse(f"tile/{text}")
    except Malformed:
        return
    assert tile.path == f"tile/{text}"


@pytest.mark.parametrize("case", VECTORS["trees"], ids=lambda case: case["size"])
def test_a_tree_has_the_tiles_of_the_specification(case):
    size = case["size"]
    full = {
        str(level): sum(not tile.partial for tile in tiles_of(level, size))
        for level in levels_of(size)
    }
    partial = [
        tile.path
        for level in (BUNDLE, *levels_of(size))
        for tile in tiles_of(level, size)
        if tile.partial
    ]
    assert (full, partial) == (case["full"], case["partial"])


@given(st.integers(0, 2**63 - 1))
def test_the_right_edge_is_one_tile_for_each_digit_of_the_size(size):
    digits = {level: size >> 8 * level & 255 for level in range(8)}
    edge = {tile.level: tile.width for tile in right_edge(size)}
    assert edge == {level: digit for level, digit in digits.items() if digit}


@given(st.integers(1, 10**7), st.integers(0, 3))
def test_tiles_follow_each_other_without_gap(size, level):
    count = size >> 8 * level
    last = -(-count // WIDTH)
    widths = [tile_at(level, index, size).width for index in range(max(last - 3, 0), last)]
    assert sum(widths) == count - max(last - 3, 0) * WIDTH


@pytest.mark.parametrize(("level", "index"), [(0, 2), (1, 1), (2, 0), (0, -1), (BUNDLE, 2)])
def test_a_tree_has_no_tile_beyond_its_size(level, index):
    with pytest.raises(ValueError, match="no tile"):
        tile_at(level, index, 300)


def test_a_reader_knows_how_much_an_object_can_be():
    assert max_bytes("tile/0/000") == 8192
    assert max_bytes("tile/3/000.p/2") == 64
    assert max_bytes("tile/entries/000.p/1") == 65_537
    assert max_bytes(CHECKPOINT) == 1_000_000


def test_a_partial_tile_knows_what_it_becomes():
    assert Tile(0, 5, 3).partial
    assert Tile(0, 5, 3).full == Tile(0, 5)
    assert not Tile(0, 5).partial
