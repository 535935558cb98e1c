"""A preview: what lists would have matched among the uploads of the past. Nothing acts on it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import func, select

from tocsin.lists.indices import Indices
from tocsin.lists.recognising import Recogniser
from tocsin.matching.index import Matches
from tocsin.model import Codes, ListRule, SeenView, SignalType
from tocsin.recording import screenings, tables
from tocsin.recording.store import Store

CHUNK = 2000
"""Uploads matched together."""

MOST_ITEMS = 20
"""Items named in a preview: those that would have matched most."""


@dataclass(frozen=True, slots=True)
class Preview:
    """How many of the uploads of some days lists would have matched.

    `items` holds the ids of the items that matched most, each with its number of uploads.
    """

    lists: tuple[str, ...]
    days: float
    uploads: int
    matched: int
    items: tuple[tuple[int, int], ...]


class Previewer:
    """Makes previews from the hashes that look-back keeps. Thread-safe."""

    def __init__(self, store: Store, indices: Indices, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._indices = indices
        self._clock = clock

    def preview(self, names: Sequence[str], *, days: float = 30) -> Preview:
        """Match past uploads against lists, whether or not they count. Raises Unavailable."""
        chosen = _Chosen(self._indices, frozenset(names))
        recogniser = Recogniser(self._store, chosen, self._clock)
        uploads = matched = 0
        found: dict[int, int] = {}
        for views in self._seen(days):
            uploads += len(views)
            for one in recogniser.recognise_many(views):
                items = {hit.item_id for hit in one.hits}
                matched += bool(items)
                for item in items:
                    found[item] = found.get(item, 0) + 1
        ranked = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
        return Preview(tuple(names), days, uploads, matched, tuple(ranked[:MOST_ITEMS]))

    def _seen(self, days: float) -> Iterator[list[Sequence[SeenView]]]:
        seen, since = tables.seen.c, self._clock() - timedelta(days=days)
        with self._store.read() as connection:
            first = connection.execute(select(func.min(seen.id)).where(seen.at >= since)).scalar()
        after = (first or 0) - 1
        while first is not None:
            query = select(tables.seen).where(seen.id > after).order_by(seen.id).limit(CHUNK)
            with self._store.read() as connection:
                rows = connection.execute(query).all()
            if not rows:
                return
            after = rows[-1].id
            yield [screenings.seen_views(row) for row in rows]


class _Chosen:
    """Some lists of the node, taken as if they counted; see `recognising.Searchable`."""

    def __init__(self, indices: Indices, names: frozenset[str]) -> None:
        self._indices = indices
        self._names = names

    @property
    def rules(self) -> tuple[ListRule, ...]:
        rules = (one for one in self._indices.rules if one.name in self._names)
        return tuple(replace(one, enabled=True) for one in rules)

    def refresh(self) -> int:
        return self._indices.refresh()

    def has(self, rule: ListRule, type: SignalType) -> bool:
        return self._indices.has(rule, type)

    def search(self, rule: ListRule, type: SignalType, codes: Codes) -> Matches:
        return self._indices.search(rule, type, codes)
