"""From views to hits: search every list in force, then ask the database what was found.

A hit is answered only if its signal and item are on the list at this moment, so disabling,
removing and expiring act at once whatever the indices still hold.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import numpy as np
from sqlalchemy import Row, select

from tocsin.errors import NotFound
from tocsin.matching.index import Matches
from tocsin.model import (
    PDQ_QUALITY_FLOOR,
    Codes,
    Hit,
    ListKind,
    ListRule,
    SeenView,
    Signal,
    SignalType,
    Stage,
    View,
)
from tocsin.recording import tables
from tocsin.recording.store import Store

MAX_HITS = 1000
"""Most hits answered for one upload, nearest first: a verdict needs few, a crowd helps nobody."""

MAX_LOOKED_UP = 10 * MAX_HITS
"""Most signals looked up in the database for one upload: a crowd in shadow, which anybody may put
near a listed picture, must not push the listed one out of the answer."""

_CHUNK = 400

AnyView = View | SeenView


@dataclass(frozen=True, slots=True)
class Recognised:
    """The hits of one upload at a revision.

    `low_quality` is the best PDQ quality, where views were too poor for every list; else None.
    """

    hits: tuple[Hit, ...]
    revision: int
    low_quality: int | None = None


@dataclass(slots=True)
class _Nearest:
    """The nearest view of each signal found so far, for one upload."""

    found: dict[int, tuple[int, int, ListRule]] = field(default_factory=dict)

    def offer(self, signal_id: int, distance: int, view: int, rule: ListRule) -> None:
        known = self.found.get(signal_id)
        if known is None or (distance, view) < known[:2]:
            self.found[signal_id] = (distance, view, rule)

    def kept(self) -> dict[int, tuple[int, int, ListRule]]:
        ranked = sorted(self.found.items(), key=lambda pair: (pair[1][0], pair[0]))
        return dict(ranked[:MAX_LOOKED_UP])


class Searchable(Protocol):
    """What a recogniser searches: `Indices`, or the newest signals alone in a look-back."""

    @property
    def rules(self) -> tuple[ListRule, ...]:
        """The lists as of the last refresh."""
        ...

    def refresh(self) -> int:
        """Bring everything up to date; return the revision."""
        ...

    def has(self, rule: ListRule, type: SignalType) -> bool:
        """Whether there is anything to search."""
        ...

    def search(self, rule: ListRule, type: SignalType, codes: Codes) -> Matches:
        """Find every signal of a list within its radius of each code."""
        ...


class Recogniser:
    """Finds known items. Thread-safe."""

    def __init__(self, store: Store, indices: Searchable, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._indices = indices
        self._clock = clock

    def recognise(self, views: Sequence[AnyView], only: Sequence[str] = ()) -> Recognised:
        """Recognise one upload by its views. See `recognise_many`."""
        return self.recognise_many([views], only)[0]

    def recognise_many(
        self, uploads: Sequence[Sequence[AnyView]], only: Sequence[str] = ()
    ) -> list[Recognised]:
        """Recognise several uploads in one pass over the lists, answers in the same order.

        `only` names the block lists to search, all when empty; allow lists are always searched.
        Raises NotFound for an unknown list, Unavailable.
        """
        revision = self._indices.refresh()
        rules = _selected(self._indices.rules, only)
        nearest = [_Nearest() for _ in uploads]
        for type_ in SignalType:
            places = [
                (upload, view)
                for upload, views in enumerate(uploads)
                for view, one in enumerate(views)
                if one.type is type_
            ]
            if places:
                self._search(uploads, places, type_, rules, nearest)
        floor = min((rule.quality_floor for rule in rules), default=PDQ_QUALITY_FLOOR)
        return [
            Recognised(hits, revision, _too_poor(views, floor))
            for views, hits in zip(uploads, self._resolve(uploads, nearest), strict=True)
        ]

    def _search(
        self,
        uploads: Sequence[Sequence[AnyView]],
        places: list[tuple[int, int]],
        type_: SignalType,
        rules: Sequence[ListRule],
        nearest: list[_Nearest],
    ) -> None:
        views = [uploads[upload][view] for upload, view in places]
        codes = np.frombuffer(b"".join(one.code for one in views), np.uint8).reshape(-1, 32)
        qualities = np.array([100 if one.quality is None else one.quality for one in views])
        for rule in rules:
            if not self._indices.has(rule, type_):
                continue
            floor = rule.quality_floor if type_.perceptual else 0
            fit = np.flatnonzero(qualities >= floor)
            if not len(fit):
                continue
            matches = self._indices.search(rule, type_, codes[fit])
            for query, key, distance in zip(
                matches.query.tolist(),
                matches.key.tolist(),
                matches.distance.tolist(),
                strict=True,
            ):
                upload, view = places[fit[query]]
                nearest[upload].offer(key, distance, view, rule)

    def _resolve(
        self, uploads: Sequence[Sequence[AnyView]], nearest: list[_Nearest]
    ) -> list[tuple[Hit, ...]]:
        kept = [one.kept() for one in nearest]
        rows = self._read({signal_id for one in kept for signal_id in one})
        now = self._clock()
        answers = []
        for views, found in zip(uploads, kept, strict=True):
            hits = [
                _hit(rows[signal_id], distance, views[view], rule)
                for signal_id, (distance, view, rule) in found.items()
                if signal_id in rows and _counts(rows[signal_id], now)
            ]
            hits.sort(key=_order)
            answers.append(tuple(hits[:MAX_HITS]))
        return answers

    def _read(self, ids: set[int]) -> dict[int, Row[tuple[object, ...]]]:
        if not ids:
            return {}
        signal, item = tables.signals.c, tables.items.c
        query = select(
            signal.id,
            signal.item_id,
            signal.type,
            signal.value,
            signal.quality,
            signal.revision,
            item.labels,
            item.enabled,
            item.active_from,
            item.expires_at,
            item.stage,
            item.disputed,
            item.issuer,
        ).join_from(tables.signals, tables.items, signal.item_id == item.id)
        wanted = sorted(ids)
        rows: dict[int, Row[tuple[object, ...]]] = {}
        with self._store.read() as connection:
            for start in range(0, len(wanted), _CHUNK):
                where = signal.id.in_(wanted[start : start + _CHUNK]) & signal.removed.is_(False)
                rows.update({row.id: row for row in connection.execute(query.where(where))})
        return rows


def _selected(rules: Sequence[ListRule], only: Sequence[str]) -> list[ListRule]:
    unknown = set(only) - {rule.name for rule in rules}
    if unknown:
        raise NotFound(f"there is no list {', '.join(sorted(unknown))[:200]}")
    return [
        rule
        for rule in rules
        if rule.enabled and (not only or rule.name in only or rule.kind is ListKind.ALLOW)
    ]


def _too_poor(views: Sequence[AnyView], floor: int) -> int | None:
    """Return the best PDQ quality among the views if it lies below the floor."""
    known = [one.quality for one in views if one.type.perceptual and one.quality is not None]
    best = max(known, default=floor)
    return best if best < floor else None


def _counts(row: Row[tuple[object, ...]], now: datetime) -> bool:
    return (
        row.enabled
        and (row.active_from is None or row.active_from <= now)
        and (row.expires_at is None or row.expires_at > now)
    )


def _hit(row: Row[tuple[object, ...]], distance: int, view: AnyView, rule: ListRule) -> Hit:
    return Hit(
        signal=Signal(SignalType(row.type), row.value, row.quality),
        signal_id=row.id,
        item_id=row.item_id,
        rule=rule,
        distance=distance,
        view=view.name,
        quality=view.quality,
        labels=tuple(dict.fromkeys([*row.labels, *rule.labels])),
        expires_at=row.expires_at,
        revision=row.revision,
        stage=Stage(row.stage),
        disputed=row.disputed,
        issuer=row.issuer,
    )


def _order(hit: Hit) -> tuple[bool, int, bool, str, int]:
    """Put what can act before what cannot, then the nearest first."""
    shadow = hit.stage is Stage.SHADOW
    return shadow, hit.distance, hit.signal.type.perceptual, hit.rule.name, hit.signal_id
