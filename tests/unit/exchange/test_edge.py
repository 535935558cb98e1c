"""Growing a tree in any steps gives the same tree and the same objects."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logs import Objects, an_entry, log_in_memory, vectors
from tocsin.exchange.checkpoint import Checkpoint
from tocsin.exchange.edge import Edge
from tocsin.exchange.errors import Malformed
from tocsin.exchange.merkle import leaf_hash, root
from tocsin.exchange.note import Note
from tocsin.exchange.tiles import BUNDLE, levels_of, tiles_of
from tocsin.exchange.tree import Tree

LEAVES = [leaf_hash(an_entry(number)) for number in range(70_000)]


def grow_by(steps):
    edge, objects = Edge(), Objects()
    for step in steps:
        growth = edge.grow(an_entry(edge.size + number) for number in range(step))
        edge, objects = growth.edge, Objects(objects | growth.objects)
    return edge, objects


def test_the_vectors_of_a_whole_log_come_out():
    for step in vectors("log")["steps"]:
        _, head = log_in_memory(step["size"])
        assert head.text == Note.parse(step["checkpoint"].encode()).text


@settings(max_examples=30)
@given(st.lists(st.integers(0, 700), max_size=6))
def test_any_steps_lead_to_the_root_of_all_leaves(steps):
    edge, objects = grow_by(steps)
    assert edge.size == sum(steps)
    assert edge.root == root(LEAVES[: edge.size])
    every = {t.path for lv in (BUNDLE, *levels_of(edge.size)) for t in tiles_of(lv, edge.size)}
    assert every <= set(objects)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 700), max_size=6))
def test_an_edge_that_is_loaded_is_the_one_that_grew(steps):
    edge, objects = grow_by(steps)
    loaded = Edge.load(Tree(objects, Checkpoint("x", edge.size, edge.root)))
    assert loaded.grow([b"next"]) == edge.grow([b"next"])


def test_an_object_never_changes_once_it_was_made():
    edge, objects = Edge(), {}
    for number in range(600):
        growth = edge.grow([an_entry(number)])
        assert not set(growth.objects) & set(objects)
        edge, objects = growth.edge, objects | growth.objects


def test_three_levels_grow_at_once_when_the_tree_reaches_a_power():
    edge = grow_by([65_535])[0].grow([an_entry(65_535)])
    assert set(edge.objects) == {
        "tile/entries/255",
        "tile/0/255",
        "tile/1/000",
        "tile/2/000.p/1",
    }
    assert edge.edge.root == root(LEAVES[:65_536])


def test_growing_by_nothing_makes_nothing():
    edge = grow_by([300])[0]
    assert edge.grow([]).objects == {}
    assert edge.grow([]).edge == edge


def test_an_entry_that_no_bundle_can_hold_is_refused():
    with pytest.raises(Malformed):
        Edge().grow([bytes(65_536)])
