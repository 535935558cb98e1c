"""The outbox: statements that this node means to publish, stored before anything is sent."""

import secrets
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, insert

from tocsin.entries.envelope import NONCE_BYTES
from tocsin.recording import shared


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
