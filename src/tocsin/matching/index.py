"""The exact radius index: one folder, the codes of one signal type of one list.

It finds every code within a radius, always: there is no approximate mode. What was added is found
by the very next search. The database is the truth; the index can be lost and is then filled anew.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tocsin.errors import InvalidInput
from tocsin.matching.building import Rows
from tocsin.matching.folder import Contents, Folder
from tocsin.matching.folding import chosen, crowded
from tocsin.matching.hamming import MOST_QUERIES
from tocsin.matching.part import Part
from tocsin.matching.segment import Segment
from tocsin.matching.tail import Tail
from tocsin.model import CODE_BYTES, Codes

_MERGE_ROWS = 8192
"""Rows added or removed since the last merge that ask for the next: a tail scanned in 3 µs."""

_FEW_CHANGES = 8
"""Changes that a merge may catch up with while it holds the lock."""

_NO_KEYS = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Matches:
    """What was found, one per element: sorted by query, then distance, then key.

    `query` is the number of the code that was searched for, `key` the database's id of the code
    that was found, `distance` in bits.
    """

    query: NDArray[np.int32]
    key: NDArray[np.int64]
    distance: NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Stats:
    """How an index stands. `mapped_bytes` are shared by all processes, `own_bytes` are not.

    `signals` counts what can be found, `tombstones` the dead rows that a merge will drop, `tail`
    the rows that are in no segment yet.
    """

    signals: int
    segments: int
    tail: int
    tombstones: int
    mapped_bytes: int
    own_bytes: int
    persisted_revision: int


@dataclass(frozen=True, slots=True)
class _Change:
    """One call of `apply`, kept until a merge has put it into segments."""

    revision: int
    keys: NDArray[np.int64]
    codes: Codes
    removed: NDArray[np.int64]
    erased: NDArray[np.int64]

    @property
    def rows(self) -> int:
        return self.keys.size + self.removed.size


@dataclass(frozen=True, slots=True)
class _State:
    """All that a search looks at, exchanged as a whole."""

    revision: int
    segments: tuple[Segment, ...]
    tail: Tail

    @property
    def parts(self) -> tuple[Segment | Tail, ...]:
        return (*self.segments, self.tail) if len(self.tail) else self.segments


class Index:
    """Searches may run in any thread at any time and never wait; changes and merges exclude.

    `_state` is replaced, never changed, apart from the marks of dead rows. `_changes` are those
    after `persisted_revision`, in order. Both belong to `_lock`. `_merging` is held by a merge.
    """

    def __init__(self, folder: Folder, *, radius: int) -> None:
        self._folder = folder
        self._radius = radius
        self._lock = threading.Lock()
        self._merging = threading.Lock()
        self._changes: list[_Change] = []
        self._unmerged = 0
        contents = folder.load({})
        self.damage = contents.damage
        self.persisted_revision = contents.revision
        self._state = _opened(contents)

    @classmethod
    def open(cls, folder: Path, *, radius: int, writer: bool) -> "Index":
        """Open an index, or begin one, laid out for a radius in bits: 0 where only equality counts.

        Everything on the disk is checked first. What is damaged is set aside and named in `damage`;
        the index is then empty at revision 0, for its owner to fill again from the database. One
        process at a time is the writer; the next that asks becomes a reader. Raises Unavailable.
        """
        return cls(Folder(folder, writer=writer), radius=radius)

    def close(self) -> None:
        """Let another process be the writer. Searches that run may finish."""
        self._folder.close()

    def __len__(self) -> int:
        """How many signals can be found."""
        return sum(part.living for part in self._state.parts)

    @property
    def writer(self) -> bool:
        """Whether this process may merge."""
        return self._folder.writer

    @property
    def revision(self) -> int:
        """Every change up to this one is in effect."""
        return self._state.revision

    def apply(
        self,
        *,
        revision: int,
        keys: NDArray[np.int64],
        codes: Codes,
        removed: NDArray[np.int64],
        erased: NDArray[np.int64] = _NO_KEYS,
    ) -> None:
        """Add and remove; on return the added are found and the removed are not.

        The codes of those in `removed` that are `erased` as well leave the disk with the next merge
        (see `erasing`), those of the others when a merge comes by.

        All changes up to `revision` come in this call; at a revision that is in already it does
        nothing. A key that is there already is left as it is. A key in both arrays is removed.
        Kept in memory: after a restart apply again what came after `persisted_revision`. Raises
        InvalidInput.
        """
        change = _checked_change(revision, keys, codes, removed, erased)
        with self._lock:
            if revision > self._state.revision:
                self._state = _applied(self._state, [change])
                self._changes.append(change)
                self._unmerged += change.rows

    def search(self, codes: Codes, *, radius: int) -> Matches:
        """Every code within the radius (0 to 256 bits) of each of these, exactly.

        `codes` is uint8, (n, 32), C-contiguous. Raises InvalidInput, or Damaged when a segment
        proves to be damaged after all.
        """
        _check_codes(codes)
        if not 0 <= radius <= 8 * CODE_BYTES:
            raise InvalidInput(f"a radius lies between 0 and {8 * CODE_BYTES}, not {radius}")
        if len(codes) > MOST_QUERIES:
            raise InvalidInput(f"at most {MOST_QUERIES} codes can be searched for at once")
        found = [part.search(codes, radius) for part in self._state.parts]
        return _matches([each for each in found if len(each)])

    @property
    def needs_merge(self) -> bool:
        """Whether it is time to call `merge`."""
        due = self._unmerged >= _MERGE_ROWS or any(map(crowded, self._state.segments))
        return self.writer and due

    @property
    def erasing(self) -> bool:
        """Whether codes were erased that only a merge takes off the disk."""
        return self.writer and any(change.erased.size for change in self._changes)

    def merge(self) -> bool:
        """Write what is only in memory into a segment, with the segments worth folding into it.

        Searches and changes go on meanwhile. Killed at any instruction, the next start finds all
        from before or all from after. False where there was nothing to do, another merge runs, or
        this process is not the writer. Raises Unavailable; then everything is as it was.
        """
        if not self.writer or not self._merging.acquire(blocking=False):
            return False
        try:
            return self._merge()
        finally:
            self._merging.release()

    def refresh(self) -> None:
        """In a reader: take over what the writer has merged since. Raises Unavailable."""
        if self.writer:
            return
        with self._merging:
            known = {int(segment.path.stem): segment for segment in self._state.segments}
            contents = self._folder.load(known)
            self.damage = contents.damage
            if contents.revision > self.persisted_revision:
                with self._lock:
                    state = _opened(contents)
                self._take_over(state)

    def stats(self) -> Stats:
        """How the index stands now."""
        state = self._state
        dead = sum(len(segment.dead) for segment in state.segments if segment.buried)
        waiting = sum(change.codes.nbytes + change.keys.nbytes for change in self._changes)
        return Stats(
            signals=sum(part.living for part in state.parts),
            segments=len(state.segments),
            tail=len(state.tail),
            tombstones=sum(part.buried for part in state.parts),
            mapped_bytes=sum(segment.header.length for segment in state.segments),
            own_bytes=state.tail.nbytes + dead + waiting,
            persisted_revision=self.persisted_revision,
        )

    def _merge(self) -> bool:
        # Rows may die while this runs, at revisions after the state's. To drop such a row early is
        # harmless: whoever starts from this manifest applies its removal, or its return, again.
        with self._lock:
            state, changes = self._state, tuple(self._changes)
        # Codes are erased before the revision that says so is persisted: later nobody would ask.
        gone = np.concatenate((_NO_KEYS, *(change.erased for change in changes)))
        due = [segment for segment in state.segments if segment.holds(gone)]
        folded = chosen(state.segments, state.tail.living, due=due)
        if state.revision == self.persisted_revision and not folded:
            return False
        parts: tuple[Part, ...] = (*folded, state.tail)
        sources = [_surviving(part) for part in parts]
        segments = [segment for segment in state.segments if segment not in folded]
        if any(source.keys.size for source in sources):
            segments.append(self._folder.write_segment(sources, radius=self._radius))
        marks = {segment: segment.marked() for segment in segments}
        self._folder.publish(state.revision, marks)
        self._take_over(_State(state.revision, tuple(segments), Tail()))
        return True

    def _take_over(self, state: _State) -> None:
        """Bring a state that is on the disk up to date, then let it be the one that is searched."""
        persisted, done = state.revision, 0
        while True:
            with self._lock:
                later = [change for change in self._changes if change.revision > persisted]
                if len(later) - done <= _FEW_CHANGES:
                    self._state = _applied(state, later[done:])
                    self._changes = later
                    self._unmerged = sum(change.rows for change in later)
                    self.persisted_revision = persisted
                    return
            state = _applied(state, later[done:])
            done = len(later)


def _opened(contents: Contents) -> _State:
    """The state of what a folder holds. Marks the dead rows of its segments."""
    for segment, bits in contents.segments.items():
        segment.bury_marked(bits)
    return _State(contents.revision, tuple(contents.segments), Tail())


def _checked_change(
    revision: int,
    keys: NDArray[np.int64],
    codes: Codes,
    removed: NDArray[np.int64],
    erased: NDArray[np.int64],
) -> _Change:
    """The arguments of `apply` with copies of the arrays, which stay the caller's."""
    _check_codes(codes)
    for name, values in (("keys", keys), ("removed", removed), ("erased", erased)):
        if values.ndim != 1 or values.dtype != np.int64 or values.min(initial=0) < 0:
            raise InvalidInput(f"{name} must be a row of int64 numbers that are not negative")
    if keys.size != len(codes):
        raise InvalidInput(f"{keys.size} keys for {len(codes)} codes")
    if not np.isin(erased, removed).all():
        raise InvalidInput("only what is removed can be erased")
    return _Change(revision, keys.copy(), codes.copy(), removed.copy(), erased.copy())


def _check_codes(codes: Codes) -> None:
    if codes.dtype != np.uint8 or codes.ndim != 2 or codes.shape[1] != CODE_BYTES:
        raise InvalidInput(f"codes must be bytes in rows of {CODE_BYTES}")
    if not codes.flags.c_contiguous:
        raise InvalidInput("codes must lie one after the other in memory")


def _applied(state: _State, changes: Sequence[_Change]) -> _State:
    """The state after these changes. Marks of dead rows are set in place."""
    for change in changes:
        new = _absent(state, change.keys)
        tail = state.tail.extended(change.keys[new], change.codes[new])
        state = _State(change.revision, state.segments, tail)
        if change.removed.size:
            for part in state.parts:
                part.bury(change.removed)
    return state


def _absent(state: _State, keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where in `keys` those stand that have no row yet, each once."""
    highest = max((part.highest_key for part in state.parts), default=-1)
    if keys.size and keys[0] > highest and np.all(keys[:-1] < keys[1:]):
        return np.arange(keys.size)  # by far the most frequent case: the database counts upwards
    new = np.sort(np.unique(keys, return_index=True)[1])
    for part in state.parts:
        new = new[~part.rows_of(keys[new])[0]]
    return new


def _surviving(part: Part) -> Rows:
    """The rows that are not dead."""
    numbers = np.flatnonzero(~part.dead)
    return Rows(part.keys_of(numbers), numbers, part.codes)


def _matches(found: Sequence[NDArray[np.int64]]) -> Matches:
    """One answer, in order, out of what each part has found."""
    if not found:
        return _NOTHING
    every = np.concatenate(found) if len(found) > 1 else found[0]
    if len(every) > 1:
        every = every[np.lexsort((every[:, 2], every[:, 1], every[:, 0]))]
    query, distance, key = every[:, 0], every[:, 1], every[:, 2]
    return Matches(query.astype(np.int32), key.copy(), distance.astype(np.int16))


_NOTHING = Matches(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.int16))
