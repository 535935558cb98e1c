"""Trips of the breaker as they are stored and take effect, inside somebody else's transaction."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, insert, select, update

from tocsin.lists.items import place_in
from tocsin.model import Stage
from tocsin.recording import tables
from tocsin.recording.events import Event, Tag
from tocsin.recording.store import record_in
from tocsin.trust.breaker import Trip
from tocsin.trust.stages import DAY


def demote_in(connection: Connection, trip: Trip, now: datetime) -> bool:
    """Demote what tripped to advisory at once; False where a person has spared it.

    A flood of the past, found by a look-back, is spared by who cleared the item since. Where the
    items stand is noted by whoever places them next: they are made due. The same trip twice is
    stored once.
    """
    trips = tables.trips.c
    same = _of(trip.list_id, trip.item_id, trip.issuer)
    spared = select(trips.id).where(same, trips.cleared_at > trip.at - DAY)
    if connection.execute(spared).first() is not None:
        return False
    if connection.execute(select(trips.id).where(same, trips.cleared_at.is_(None))).first() is None:
        connection.execute(insert(tables.trips).values(_columns(trip, now, cleared_at=None)))
        record_in(connection, _event(connection, Tag.BREAKER_TRIPPED, trip, now, "node"))
    item, standing = tables.items.c, tables.standings.c
    these = item.list_id == trip.list_id
    these &= item.issuer == trip.issuer if trip.item_id is None else item.id == trip.item_id
    enforced = and_(these, item.stage == Stage.ENFORCED.value)
    due = standing.item_id.in_(select(item.id).where(enforced))
    connection.execute(update(tables.standings).where(due).values(due_at=now))
    connection.execute(update(tables.items).where(enforced).values(stage=Stage.ADVISORY.value))
    return True


def clear_in(connection: Connection, trip: Trip, now: datetime, *, actor: str) -> None:
    """Let act again what tripped, and spare it from now on for a while, tripped or not."""
    trips = tables.trips.c
    open_ = and_(_of(trip.list_id, trip.item_id, trip.issuer), trips.cleared_at.is_(None))
    cleared = connection.execute(update(tables.trips).where(open_).values(cleared_at=now)).rowcount
    if not cleared:
        connection.execute(insert(tables.trips).values(_columns(trip, now, cleared_at=now)))
    record_in(connection, _event(connection, Tag.BREAKER_CLEARED, trip, now, actor))
    item, standing = tables.items.c, tables.standings.c
    these = item.list_id == trip.list_id
    these &= item.issuer == trip.issuer if trip.item_id is None else item.id == trip.item_id
    staged = standing.item_id.in_(select(item.id).where(these))
    connection.execute(update(tables.standings).where(staged).values(due_at=now))
    if cleared and trip.item_id is not None and not trip.issuer:
        # Nobody asserted it but the operator: without the breaker it acts in full.
        disputed = connection.execute(select(item.disputed).where(item.id == trip.item_id)).scalar()
        place_in(connection, [trip.item_id], Stage.ENFORCED, disputed=bool(disputed))


def _of(list_id: int, item_id: int | None, issuer: str) -> ColumnElement[bool]:
    trips = tables.trips.c
    if item_id is not None:
        return trips.item_id == item_id
    return and_(trips.item_id.is_(None), trips.list_id == list_id, trips.issuer == issuer)


def _columns(trip: Trip, at: datetime, *, cleared_at: datetime | None) -> dict[str, object]:
    return {
        "item_id": trip.item_id,
        "list_id": trip.list_id,
        "issuer": trip.issuer,
        "matches": trip.matches,
        "at": at,
        "cleared_at": cleared_at,
    }


def _event(connection: Connection, tag: Tag, trip: Trip, at: datetime, actor: str) -> Event:
    lists = tables.lists.c
    name = connection.execute(select(lists.name).where(lists.id == trip.list_id)).scalar_one()
    subject = name if trip.item_id is None else f"{name}/{trip.item_id}"
    return Event(at, tag, actor, subject, {"issuer": trip.issuer, "matches": trip.matches})
