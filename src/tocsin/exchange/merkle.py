"""Merkle trees of RFC 6962 (section 2.1), SHA-256: roots, proofs, and their verification.

Pure. A node is named by (level, index): the root of the 2**level leaves from index * 2**level on.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

from tocsin.exchange.errors import Forged

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
"""The root of a tree without leaves."""

ReadNode = Callable[[int, int], bytes]
"""Return the hash of the node (level, index)."""


def leaf_hash(entry: bytes) -> bytes:
    """Hash an entry. The prefix keeps leaves and nodes apart (second preimages)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two children."""
    return sha256(b"\x01" + left + right).digest()


def root(hashes: Sequence[bytes]) -> bytes:
    """Return the root over `hashes`: leaves, or equal complete subtrees (the last may be less)."""
    if not hashes:
        return EMPTY_ROOT
    layer = list(hashes)
    while len(layer) > 1:
        # Spelled out rather than through node_hash: this line is most of a catch-up's hashing.
        paired = [
            sha256(b"\x01" + left + right).digest()
            for left, right in zip(layer[::2], layer[1::2], strict=False)
        ]
        if len(layer) % 2:
            paired.append(layer[-1])
        layer = paired
    return layer[0]


def root_of_rows(rows: Iterable[Sequence[bytes]]) -> bytes:
    """Return the root of a tree from the hashes of its partial tiles, lowest level first.

    At each level the incomplete subtree below, if any, stands as one more hash on the right.
    """
    below: list[bytes] = []
    for row in rows:
        joined = [*row, *below]
        below = [root(joined)] if joined else []
    return below[0] if below else EMPTY_ROOT


class CompactRange:
    """The root of a growing tree from at most 64 hashes: one for each complete subtree.

    Not thread-safe; lives as long as one pass over a log.
    """

    def __init__(self) -> None:
        self.size = 0
        self._hashes: list[bytes] = []

    def push(self, subtree: bytes, level: int = 0) -> None:
        """Append a complete subtree of 2**level leaves; `size` must be a multiple of that."""
        if self.size % (1 << level):
            raise ValueError(f"a subtree of level {level} cannot stand at {self.size}")
        carried = self.size >> level
        while carried & 1:
            subtree = node_hash(self._hashes.pop(), subtree)
            carried >>= 1
        self._hashes.append(subtree)
        self.size += 1 << level

    def root(self) -> bytes:
        """Return the root of what was pushed so far."""
        return fold(self._hashes)


def fold(hashes: Sequence[bytes]) -> bytes:
    """Join the complete subtrees of a range, largest first, into its hash."""
    if not hashes:
        return EMPTY_ROOT
    *rest, joined = hashes
    for left in reversed(rest):
        joined = node_hash(left, joined)
    return joined


def subtrees(start: int, end: int) -> list[tuple[int, int]]:
    """Name the complete subtrees of the leaves [start, end), largest first.

    `start` must be a multiple of the largest power of two within the range, as it is wherever RFC
    6962 splits a tree.
    """
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append((level, start >> level))
        start += 1 << level
    return nodes


def range_hash(start: int, end: int, read: ReadNode) -> bytes:
    """Return the hash over the leaves [start, end); see `subtrees` for what ranges there are."""
    return fold([read(level, index) for level, index in subtrees(start, end)])


def prove_inclusion(index: int, size: int, read: ReadNode) -> tuple[bytes, ...]:
    """Return the audit path of leaf `index` in the tree of `size` (RFC 6962, 2.1.1), leaf first."""
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} has no leaf {index}")
    start, end, path = 0, size, []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(range_hash(middle, end, read))
            end = middle
        else:
            path.append(range_hash(start, middle, read))
            start = middle
    return tuple(reversed(path))


def prove_consistency(old: int, new: int, read: ReadNode) -> tuple[bytes, ...]:
    """Return the proof that the tree of `new` extends the tree of `old` (RFC 6962, 2.1.2).

    Empty where there is nothing to show: for equal sizes, and from the empty tree.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} cannot extend one of {old}")
    if old in {0, new}:
        return ()
    start, end, path = 0, new, []
    while end > old:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(range_hash(middle, end, read))
            end = middle
        else:
            path.append(range_hash(start, middle, read))
            start = middle
    if start:
        # The old tree ends inside: its last piece is not one that the verifier knows.
        path.append(range_hash(start, end, read))
    return tuple(reversed(path))


def check_inclusion(leaf: bytes, index: int, size: int, root: bytes, path: Iterable[bytes]) -> None:
    """Verify an audit path. Raises Forged. Steps as numbered in RFC 9162, 2.1.3.2."""
    proof = _checked(path)
    # 1. The leaf must lie in the tree.
    if not 0 <= index < size:
        raise Forged(f"leaf {index} does not lie in a tree of {size}")
    # 2., 3. Start from the leaf, and from the last node of its level.
    at, last, joined = index, size - 1, leaf
    # 4. Climb: a sibling on the left where the node is a right child or the incomplete last one.
    for sibling in proof:
        if last == 0:
            raise Forged("the inclusion proof is too long")
        if at & 1 or at == last:
            joined = node_hash(sibling, joined)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            joined = node_hash(joined, sibling)
        at, last = at >> 1, last >> 1
    # 5. The climb must end at the root, and at the right one.
    if last != 0 or joined != root:
        raise Forged("the inclusion proof does not lead to the root")


def check_consistency(
    old: int, old_root: bytes, new: int, new_root: bytes, path: Iterable[bytes]
) -> None:
    """Verify that the new tree extends the old one. Raises Forged.

    Steps as numbered in RFC 9162, 2.1.4.2; before them, the pairs of sizes that have no proof.
    """
    proof = _checked(path)
    if not 0 <= old <= new:
        raise Forged(f"a tree of {new} cannot extend one of {old}")
    if old in {0, new}:
        return _check_without_proof(old, old_root, new_root, proof)
    # 1. An empty proof shows nothing. 2. A complete old tree is itself the first node.
    if old & (old - 1) == 0:
        proof.insert(0, old_root)
    if not proof:
        raise Forged("the consistency proof is empty")
    # 3., 4. Start at the old tree's last node, above all levels where it is a right child.
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    # 5. Both roots start from the first node.
    old_joined = new_joined = proof[0]
    # 6. Climb: nodes on the left belong to both trees, nodes on the right to the new one only.
    for sibling in proof[1:]:
        if last == 0:
            raise Forged("the consistency proof is too long")
        if at & 1 or at == last:
            old_joined, new_joined = node_hash(sibling, old_joined), node_hash(sibling, new_joined)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new_joined = node_hash(new_joined, sibling)
        at, last = at >> 1, last >> 1
    # 7. The climb must end at the root, and reach both roots.
    if last != 0 or old_joined != old_root or new_joined != new_root:
        raise Forged("the consistency proof does not lead from the old root to the new one")
    return None


def _check_without_proof(old: int, old_root: bytes, new_root: bytes, proof: list[bytes]) -> None:
    known = new_root if old else EMPTY_ROOT
    if proof or old_root != known:
        raise Forged("trees of equal size have equal roots, and the empty tree has its own")


def _checked(path: Iterable[bytes]) -> list[bytes]:
    proof = list(path)
    if any(len(one) != HASH_BYTES for one in proof):
        raise Forged(f"a proof holds hashes of {HASH_BYTES} bytes each")
    return proof


def _split(count: int) -> int:
    """Return the largest power of two below `count`: where RFC 6962 splits that many leaves."""
    return 1 << ((count - 1).bit_length() - 1)
