"""The rows of trust in the database: read, made and deleted inside somebody else's transaction."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, delete, select

from tocsin.errors import NotFound
from tocsin.model import Stage
from tocsin.recording import tables
from tocsin.trust.opinions import Opinion, Party, Stance

CHUNK = 400
"""Values in one `IN (...)`: SQLite allows few variables."""

T = TypeVar("T")

_OPPOSITE = {Stance.CONFIRM: Stance.DISPUTE, Stance.DISPUTE: Stance.CONFIRM}


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut values, such as ids, into parts that one statement can name."""
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


def item_rows(connection: Connection, item_ids: Sequence[int]) -> dict[int, Row[Any]]:
    """Read items, each with the kind of its list."""
    item, list_ = tables.items.c, tables.lists.c
    query: Select[Any] = select(
        item.id, item.list_id, item.labels, item.issuer, item.stage, item.disputed, list_.kind
    ).join_from(tables.items, tables.lists, item.list_id == list_.id)
    return {
        row.id: row
        for some in chunks(item_ids)
        for row in connection.execute(query.where(item.id.in_(some)))
    }


def item_row(connection: Connection, item_id: int) -> Row[Any]:
    """Read one item with the kind of its list. Raises NotFound."""
    found = item_rows(connection, [item_id])
    if not found:
        raise NotFound(f"there is no item {item_id}")
    return found[item_id]


def standing_rows(connection: Connection, item_ids: Sequence[int]) -> dict[int, Row[Any]]:
    """Read where items stand; those that nobody else asserted are not in the answer."""
    column = tables.standings.c.item_id
    return {
        row.item_id: row
        for some in chunks(item_ids)
        for row in connection.execute(select(tables.standings).where(column.in_(some)))
    }


def require_standing(connection: Connection, *item_ids: int) -> None:
    """Raise NotFound for an item that nobody else asserted."""
    if missing := set(item_ids) - standing_rows(connection, item_ids).keys():
        raise NotFound(f"nobody else asserted item {min(missing)}, so it has no standing")


def first_columns(exchange: str, issuer: Party, now: datetime, *, incident: bool) -> dict[str, Any]:
    """Return what is stored of an item that has just been received, before it is placed."""
    return {
        "exchange": exchange,
        "issuer": issuer.member,
        "organisation": issuer.organisation,
        "kind": issuer.kind,
        "jurisdiction": issuer.jurisdiction,
        "incident": incident,
        "pinned": "",
        "quarantined": False,
        "retracted": False,
        "stage": Stage.SHADOW.value,
        "disputed": False,
        "reasons": [],
        "received_at": now,
        "since": now,
        "due_at": None,
    }


def opinion_columns(item_id: int, opinion: Opinion) -> dict[str, Any]:
    """Return what is stored of an opinion."""
    return {
        "item_id": item_id,
        "member": opinion.party.member,
        "stance": opinion.stance.value,
        "organisation": opinion.party.organisation,
        "kind": opinion.party.kind,
        "jurisdiction": opinion.party.jurisdiction,
        "own_media": opinion.own_media,
        "at": opinion.at,
    }


def replaced_by(stance: Stance) -> tuple[Stance, ...]:
    """Return what a member no longer says once it says this."""
    return (stance, _OPPOSITE[stance]) if stance in _OPPOSITE else (stance,)


def forget(connection: Connection, item_id: int, member: str, stances: Sequence[Stance]) -> None:
    """Delete what a member said of an item, in these stances."""
    said = tables.opinions.c
    these = (said.item_id == item_id) & (said.member == member)
    these &= said.stance.in_([one.value for one in stances])
    connection.execute(delete(tables.opinions).where(these))
