"""Screenings as they are stored: one event, the privacy-minimised hashes, and the intents.

All of it is written in one transaction, before anything is done about the upload. Which items the
verdict rests on is kept too, so that a correction of one finds every decision to be reopened.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, insert

from tocsin.model import Action, Hit, Screening, SeenView, SignalType
from tocsin.recording import tables
from tocsin.recording.actions import intend_in
from tocsin.recording.events import Event, Tag
from tocsin.recording.store import NewRow, Store, event_row

_TYPES = tuple(SignalType)
"""Seen views store a type as its place in this tuple: types are added at the end, never moved."""


def record(
    store: Store,
    screening: Screening,
    actions: Sequence[Action],
    *,
    actor: str,
    keep_seen: bool,
    keep_name: bool,
    tag: Tag = Tag.SCREENED,
) -> "Future[None]":
    """Store a screening; the future ends when it is durable. Raises Unavailable.

    `keep_seen` also keeps the upload's hashes for look-back, `keep_name` the platform's name of it.
    """
    happened = Event(screening.at, tag, actor, screening.upload.id, body(screening, keep_name))
    rows = [event_row(happened), *sightings(screening)]
    if keep_seen and screening.views:
        rows.append((tables.seen, _seen(screening)))
    if not actions:
        return store.insert(rows)

    def job(connection: Connection) -> None:
        for table, values in rows:
            connection.execute(insert(table).values(values))
        intend_in(connection, actions, screening.at)

    return store.write(job)


def sightings(screening: Screening) -> list[NewRow]:
    """Return the rows that say in which items' favour the verdict was, and which lay in shadow."""
    judgement = screening.judgement
    return [
        (
            tables.sightings,
            {
                "item_id": item_id,
                "upload_id": screening.upload.id,
                "at": screening.at,
                "acted": acted,
                "reopened": False,
            },
        )
        for acted, items in ((True, judgement.rests_on), (False, judgement.in_shadow))
        for item_id in items
    ]


def body(screening: Screening, keep_name: bool) -> dict[str, Any]:
    """Return what is stored of a screening: enough to replay the verdict, no content."""
    judgement = screening.judgement
    fields: dict[str, Any] = {
        "kind": screening.upload.kind.value,
        "verdict": judgement.verdict.value,
        "reasons": [
            {"code": reason.code, "text": reason.text, "list": reason.list}
            for reason in judgement.reasons
        ],
        "hits": [_kept(hit) for hit in screening.hits],
        "draw": judgement.draw,
        "revision": screening.revision,
        "views": len(screening.views),
        "territory": screening.upload.territory,
        "format": screening.format,
    }
    return fields | ({"name": screening.upload.name} if keep_name else {})


def _kept(hit: Hit) -> dict[str, Any]:
    """Return a hit for the record: it names its signal, for a copy would outlive an erasure."""
    fields = hit_fields(hit)
    return {"signal_id": hit.signal_id} | {
        name: fields[name] for name in fields if name != "signal"
    }


def hit_fields(hit: Hit) -> dict[str, Any]:
    """Return a hit in the fields of the API and the command line alike."""
    return {
        "signal": hit.signal.text,
        "type": hit.signal.type.value,
        "item": hit.item_id,
        "list": hit.rule.name,
        "distance": hit.distance,
        "view": hit.view,
        "quality": hit.quality,
        "labels": list(hit.labels),
        "expires_at": hit.expires_at.isoformat() if hit.expires_at else None,
        "stage": hit.stage.value,
        "disputed": hit.disputed,
    }


def seen_views(row: Row[Any]) -> tuple[SeenView, ...]:
    """Read the views of a row of `seen`."""
    codes = np.frombuffer(row.codes, np.uint8).reshape(-1, 32)
    return tuple(
        SeenView(name, _TYPES[number], code.tobytes(), quality)
        for code, (name, number, quality) in zip(codes, row.views, strict=True)
    )


def _seen(screening: Screening) -> dict[str, Any]:
    return {
        "upload_id": screening.upload.id,
        "at": screening.at,
        "revision": screening.revision,
        "codes": b"".join(view.code for view in screening.views),
        "views": [[view.name, _TYPES.index(view.type), view.quality] for view in screening.views],
    }
