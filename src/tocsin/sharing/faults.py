"""Entries without effect: all counted, the first kept one by one, suspicious ones to be seen."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from tocsin.recording import shared
from tocsin.recording.bulk import insert_rows, stored_time
from tocsin.recording.events import Event, Tag
from tocsin.recording.store import record_in
from tocsin.sharing.replaying import Fault
from tocsin.sharing.settings import Followed
from tocsin.trust.rows import chunks

MAX_FAULTS = 1000
"""Faults of one exchange that are kept one by one; all are counted."""


def note_faults(
    connection: Connection, followed: Followed, found: Sequence[Fault], now: datetime
) -> None:
    """Note what was found in some entries, inside somebody's transaction."""
    if not found:
        return
    exchange, here = shared.exchanges.c, shared.exchanges.c.id == followed.id
    query = select(exchange.faults, exchange.suspect).where(here)
    counts, suspect = connection.execute(query).one()
    room = max(0, MAX_FAULTS - sum(counts.values()))
    for fault in found:
        counts[fault.code] = counts.get(fault.code, 0) + 1
    worst = next((one for one in found if one.suspicious), None)
    if worst is not None and not suspect:
        suspect = f"entry {worst.index}: {worst.reason}"
        body = {"entry": worst.index, "code": worst.code}
        record_in(connection, Event(now, Tag.EXCHANGE_SUSPECTED, "node", followed.name, body))
    values = {"faults": counts, "suspect": suspect}
    connection.execute(update(shared.exchanges).where(here).values(values))
    _keep(connection, followed, found[:room], now)


def _keep(
    connection: Connection, followed: Followed, found: Sequence[Fault], now: datetime
) -> None:
    kept = {one.index: one for one in found}
    column = shared.faults.c
    for some in chunks(list(kept)):
        at = (column.exchange_id == followed.id) & column.entry.in_(some)
        connection.execute(delete(shared.faults).where(at))
    columns = (column.exchange_id, column.entry, column.code, column.reason, column.at)
    at_stored = stored_time(now, connection.dialect)
    rows = [(followed.id, one.index, one.code, one.reason, at_stored) for one in kept.values()]
    insert_rows(connection, columns, rows)
    bodies = [{"entry": one.index, "code": one.code} for one in kept.values()]
    events = [Event(now, Tag.ENTRY_REFUSED, "node", followed.name, body) for body in bodies]
    record_in(connection, *events)
