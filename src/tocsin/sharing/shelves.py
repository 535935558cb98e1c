"""The lists that an exchange fills: one for each role, made when its first item comes."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from tocsin.lists.rules import create_in
from tocsin.recording import shared, tables
from tocsin.sharing.effects import Listing
from tocsin.sharing.settings import Followed

MAX_LISTS = 50
"""Lists that one member may begin. Its items for yet another one are left out; were there one
number for all, a single member could use it up before a crisis."""


class Shelves:
    """The lists of one exchange, inside somebody's transaction."""

    def __init__(self, connection: Connection, followed: Followed, now: datetime) -> None:
        self._connection = connection
        self._followed = followed
        self._now = now

    def of(self, roles: Mapping[str, Listing]) -> dict[str, int]:
        """Return the lists of all roles so far, after making those that are asked for.

        Each comes with the first item that it is to take. A role is missing where that item's
        issuer has begun lists enough.
        """
        row = shared.shared_lists.c
        query = select(row.role, row.list_id).where(row.exchange_id == self._followed.id)
        lists = {found[0]: found[1] for found in self._connection.execute(query)}
        fresh = {role: one for role, one in roles.items() if role not in lists}
        begun = self._begun() if fresh else Counter[str]()
        for role, first in fresh.items():
            if begun[first.issuer] < MAX_LISTS:
                begun[first.issuer] += 1
                lists[role] = self._make(role, first)
        return lists

    def _begun(self) -> Counter[str]:
        """Count the lists that each member began: the first item on a list is its."""
        row, item = shared.shared_lists.c, tables.items.c
        firsts = (
            select(func.min(item.id))
            .join(shared.shared_lists, row.list_id == item.list_id)
            .where(row.exchange_id == self._followed.id)
            .group_by(item.list_id)
        )
        return Counter(
            self._connection.execute(select(item.issuer).where(item.id.in_(firsts))).scalars()
        )

    def _make(self, role: str, first: Listing) -> int:
        draft = self._followed.draft(role, first.claim)
        draft = replace(draft, name=self._free_name(draft.name))
        rule = create_in(self._connection, draft, self._now, actor=self._followed.name)
        values = {"exchange_id": self._followed.id, "role": role, "list_id": rule.id}
        self._connection.execute(insert(shared.shared_lists).values(values))
        return rule.id

    def _free_name(self, wanted: str) -> str:
        name, number = wanted, 1
        query = select(func.count()).select_from(tables.lists)
        while self._connection.execute(query.where(tables.lists.c.name == name)).scalar_one():
            number += 1
            name = f"{wanted}-{number}"
        return name
