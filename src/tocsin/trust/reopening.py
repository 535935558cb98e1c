"""Reopening: what was decided because of an item is looked at again when the item proves wrong."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select, update

from tocsin.recording import tables
from tocsin.recording.events import Event, Tag
from tocsin.recording.store import record_in
from tocsin.trust.rows import chunks

CHUNK = 400
"""Decisions reopened in one transaction."""


def reopen_in(
    connection: Connection, item_id: int, *, until: datetime, because: str, now: datetime
) -> int:
    """Reopen some decisions that rested on an item up to a moment; return how many, 0 at the end.

    One event for each upload, once for each correction: what was reopened is marked in the same
    transaction, so a crash between two calls neither loses nor doubles one.
    """
    sighting = tables.sightings.c
    due = (
        (sighting.item_id == item_id)
        & sighting.acted.is_(True)
        & sighting.reopened.is_(False)
        & (sighting.at <= until)
    )
    uploads = connection.execute(
        select(sighting.upload_id).where(due).distinct().limit(CHUNK)
    ).scalars()
    found = list(uploads)
    body = {"item": item_id, "because": because}
    events = [Event(now, Tag.DECISION_REOPENED, "node", upload, body) for upload in found]
    record_in(connection, *events)
    if found:
        marked = update(tables.sightings).where(due, sighting.upload_id.in_(found))
        connection.execute(marked.values(reopened=True))
    return len(found)


def unfinished(
    connection: Connection, item_ids: Sequence[int] | None = None
) -> list[tuple[int, datetime, bool]]:
    """Return the corrected items, among these or all, with decisions that are to be reopened.

    Each with the moment of the correction and whether it was a retraction.
    """
    standing, sighting = tables.standings.c, tables.sightings.c
    waits = (
        select(sighting.id)
        .where(
            sighting.item_id == standing.item_id,
            sighting.acted.is_(True),
            sighting.reopened.is_(False),
            sighting.at <= standing.corrected_at,
        )
        .exists()
    )
    query = select(standing.item_id, standing.corrected_at, standing.retracted)
    query = query.where(standing.corrected_at.is_not(None), waits)
    if item_ids is None:
        rows = connection.execute(query).all()
    else:
        parts = [query.where(standing.item_id.in_(some)) for some in chunks(item_ids)]
        rows = [row for part in parts for row in connection.execute(part)]
    return [(row.item_id, row.corrected_at, row.retracted) for row in rows]
