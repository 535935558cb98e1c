"""No byte that was fetched reaches a caller without having been hashed into the signed root."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logs import Objects, an_entry, log_in_memory
from tocsin.exchange.checkpoint import Checkpoint
from tocsin.exchange.errors import Absent, Damaged, Malformed
from tocsin.exchange.merkle import check_consistency, check_inclusion, leaf_hash, root
from tocsin.exchange.tiles import BUNDLE, Tile, levels_of, tiles_of
from tocsin.exchange.tree import CACHED_TILES, Tree

SIZES = (1, 2, 3, 255, 256, 257, 511, 512, 700, 65_535, 65_536, 65_537, 70_000)
LOGS = {size: log_in_memory(size) for size in SIZES}
LEAVES = [leaf_hash(an_entry(number)) for number in range(70_000)]


def read_all(objects, head):
    """Read every tile and every bundle of a tree."""
    tree = Tree(objects, head)
    for level in levels_of(head.size):
        for tile in tiles_of(level, head.size):
            tree.tile(level, tile.index)
    for tile in tiles_of(BUNDLE, head.size):
        tree.bundle(tile.index)


def read_one(objects, head, tile):
    tree = Tree(objects, head)
    return tree.bundle(tile.index) if tile.level == BUNDLE else tree.tile(tile.level, tile.index)


def flipped(data, position, bit=0):
    changed = bytearray(data)
    changed[position % len(data)] ^= 1 << bit
    return bytes(changed)


@pytest.mark.parametrize("size", SIZES)
def test_all_entries_of_a_tree_are_read_back(size):
    assert list(Tree(*LOGS[size]).entries(0, size)) == [an_entry(n) for n in range(size)]


@pytest.mark.parametrize("size", [700, 70_000])
@pytest.mark.parametrize("position", [0, 31, -1])
def test_one_flipped_bit_in_any_tile_or_bundle_is_found_when_it_is_read(size, position):
    objects, head = LOGS[size]
    for path, data in objects.items():
        hurt = Objects(objects | {path: flipped(data, position)})
        with pytest.raises(Damaged):
            read_one(hurt, head, Tile.parse(path))


@settings(max_examples=200)
@given(st.sampled_from(SIZES), st.data())
def test_a_bit_flipped_anywhere_in_a_tree_is_found(size, data):
    objects, head = LOGS[size]
    path = data.draw(st.sampled_from(sorted(objects)))
    change = flipped(objects[path], data.draw(st.integers(0, 20_000)), data.draw(st.integers(0, 7)))
    with pytest.raises(Damaged):
        read_all(Objects(objects | {path: change}), head)


@pytest.mark.parametrize("size", [257, 65_537])
def test_a_full_tile_is_authenticated_though_the_edge_already_makes_the_root(size):
    """Of this kind was CVE-2026-56865: the altered tile lies beside subtrees that were checked."""
    objects, head = LOGS[size]
    hurt = Objects(objects | {"tile/0/000": flipped(objects["tile/0/000"], 0)})
    tree = Tree(hurt, head)
    with pytest.raises(Damaged):
        tree.inclusion(100)
    with pytest.raises(Damaged):
        tree.node(0, 100)


def test_a_forged_parent_does_not_make_its_forged_child_true():
    objects, head = LOGS[70_000]
    forged = [leaf_hash(b"forged")] * 256
    above = [root(forged), *Tree(objects, head).tile(1, 0)[1:]]
    changed = {"tile/0/000": b"".join(forged), "tile/1/000": b"".join(above)}
    with pytest.raises(Damaged):
        Tree(Objects(objects | changed), head).tile(0, 0)


@pytest.mark.parametrize("width", [1, 255])
@pytest.mark.parametrize(
    "change", [lambda d: d[:-1], lambda d: d + b"\0", lambda _: b"", lambda d: d * 2]
)
def test_a_partial_tile_of_another_length_is_refused(width, change):
    objects, head = log_in_memory(width)
    path = f"tile/0/000.p/{width}"
    with pytest.raises(Damaged):
        Tree(Objects({path: change(objects[path])}), head)


def test_a_full_tile_takes_the_place_of_a_partial_one():
    small, head = log_in_memory(300)
    large, _ = log_in_memory(600)
    full = Objects({path: data for path, data in large.items() if ".p/" not in path})
    full["tile/1/000.p/1"] = small["tile/1/000.p/1"]
    tree = Tree(full, head)
    assert list(tree.entries(0, 300)) == [an_entry(n) for n in range(300)]
    assert len(tree.tile(0, 1)) == len(tree.bundle(1)) == 44


def test_of_a_full_tile_in_that_place_only_the_front_is_trusted():
    small, head = log_in_memory(300)
    large, _ = log_in_memory(600)
    full = Objects({path: data for path, data in large.items() if ".p/" not in path})
    full["tile/1/000.p/1"] = small["tile/1/000.p/1"]
    full["tile/0/001"] = flipped(full["tile/0/001"], 43 * 32)
    with pytest.raises(Damaged):
        Tree(full, head)


def test_what_is_absent_is_said_to_be_absent():
    objects, head = LOGS[700]
    tree = Tree(Objects({p: d for p, d in objects.items() if p != "tile/entries/001"}), head)
    with pytest.raises(Absent, match="entries/001"):
        list(tree.entries(0, 700))


def test_an_object_that_a_server_makes_too_large_is_damaged():
    objects, head = LOGS[700]

    class Endless:
        def get(self, path):
            if path == "tile/0/000":
                raise Malformed("too large")
            return objects.get(path)

    with pytest.raises(Damaged):
        Tree(Endless(), head).tile(0, 0)


def test_a_tree_refuses_another_root():
    objects, head = LOGS[700]
    with pytest.raises(Damaged):
        Tree(objects, Checkpoint(head.origin, head.size, bytes(32)))


def test_the_empty_tree_needs_nothing():
    objects, head = log_in_memory(0)
    assert list(Tree(objects, head).entries(0, 0)) == []
    with pytest.raises(Damaged):
        Tree(objects, Checkpoint("x", 0, bytes(32)))


@settings(max_examples=60)
@given(st.sampled_from(SIZES), st.data())
def test_every_proof_that_a_tree_gives_verifies(size, data):
    tree = Tree(*LOGS[size])
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size))
    check_inclusion(LEAVES[index], index, size, tree.head.root, tree.inclusion(index))
    assert tree.root_at(old) == root(LEAVES[:old])
    check_consistency(old, tree.root_at(old), size, tree.head.root, tree.consistency(old))


@pytest.mark.parametrize(
    ("start", "end"), [(0, 0), (0, 1), (255, 257), (256, 512), (300, 300), (699, 700)]
)
def test_any_range_of_entries_can_be_read(start, end):
    assert list(Tree(*LOGS[700]).entries(start, end)) == [an_entry(n) for n in range(start, end)]


@pytest.mark.parametrize(("start", "end"), [(-1, 1), (2, 1), (0, 701)])
def test_no_range_beyond_the_tree_can_be_read(start, end):
    with pytest.raises(ValueError, match="does not have the entries"):
        list(Tree(*LOGS[700]).entries(start, end))


@pytest.mark.parametrize(("level", "index"), [(0, 700), (1, 350), (8, 2), (10, 0)])
def test_a_node_that_is_not_whole_is_not_given(level, index):
    with pytest.raises(ValueError, match="has no"):
        Tree(*LOGS[700]).node(level, index)


def test_a_tree_never_was_larger():
    with pytest.raises(ValueError, match="never"):
        Tree(*LOGS[700]).root_at(701)


def test_memory_stays_bounded_and_a_forgotten_tile_is_checked_again():
    objects, head = LOGS[70_000]
    hurt = Objects(objects)
    tree = Tree(hurt, head)
    for index in range(273):
        tree.tile(0, index)
    assert len(tree._cache) <= CACHED_TILES
    hurt["tile/0/000"] = flipped(objects["tile/0/000"], 5)
    with pytest.raises(Damaged):
        tree.tile(0, 0)
