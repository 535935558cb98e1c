"""Reading what happened: events in order, by page."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, select

from tocsin.errors import NotFound
from tocsin.model import Signal, SignalType
from tocsin.recording import tables
from tocsin.recording.events import Event, Tag
from tocsin.recording.store import Store


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event with its number, which grows in the order of recording."""

    id: int
    event: Event


class History:
    """The node's record. Thread-safe."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def page(
        self,
        *,
        after: int = 0,
        limit: int = 100,
        tags: Sequence[Tag] = (),
        subject: str = "",
    ) -> list[Recorded]:
        """Return events numbered above `after`, oldest first. Raises Unavailable."""
        columns = tables.events.c
        query = select(tables.events).where(columns.id > after).order_by(columns.id).limit(limit)
        if tags:
            query = query.where(columns.tag.in_([tag.value for tag in tags]))
        if subject:
            query = query.where(columns.subject == subject)
        with self._store.read() as connection:
            return [_recorded(row) for row in connection.execute(query)]

    def screening(self, upload_id: str) -> Recorded:
        """Return the screening of an upload, as recorded. Raises NotFound, Unavailable.

        The `signal` of a hit is what stands in the list under its number, "" where that was erased;
        early records hold it themselves.
        """
        found = self.page(subject=upload_id, tags=(Tag.SCREENED,), limit=1)
        if not found:
            raise NotFound(f"there is no screening {upload_id[:40]}")
        (recorded,) = found
        hits = recorded.event.body["hits"]
        texts = self._signals({hit["signal_id"] for hit in hits if "signal_id" in hit})
        named = [{"signal": texts.get(hit.get("signal_id"), "")} | hit for hit in hits]
        return replace(
            recorded, event=replace(recorded.event, body=recorded.event.body | {"hits": named})
        )

    def _signals(self, ids: Collection[int]) -> dict[int | None, str]:
        signal = tables.signals.c
        query = select(signal.id, signal.type, signal.value).where(signal.id.in_(ids))
        with self._store.read() as connection:
            return {
                row.id: Signal(SignalType(row.type), row.value).text if row.value else ""
                for row in connection.execute(query)
            }


def _recorded(row: Row[Any]) -> Recorded:
    return Recorded(row.id, Event(row.at, Tag(row.tag), row.actor, row.subject, row.body))
