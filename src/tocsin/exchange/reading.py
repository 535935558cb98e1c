"""Following a log from outside, with nothing but its key: what is new, and is it the same log.

The caller keeps the last note that was accepted, and hands it in again each time; without that
memory a rollback cannot be told from a young log. What it gets back is always one of the outcomes
below. All but `Advanced` and `Unchanged` mean: apply nothing, keep the evidence, tell a person.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from tocsin.exchange.advance import encode_advance
from tocsin.exchange.checkpoint import SignedCheckpoint
from tocsin.exchange.errors import Absent, Damaged, Malformed, Unverified
from tocsin.exchange.policy import Policy
from tocsin.exchange.tiles import CHECKPOINT, WIDTH
from tocsin.exchange.tree import Fetch, Tree

FETCHES = 8
"""Bundles on their way at once."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two notes that one log signed and that cannot both be true, as they were received.

    For notes of different sizes, `proof` is what the larger tree offers as its consistency with the
    smaller one. The log can only refute the evidence by a proof that verifies, and none exists.
    """

    seen: bytes
    shown: bytes
    old_size: int
    proof: tuple[bytes, ...]

    def files(self) -> dict[str, bytes]:
        """Write the evidence down: the notes, and the larger one as an advance of the smaller."""
        advance = encode_advance(self.old_size, self.proof, self.shown)
        return {"seen.note": self.seen, "shown.note": self.shown, "advance.txt": advance}


@dataclass(frozen=True, slots=True)
class Advanced:
    """A larger tree that extends the one seen before, its right edge authenticated."""

    signed: SignedCheckpoint
    tree: Tree


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The same tree as before, perhaps under more cosignatures."""

    signed: SignedCheckpoint


@dataclass(frozen=True, slots=True)
class RolledBack:
    """A smaller tree than the one seen before: a stale cache, or a log restored from a backup.

    It does not contradict what was seen as far as can be told: a stale copy passes by itself.
    """

    seen: SignedCheckpoint
    shown: SignedCheckpoint


@dataclass(frozen=True, slots=True)
class Forked:
    """The log signed two histories."""

    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Unproven:
    """A checkpoint that nobody trusted vouches for, or whose own tiles do not add up to it.

    `note` is what was received. A damaged mirror looks like this, and so does an attempt to forge.
    """

    note: bytes
    reason: str


Outcome = Advanced | Unchanged | RolledBack | Forked | Unproven


class Reader:
    """A reader of one log through one place where it is served. Thread-safe; keeps nothing."""

    def __init__(self, fetch: Fetch, policy: Policy) -> None:
        self._fetch = fetch
        self._policy = policy

    def latest(self, seen: bytes | None) -> Outcome:
        """Fetch the checkpoint and compare it with the last one accepted, None at first contact.

        Raises Absent and Unavailable if something could not be fetched, Malformed and Unverified if
        `seen` itself does not satisfy the policy.
        """
        return self.compare(seen, self._fetch.get(CHECKPOINT))

    def compare(self, seen: bytes | None, shown: bytes) -> Outcome:
        """Compare two notes, such as a member's and a witness's; see `latest`.

        Tiles are fetched to find whether the larger tree extends the smaller one.
        """
        before = None if seen is None else self._policy.open(seen)
        try:
            signed = self._policy.open(shown)
        except (Malformed, Unverified) as error:
            return Unproven(shown, str(error))
        if before is not None and signed.checkpoint.origin != before.checkpoint.origin:
            return Unproven(shown, f"this is another log, {signed.checkpoint.origin}")
        if before is not None and signed.checkpoint.size <= before.checkpoint.size:
            return self._behind(before, signed)
        try:
            return self._ahead(before, signed)
        except Damaged as error:
            return Unproven(shown, str(error))

    def entries(self, tree: Tree, start: int, end: int) -> Iterator[list[bytes]]:
        """Yield the entries [start, end) in order, up to 256 at a time, fetched in parallel.

        Each was hashed into the signed root before it is yielded. Raises as `Tree` does.
        """
        if not 0 <= start <= end <= tree.size:
            raise ValueError(f"a tree of {tree.size} does not have the entries {start} to {end}")
        with ThreadPoolExecutor(FETCHES, thread_name_prefix="bundles") as pool:
            waiting: deque[tuple[int, Future[list[bytes]]]] = deque()
            try:
                for index in range(start // WIDTH, -(-end // WIDTH)):
                    waiting.append((index, pool.submit(tree.bundle, index)))
                    if len(waiting) > FETCHES:
                        yield _cut(*waiting.popleft(), start, end)
                while waiting:
                    yield _cut(*waiting.popleft(), start, end)
            finally:
                for _, future in waiting:
                    future.cancel()

    def _ahead(self, before: SignedCheckpoint | None, signed: SignedCheckpoint) -> Outcome:
        tree = Tree(self._fetch, signed.checkpoint)
        if before is None:
            return Advanced(signed, tree)
        old = before.checkpoint
        if tree.root_at(old.size) != old.root:
            proof = tree.consistency(old.size)
            return Forked(Evidence(before.note, signed.note, old.size, proof))
        return Advanced(signed, tree)

    def _behind(self, before: SignedCheckpoint, signed: SignedCheckpoint) -> Outcome:
        old, new = before.checkpoint, signed.checkpoint
        if new == old:
            return Unchanged(signed)
        if new.size == old.size:
            return Forked(Evidence(before.note, signed.note, old.size, ()))
        try:
            # Possible only if the tiles of the larger tree are still served.
            tree = Tree(self._fetch, old)
            if tree.root_at(new.size) != new.root:
                proof = tree.consistency(new.size)
                return Forked(Evidence(signed.note, before.note, new.size, proof))
        except (Damaged, Absent):
            pass
        return RolledBack(before, signed)


def _cut(index: int, future: "Future[list[bytes]]", start: int, end: int) -> list[bytes]:
    first = index * WIDTH
    return future.result()[max(start - first, 0) : end - first]
