"""The indices that search the lists: one for each list and signal type, following the database.

The database is the truth. Before each search the node compares one number, the revision; when it
moved, the rows changed since are read and applied. So a signal is matchable the moment its add is
answered, in every process, without a polling interval and without a rebuild.
"""

import shutil
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from tocsin.closing import Closing
from tocsin.lists.rules import Rules
from tocsin.matching.index import Index, Matches
from tocsin.model import CODE_BYTES, PDQ_RADIUS, Codes, ListRule, Signal, SignalType
from tocsin.recording import tables
from tocsin.recording.store import Store

MERGE_PAUSE_S = 0.5
"""How long the merge thread rests between two looks at the indices."""

ERASING_REST = 20
"""How many times as long as a merge for erased codes took the next one waits."""

_SIGNAL = tables.signals.c
COLUMNS = (_SIGNAL.id, _SIGNAL.list_id, _SIGNAL.type, _SIGNAL.value, _SIGNAL.removed)
"""What an index needs of a signal."""

_Key = tuple[int, SignalType]


class Indices(Closing):
    """Every index of this node. Thread-safe; `merge=True` also merges in the background."""

    def __init__(self, store: Store, rules: Rules, folder: Path, *, merge: bool) -> None:
        self._store = store
        self._rules_of = rules
        self._folder = folder / store.id
        self._merges = merge
        self._lock = threading.Lock()
        self._open: dict[_Key, Index] = {}
        self._rules: tuple[ListRule, ...] = ()
        self._revision = -1
        self._rested_at = 0.0
        self._closing = threading.Event()
        self.damage: tuple[str, ...] = ()
        self.refresh()
        self._merger = threading.Thread(target=self._merge_forever, name="merge", daemon=True)
        if merge:
            self._merger.start()

    @property
    def rules(self) -> tuple[ListRule, ...]:
        """The lists as of the last refresh, by name."""
        return self._rules

    def refresh(self) -> int:
        """Apply what changed in the database; return the revision reached. Raises Unavailable."""
        if self._store.revision() == self._revision:
            return self._revision
        with self._lock:
            return self._catch_up()

    def search(self, rule: ListRule, type: SignalType, codes: Codes) -> Matches:
        """Find every signal of a list within its radius of each code (shape (n, 32), uint8)."""
        index = self._open.get((rule.id, type))
        if index is None:
            nothing = np.empty(0)
            return Matches(
                nothing.astype(np.int32), nothing.astype(np.int64), nothing.astype(np.int16)
            )
        return index.search(codes, radius=rule.radius if type.perceptual else 0)

    def has(self, rule: ListRule, type: SignalType) -> bool:
        """Whether a list has ever had signals of this type."""
        return (rule.id, type) in self._open

    def sizes(self) -> dict[str, int]:
        """Count the signals in memory, by list and type ("list/pdq")."""
        names = {rule.id: rule.name for rule in self._rules}
        return {
            f"{names[list_id]}/{type_}": len(index)
            for (list_id, type_), index in self._open.items()
            if list_id in names
        }

    def merge(self) -> None:
        """Fold every tail that is long enough into a segment file; take erased codes off the disk.

        The latter writes a large segment anew for a single row, so it rests in proportion.
        """
        for index in list(self._open.values()):
            began = time.monotonic()
            if index.needs_merge:
                index.merge()
            elif index.erasing and began >= self._rested_at:
                index.merge()
                ended = time.monotonic()
                self._rested_at = ended + ERASING_REST * (ended - began)

    def close(self) -> None:
        """Stop merging and let go of the files. What was not merged is in the database."""
        self._closing.set()
        if self._merger.is_alive():
            self._merger.join()
        with self._lock:
            for index in self._open.values():
                index.close()
            self._open.clear()

    def _catch_up(self) -> int:
        target = self._store.revision()
        rules = self._rules_of.all()
        with self._store.read() as connection:
            if self._revision < 0:
                self._open_all(connection, rules, target)
            else:
                signal = tables.signals.c
                later = (signal.revision > self._revision) & (signal.revision <= target)
                query = select(*COLUMNS).where(later).order_by(signal.id)
                self._apply(connection.execute(query), target)
        self._rules = rules
        self._revision = target
        return target

    def _open_all(self, connection: Connection, rules: tuple[ListRule, ...], target: int) -> None:
        """Open what is on disk, drop what belongs to no list, and add what is newer."""
        signal = tables.signals.c
        for rule in rules:
            types = connection.execute(
                select(signal.type).where(signal.list_id == rule.id).distinct()
            ).scalars()
            for type_ in [SignalType(one) for one in types]:
                index = self._index((rule.id, type_), target)
                query = select(*COLUMNS).where(
                    signal.list_id == rule.id,
                    signal.type == type_.value,
                    signal.revision > index.persisted_revision,
                    signal.revision <= target,
                )
                found = connection.execution_options(yield_per=10_000).execute(query)
                self._apply(found, target)
        self._drop_strangers({str(rule.id) for rule in rules})

    def _apply(self, rows: Iterable[Sequence[Any]], target: int) -> None:
        for key, change in grouped(rows).items():
            self._index(key, target).apply(revision=target, **change)

    def _index(self, key: _Key, target: int) -> Index:
        if key not in self._open:
            list_id, type_ = key
            folder = self._folder / str(list_id) / type_.value
            index = self._open_index(folder, type_)
            if index.persisted_revision > target:
                # The database was restored from a backup: what the index knows never happened.
                index.close()
                shutil.rmtree(folder)
                index = self._open_index(folder, type_)
            self.damage += tuple(f"{list_id}/{type_}: {one}" for one in index.damage)
            self._open = {**self._open, key: index}  # Searches read the old one undisturbed.
        return self._open[key]

    def _open_index(self, folder: Path, type_: SignalType) -> Index:
        radius = PDQ_RADIUS if type_.perceptual else 0
        return Index.open(folder, radius=radius, writer=self._merges)

    def _drop_strangers(self, known: set[str]) -> None:
        if not self._merges or not self._folder.exists():
            return
        for folder in self._folder.iterdir():
            if folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)

    def _merge_forever(self) -> None:
        while not self._closing.wait(MERGE_PAUSE_S):
            self.merge()


class Change(TypedDict):
    """What changed in one index, as `Index.apply` takes it."""

    keys: NDArray[np.int64]
    codes: Codes
    removed: NDArray[np.int64]
    erased: NDArray[np.int64]


def grouped(rows: Iterable[Sequence[Any]]) -> dict[_Key, Change]:
    """Sort rows of `COLUMNS` by list and type: what to add, to remove and to erase."""
    added: dict[tuple[int, str], list[tuple[int, bytes]]] = {}
    removed: dict[tuple[int, str], list[tuple[int, bytes]]] = {}
    for number, list_id, type_, value, gone in rows:
        key = (list_id, type_)
        if key not in added:
            added[key] = []
            removed[key] = []
        if gone:
            removed[key].append((number, value))
        else:
            added[key].append((number, value))
    return {
        (list_id, SignalType(type_)): Change(
            keys=_numbers(number for number, _ in pairs),
            codes=_codes(SignalType(type_), [value for _, value in pairs]),
            removed=_numbers(number for number, _ in removed[list_id, type_]),
            # Whoever erases an item overwrites what its signals were.
            erased=_numbers(number for number, value in removed[list_id, type_] if not value),
        )
        for (list_id, type_), pairs in added.items()
    }


def _numbers(values: Iterable[int]) -> NDArray[np.int64]:
    return np.array(list(values), dtype=np.int64)


def _codes(type_: SignalType, values: list[bytes]) -> Codes:
    # A hash that has the length of a code is its own code: nearly all, and millions at a time.
    whole = type_ is not SignalType.URL and all(len(one) == CODE_BYTES for one in values)
    codes = values if whole else [Signal(type_, one).code for one in values]
    return np.frombuffer(b"".join(codes), dtype=np.uint8).reshape(-1, CODE_BYTES)
