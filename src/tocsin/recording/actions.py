"""Actions as they are stored: intended, taken by one sender at a time, and what became of them.

    intended ──► sending ──► done
        ▲         │ ▲  └───► dead ──┐
        │         ▼ │               │
        │       failed              │
        └──────── retry ◄───────────┘

Every change is conditional on the state that was read. A row that stays in `sending` after
`next_at`, the end of its lease, was left by a process that died, and is due again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from tocsin.errors import Conflict, NotFound
from tocsin.model import Action
from tocsin.recording import tables
from tocsin.recording.events import Event, Tag
from tocsin.recording.store import record_in

MAX_OUTCOME_CHARS = 500

_TABLE = tables.actions
_INSERTS: dict[str, Callable[[Table], sqlite.Insert | postgresql.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


class ActionState(StrEnum):
    """Where an action stands. Stored: values may be added, never renamed."""

    INTENDED = "intended"
    SENDING = "sending"
    FAILED = "failed"
    DONE = "done"
    DEAD = "dead"


_DUE = (ActionState.INTENDED, ActionState.FAILED, ActionState.SENDING)
_RETRIABLE = (ActionState.DEAD, ActionState.FAILED)


@dataclass(frozen=True, slots=True)
class StoredAction:
    """An action with its state.

    `next_at`, aware UTC: when it is due; while it is being sent, when its lease ends; once it is
    done, when that was.
    """

    action: Action
    state: ActionState
    next_at: datetime
    outcome: str
    created_at: datetime


def intend_in(connection: Connection, actions: Sequence[Action], now: datetime) -> None:
    """Store actions about to be carried out, with an event each, inside somebody's transaction.

    An action whose id is stored already is left alone, so that a repetition does not double it.
    """
    add = _INSERTS[connection.dialect.name]
    for action in actions:
        values = {
            "id": action.id,
            "upload_id": action.upload_id,
            "connector": action.connector,
            "body": action.body,
            "state": ActionState.INTENDED,
            "attempts": 0,
            "next_at": now,
            "outcome": "",
            "created_at": now,
        }
        insert = add(_TABLE).values(values).on_conflict_do_nothing().returning(_TABLE.c.id)
        if connection.execute(insert).first() is not None:
            record_in(connection, _event(Tag.ACTION_INTENDED, "node", action, now))


def any_due(connection: Connection, now: datetime) -> bool:
    """Whether there is something to do: a look that takes no lock."""
    return connection.execute(_due(now).limit(1)).first() is not None


def take_in(connection: Connection, now: datetime, lease_end: datetime) -> tuple[StoredAction, ...]:
    """Take the longest due action for sending until `lease_end`; empty when nothing is due.

    The attempt is counted here and not afterwards, so that an action which kills its sender
    cannot be tried for ever.
    """
    # Where several processes look at once, each skips the rows that another is taking.
    query = _due(now).order_by(_TABLE.c.next_at, _TABLE.c.id).limit(1)
    row = connection.execute(query.with_for_update(skip_locked=True)).one_or_none()
    if row is None:
        return ()
    taken = connection.execute(
        update(_TABLE)
        .where(_TABLE.c.id == row.id, _TABLE.c.state == row.state, _TABLE.c.next_at == row.next_at)
        .values(state=ActionState.SENDING, attempts=row.attempts + 1, next_at=lease_end)
        .returning(*_TABLE.c)
    ).all()
    return tuple(_stored(one) for one in taken)


def settle_in(
    connection: Connection,
    taken: StoredAction,
    state: ActionState,
    *,
    now: datetime,
    next_at: datetime,
    outcome: str,
) -> bool:
    """Store what became of a taken action. False when its lease ran out and another took it."""
    text = outcome.replace("\0", "")[:MAX_OUTCOME_CHARS]
    changed = connection.execute(
        update(_TABLE)
        .where(
            _TABLE.c.id == taken.action.id,
            _TABLE.c.state == ActionState.SENDING,
            _TABLE.c.next_at == taken.next_at,
        )
        .values(state=state, next_at=next_at, outcome=text)
    )
    if changed.rowcount != 1:
        return False
    tag = Tag.ACTION_DONE if state is ActionState.DONE else Tag.ACTION_FAILED
    more = {"attempts": taken.action.attempts, "outcome": text, "state": state.value}
    record_in(connection, _event(tag, "node", taken.action, now, more))
    return True


def retry_in(connection: Connection, action_id: str, now: datetime, actor: str) -> StoredAction:
    """Put a dead or failed action back, with all its attempts before it.

    Raises NotFound, and Conflict when it is under way or done.
    """
    changed = connection.execute(
        update(_TABLE)
        .where(_TABLE.c.id == action_id, _TABLE.c.state.in_(_RETRIABLE))
        .values(state=ActionState.INTENDED, attempts=0, next_at=now)
    )
    stored = read(connection, action_id)
    if changed.rowcount != 1:
        raise Conflict(f"action {action_id} is {stored.state}, which cannot be retried")
    record_in(connection, _event(Tag.ACTION_RETRIED, actor, stored.action, now))
    return stored


def read(connection: Connection, action_id: str) -> StoredAction:
    """Read one action. Raises NotFound."""
    row = connection.execute(select(_TABLE).where(_TABLE.c.id == action_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no action {action_id[:80]!r}")
    return _stored(row)


def read_dead(connection: Connection, limit: int) -> tuple[StoredAction, ...]:
    """Read the actions that were given up, newest first."""
    query = select(_TABLE).where(_TABLE.c.state == ActionState.DEAD)
    rows = connection.execute(query.order_by(_TABLE.c.created_at.desc(), _TABLE.c.id).limit(limit))
    return tuple(_stored(row) for row in rows)


def count(connection: Connection) -> dict[ActionState, int]:
    """Count the actions in each state; states without any are there with 0."""
    rows = connection.execute(select(_TABLE.c.state, func.count()).group_by(_TABLE.c.state))
    return dict.fromkeys(ActionState, 0) | {ActionState(state): n for state, n in rows}


def purge_in(connection: Connection, before: datetime, limit: int) -> int:
    """Delete actions that were done before a moment; return how many. Dead ones stay."""
    old = (_TABLE.c.state == ActionState.DONE) & (_TABLE.c.next_at < before)
    ids = select(_TABLE.c.id).where(old).limit(limit)
    return connection.execute(delete(_TABLE).where(_TABLE.c.id.in_(ids))).rowcount


def _due(now: datetime) -> Select[Any]:
    return select(_TABLE).where(_TABLE.c.state.in_(_DUE), _TABLE.c.next_at <= now)


def _stored(row: Row[Any]) -> StoredAction:
    return StoredAction(
        Action(row.id, row.upload_id, row.connector, row.body, row.attempts),
        ActionState(row.state),
        row.next_at,
        row.outcome,
        row.created_at,
    )


def _event(
    tag: Tag, actor: str, action: Action, now: datetime, more: dict[str, Any] | None = None
) -> Event:
    body = {"action": action.id, "connector": action.connector, **(more or {})}
    return Event(now, tag, actor, action.upload_id, body)
