"""One hash over all that an exchange's log means here: equal for equal logs, whatever happened.

Left out is what depends on when this node heard of it, and what it found of itself.
"""

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, select

from tocsin.entries.register import Register
from tocsin.recording import shared, tables
from tocsin.recording.store import Store
from tocsin.sharing.holdings import LISTED
from tocsin.sharing.view import View


def state_digest(store: Store, exchange_id: int) -> str:
    """Return the hash of register, items with their lists and stages, and opinions, in hex.

    Raises Damaged, Unavailable.
    """
    view = View.load(store, exchange_id)
    hasher = sha256(_register(view.register, view.followed.member))
    with store.read() as connection:
        for row in _rows(connection, exchange_id):
            hasher.update(repr(row).encode())
    return hasher.hexdigest()


def _register(register: Register, me: str) -> bytes:
    """Write the register without what was said to groups that we are not in any more."""
    content: dict[str, Any] = json.loads(register.dump())
    content["incidents"] = {
        name: one
        for name, one in content["incidents"].items()
        if register.may_read(one["audience"], me)
    }
    mine = {name: one for name, one in content["groups"].items() if me in one["members"]}
    content |= {"groups": mine, "erased": sorted(content["erased"]), "requests": {}}
    for name in ("members",):
        for member in content[name].values():
            member["roles"] = sorted(member["roles"])
    for group in mine.values():
        group["members"] = sorted(group["members"])
    return json.dumps(content, sort_keys=True).encode()


def _rows(connection: Connection, exchange_id: int) -> Iterator[tuple[Any, ...]]:
    item, entry, signal = tables.items.c, shared.shared_items.c, tables.signals.c
    listed = (entry.exchange_id == exchange_id) & (entry.state == LISTED)
    role = shared.shared_lists
    query = (
        select(entry.entry, role.c.role, entry.issuer, entry.audience, item.stage, item.disputed)
        .add_columns(item.labels, item.note, item.expires_at)
        .join(tables.items, item.id == entry.item_id)
        .join(role, (role.c.list_id == item.list_id) & (role.c.exchange_id == exchange_id))
        .where(listed)
        .order_by(entry.entry)
    )
    yield from (tuple(row) for row in connection.execute(query))
    signals = (
        select(entry.entry, signal.type, signal.value, signal.quality, signal.removed)
        .join(tables.signals, signal.item_id == entry.item_id)
        .where(listed)
        .order_by(entry.entry, signal.type, signal.value)
    )
    yield from (tuple(row) for row in connection.execute(signals))
    opinion = shared.shared_opinions.c
    opinions = (
        select(opinion.entry, opinion.member, opinion.stance)
        .join(shared.shared_items, entry.item_id == opinion.item_id)
        .where(listed, opinion.exchange_id == exchange_id)
        .order_by(opinion.entry)
    )
    yield from (tuple(row) for row in connection.execute(opinions))
