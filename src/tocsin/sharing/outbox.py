"""The outbox: statements that this node means to publish, stored before anything is sent."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from tocsin.entries.envelope import NONCE_BYTES
from tocsin.recording import shared
from tocsin.trust.rows import chunks


class State(StrEnum):
    """How far a statement is. Stored: never renamed."""

    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"


def intend_in(
    connection: Connection, exchange_id: int, payload: bytes, now: datetime, *, urgent: bool = False
) -> int:
    """Store a payload to be published, inside somebody's transaction; return its number.

    Its nonce is chosen here: however often it is sealed and sent, the commitment is the same, so
    the exchange knows it again and never takes it twice.
    """
    values = {
        "exchange_id": exchange_id,
        "payload": payload,
        "nonce": secrets.token_bytes(NONCE_BYTES),
        "urgent": urgent,
        "leaf": None,
        "state": State.WAITING.value,
        "entry": None,
        "code": "",
        "reason": "",
        "created_at": now,
        "done_at": None,
    }
    row = connection.execute(insert(shared.outbox).values(values).returning(shared.outbox.c.id))
    return int(row.scalar_one())


def blank_in(connection: Connection, exchange_id: int, entries: Sequence[int]) -> None:
    """Overwrite what was erased where it was ours: who said it has it here."""
    sent, blank = shared.outbox.c, {"payload": b"", "nonce": b""}
    for some in chunks(entries):
        here = (sent.exchange_id == exchange_id) & sent.entry.in_(some)
        connection.execute(update(shared.outbox).where(here).values(blank))


def waiting_in(connection: Connection) -> dict[int, int]:
    """Count the statements that are to be published, by exchange."""
    return _count(connection, shared.outbox.c.state == State.WAITING.value)


def refused_in(connection: Connection, since: datetime) -> dict[int, int]:
    """Count the statements that were refused since then, by exchange: nobody takes them back."""
    column = shared.outbox.c
    late = column.done_at >= since
    return _count(connection, (column.state == State.REFUSED.value) & late)


def _count(connection: Connection, which: ColumnElement[bool]) -> dict[int, int]:
    column = shared.outbox.c
    query = select(column.exchange_id, func.count()).where(which).group_by(column.exchange_id)
    return {row[0]: row[1] for row in connection.execute(query)}
