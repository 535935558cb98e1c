"""A data folder with many random signals on one list, for benchmarks that need a whole node.

Rows are inserted as they are, thousands at a time: `Items.add_many` would look each one up first,
which takes minutes for a million and is not what is measured here.
"""

import secrets
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert

from tocsin.lists.indices import Indices
from tocsin.lists.rules import ListDraft, Rules
from tocsin.model import CODE_BYTES, SignalType
from tocsin.recording import tables
from tocsin.recording.store import Store, next_revision

LIST = "benchmark"

_BATCH = 20_000


def now() -> datetime:
    """Return the time, aware UTC."""
    return datetime.now(UTC)


def fill(store: Store, folder: Path, signals: int) -> None:
    """Make the list with so many PDQ signals, and its index in `folder`. Raises Unavailable."""
    rules = Rules(store, now)
    rule = rules.create(ListDraft(LIST), actor="bench")
    for first in range(1, signals + 1, _BATCH):
        numbers = range(first, min(first + _BATCH, signals + 1))
        store.write(partial(_insert, rule.id, numbers)).result()
    with Indices(store, rules, folder, merge=True) as indices:
        indices.merge()


def _insert(list_id: int, numbers: range, connection: Connection) -> None:
    revision, at = next_revision(connection), now()
    items: list[dict[str, Any]] = [
        {
            "id": number,
            "list_id": list_id,
            "source_id": "",
            "labels": [],
            "note": "",
            "enabled": True,
            "active_from": None,
            "expires_at": at + timedelta(days=365),
            "created_at": at,
            "removed_at": None,
        }
        for number in numbers
    ]
    connection.execute(insert(tables.items), items)
    connection.execute(
        insert(tables.signals),
        [
            {
                "item_id": number,
                "list_id": list_id,
                "type": SignalType.PDQ.value,
                "value": secrets.token_bytes(CODE_BYTES),
                "quality": None,
                "revision": revision,
                "removed": False,
            }
            for number in numbers
        ],
    )
