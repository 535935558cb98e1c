"""What this node has on file about an exchange that it follows."""

import base64
from typing import Any

from sqlalchemy import select

from tocsin.entries.register import Register
from tocsin.errors import NotFound
from tocsin.recording import shared, tables
from tocsin.recording.events import Tag
from tocsin.recording.store import Store
from tocsin.sharing.keeping import Exhibit
from tocsin.sharing.replaying import Fault
from tocsin.sharing.roll import Roll


class Dossier:
    """Reads what is stored. Thread-safe; every method raises NotFound and Unavailable."""

    def __init__(self, store: Store, roll: Roll) -> None:
        self._store = store
        self._roll = roll

    def lists(self, name: str) -> list[str]:
        """Return the names of the lists that an exchange fills."""
        role = shared.shared_lists.c
        query = (
            select(tables.lists.c.name)
            .join(shared.shared_lists, role.list_id == tables.lists.c.id)
            .where(role.exchange_id == self._id(name), tables.lists.c.removed_at.is_(None))
            .order_by(tables.lists.c.name)
        )
        with self._store.read() as connection:
            return list(connection.execute(query).scalars())

    def register(self, name: str) -> Register:
        """Return what an exchange's log says of members, rules and incidents, as far as applied."""
        row = self._roll.row(name)
        return Register.load(row.register.encode()) if row.register else Register(row.origin)

    def audience(self, name: str, entry: int) -> str:
        """Return who reads what was said about an item."""
        item = shared.shared_items.c
        query = select(item.audience).where(item.exchange_id == self._id(name), item.entry == entry)
        with self._store.read() as connection:
            found = connection.execute(query).scalar()
        if found is None:
            raise NotFound(
                f"entry {entry} of {name} is no item that this node has",
                advice="`tocsin sync` fetches new ones.",
            )
        return str(found)

    def situation(self, name: str, incident: str) -> list[dict[str, Any]]:
        """Return the situation log of an incident, oldest first."""
        event = tables.events.c
        subject = f"{self._roll.row(name).name}/{incident}"
        query = select(event.body).where(
            event.subject == subject, event.tag == Tag.INCIDENT_REPORTED.value
        )
        with self._store.read() as connection:
            bodies = connection.execute(query.order_by(event.id)).scalars().all()
        # A log that was read twice was reported twice.
        return list({body["entry"]: body for body in bodies}.values())

    def faults(self, name: str) -> list[Fault]:
        """Return the entries without effect that are kept."""
        fault = shared.faults.c
        query = select(fault.entry, fault.code, fault.reason).order_by(fault.entry)
        with self._store.read() as connection:
            here = fault.exchange_id == self._id(name)
            return [Fault(*row) for row in connection.execute(query.where(here))]

    def evidence(self, name: str) -> list[Exhibit]:
        """Return what froze an exchange, oldest first."""
        exhibit = shared.evidence.c
        here = exhibit.exchange_id == self._id(name)
        query = select(shared.evidence).where(here).order_by(exhibit.id)
        with self._store.read() as connection:
            rows = connection.execute(query).all()
        return [
            Exhibit(
                row.kind,
                row.reason,
                {file: base64.b64decode(text) for file, text in row.files.items()},
            )
            for row in rows
        ]

    def _id(self, name: str) -> int:
        return int(self._roll.row(name).id)
