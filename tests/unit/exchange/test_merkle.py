"""Merkle trees: every proof verifies, and no altered one does."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logs import vectors
from tocsin.exchange.errors import Forged
from tocsin.exchange.merkle import (
    EMPTY_ROOT,
    CompactRange,
    check_consistency,
    check_inclusion,
    leaf_hash,
    node_hash,
    prove_consistency,
    prove_inclusion,
    range_hash,
    root,
    root_of_rows,
    subtrees,
)

LEAVES = [leaf_hash(str(number).encode()) for number in range(301)]
VECTORS = vectors("merkle")
NODES = {}


def node(level, index):
    """Return a node of the test's tree; each is computed once."""
    if (level, index) not in NODES:
        both = (
            LEAVES[index]
            if level == 0
            else node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))
        )
        NODES[level, index] = both
    return NODES[level, index]


def by_definition(leaves):
    """MTH as RFC 6962, 2.1 writes it: recursive, slow, the oracle of this file."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"").digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(by_definition(leaves[:split]), by_definition(leaves[split:]))


ROOTS = [by_definition(LEAVES[:size]) for size in range(301)]


def test_the_reference_tree_of_certificate_transparency_has_its_roots():
    leaves = [leaf_hash(bytes.fromhex(leaf)) for leaf in VECTORS["reference"]["leaves"]]
    roots = [root(leaves[:size]).hex() for size in range(len(leaves) + 1)]
    assert roots == VECTORS["reference"]["roots"]


def test_every_way_to_a_root_agrees_with_the_definition_at_all_sizes():
    growing = CompactRange()
    for size in range(301):
        whole = root(LEAVES[:size])
        assert whole == ROOTS[size] == growing.root()
        assert whole == range_hash(0, size, node)
        if size < 300:
            growing.push(LEAVES[size])


def test_a_compact_range_takes_whole_subtrees():
    growing = CompactRange()
    for level, index in subtrees(0, 300):
        growing.push(node(level, index), level)
    assert growing.root() == ROOTS[300]
    with pytest.raises(ValueError, match="cannot stand"):
        growing.push(node(3, 0), 3)


def test_the_rows_of_a_right_edge_make_the_root():
    assert root_of_rows([]) == EMPTY_ROOT
    assert root_of_rows([LEAVES[256:300], [node(8, 0)]]) == ROOTS[300]
    assert root_of_rows([[], [node(8, 0)]]) == ROOTS[256]


def test_every_leaf_of_every_tree_has_a_proof_that_verifies():
    for size in range(1, 301):
        # All leaves of the small trees, and in the large ones those where something changes.
        for index in range(size) if size < 70 else {0, 1, size // 2, size - 2, size - 1}:
            path = prove_inclusion(index, size, node)
            check_inclusion(LEAVES[index], index, size, ROOTS[size], path)


def test_every_pair_of_trees_has_a_proof_that_verifies():
    for new in range(301):
        for old in range(new + 1) if new < 70 else {0, 1, 64, new // 2, new - 1, new}:
            path = prove_consistency(old, new, node)
            check_consistency(old, ROOTS[old], new, ROOTS[new], path)


@pytest.mark.parametrize("case", VECTORS["inclusion"])
def test_the_inclusion_vectors_verify(case):
    path = [bytes.fromhex(one) for one in case["path"]]
    leaf, whole = leaf_hash(bytes.fromhex(case["entry"])), bytes.fromhex(case["root"])
    check_inclusion(leaf, case["index"], case["size"], whole, path)


@pytest.mark.parametrize("case", VECTORS["consistency"])
def test_the_consistency_vectors_verify(case):
    path = [bytes.fromhex(one) for one in case["path"]]
    roots = bytes.fromhex(case["old_root"]), bytes.fromhex(case["new_root"])
    check_consistency(case["old"], roots[0], case["new"], roots[1], path)


def mutations(path):
    """Yield every path that differs by one hash: altered, missing, doubled, exchanged, added."""
    for at, one in enumerate(path):
        yield (*path[:at], bytes([one[0] ^ 1]) + one[1:], *path[at + 1 :])
        yield (*path[:at], *path[at + 1 :])
        yield (*path[:at], one, *path[at:])
        yield (*path[:at], one[:-1], *path[at + 1 :])
        if at and path[at - 1] != one:
            yield (*path[: at - 1], one, path[at - 1], *path[at + 1 :])
    yield (*path, bytes(32))
    yield (bytes(32), *path)


@given(st.integers(1, 300), st.data())
def test_no_altered_inclusion_proof_verifies(size, data):
    index = data.draw(st.integers(0, size - 1))
    for path in mutations(prove_inclusion(index, size, node)):
        with pytest.raises(Forged):
            check_inclusion(LEAVES[index], index, size, ROOTS[size], path)


@given(st.integers(1, 300), st.data())
def test_no_altered_consistency_proof_verifies(new, data):
    old = data.draw(st.integers(0, new))
    for path in mutations(prove_consistency(old, new, node)):
        with pytest.raises(Forged):
            check_consistency(old, ROOTS[old], new, ROOTS[new], path)


@given(st.integers(1, 300), st.data())
def test_a_proof_proves_no_other_leaf_index_or_size(size, data):
    index, other = data.draw(st.integers(0, size - 1)), data.draw(st.integers(-1, 301))
    path = prove_inclusion(index, size, node)
    if other != index:
        with pytest.raises(Forged):
            check_inclusion(LEAVES[index], other, size, ROOTS[size], path)
        with pytest.raises(Forged):
            check_inclusion(leaf_hash(b"another"), index, size, ROOTS[size], path)


@given(st.integers(1, 300), st.data())
def test_no_proof_leads_from_or_to_another_root(new, data):
    old = data.draw(st.integers(0, new))
    path = prove_consistency(old, new, node)
    with pytest.raises(Forged):
        check_consistency(old, bytes(32), new, ROOTS[new], path)
    if old:
        with pytest.raises(Forged):
            check_consistency(old, ROOTS[old], new, bytes(32), path)


@pytest.mark.parametrize(("old", "new"), [(-1, 3), (4, 3), (0, -1)])
def test_trees_do_not_shrink(old, new):
    with pytest.raises(Forged):
        check_consistency(old, ROOTS[4], new, ROOTS[3], [])
    with pytest.raises(ValueError, match="cannot extend"):
        prove_consistency(old, new, node)


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_a_leaf_outside_the_tree_has_no_proof(index, size):
    with pytest.raises(ValueError, match="has no leaf"):
        prove_inclusion(index, size, node)
    with pytest.raises(Forged):
        check_inclusion(LEAVES[0], index, size, ROOTS[3], [])


def test_a_proof_must_have_the_length_that_the_sizes_ask_for():
    first, other = LEAVES[:2]
    above = node_hash(first, other)
    with pytest.raises(Forged):
        check_inclusion(ROOTS[5], 0, 5, ROOTS[5], [])
    with pytest.raises(Forged):
        check_inclusion(first, 0, 1, node_hash(other, first), [other])
    with pytest.raises(Forged):
        check_consistency(2, ROOTS[5], 3, ROOTS[5], [])
    with pytest.raises(Forged):
        check_consistency(1, first, 2, node_hash(other, above), [other, other])
    with pytest.raises(Forged):
        check_consistency(1, first, 2, node_hash(above, other), [other, other])


def test_a_node_cannot_be_passed_off_as_a_leaf():
    forged = b"\x01" + LEAVES[0] + LEAVES[1]
    assert leaf_hash(forged) != node_hash(LEAVES[0], LEAVES[1])
