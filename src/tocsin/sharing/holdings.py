"""What a node holds of an exchange's items: put on lists, found by entry, taken off, destroyed."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select, update

from tocsin.entries.register import Register
from tocsin.lists.items import next_item_id
from tocsin.model import ListKind, Stage
from tocsin.recording import shared, tables
from tocsin.recording.bulk import insert_rows, stored_json, stored_time
from tocsin.recording.store import next_revision
from tocsin.sharing.effects import DRILL, Joined, Left, Listing, Quarantined
from tocsin.sharing.settings import Followed
from tocsin.sharing.trusting import Received
from tocsin.trust.rows import chunks

LISTED = "listed"
ERASED = "erased"
LEFT = "left"

_ITEM = tables.items.c
_SIGNAL = tables.signals.c
_SHARED = shared.shared_items.c
_ITEM_COLUMNS = (
    *(_ITEM.id, _ITEM.list_id, _ITEM.source_id, _ITEM.labels, _ITEM.note, _ITEM.enabled),
    *(_ITEM.expires_at, _ITEM.created_at, _ITEM.stage, _ITEM.disputed, _ITEM.issuer),
)
_SIGNAL_COLUMNS = (
    *(_SIGNAL.item_id, _SIGNAL.list_id, _SIGNAL.type, _SIGNAL.value, _SIGNAL.quality),
    *(_SIGNAL.revision, _SIGNAL.removed),
)
_SHARED_COLUMNS = (
    *(_SHARED.exchange_id, _SHARED.entry, _SHARED.item_id, _SHARED.issuer, _SHARED.key),
    *(_SHARED.audience, _SHARED.state, _SHARED.round),
)


class Holdings:
    """The items of one exchange, inside somebody's transaction."""

    def __init__(self, connection: Connection, followed: Followed, now: datetime) -> None:
        self._connection = connection
        self._followed = followed
        self._now = now

    def put(
        self, listings: Sequence[Listing], lists: Mapping[str, int], register: Register
    ) -> list[Received]:
        """Put items on their lists, by role, in shadow; return what trust is to be told of them."""
        if not listings:
            return []
        revision = next_revision(self._connection)
        first = next_item_id(self._connection)
        here, dialect = self._followed, self._connection.dialect
        now = stored_time(self._now, dialect)
        items, signals, entries, received = [], [], [], []
        for number, one in enumerate(listings, start=first):
            list_id = lists[one.role]
            # Allow lists have no stages: what is out must be off.
            acts = one.claim.list_kind is ListKind.BLOCK
            labels = stored_json(list(one.claim.labels), dialect) if one.claim.labels else "[]"
            end = stored_time(one.expires_at, dialect)
            items.append(
                (
                    *(number, list_id, str(one.entry), labels, one.note, acts, end, now),
                    *(Stage.SHADOW.value, False, one.issuer),
                )
            )
            signals += [
                (number, list_id, sign.type.value, sign.value, sign.quality, revision, False)
                for sign in one.signals
            ]
            entries.append(
                (here.id, one.entry, number, one.issuer, one.key, one.audience, LISTED, here.round)
            )
            member, drill = register.members[one.issuer], one.role.startswith(DRILL)
            received.append(Received(number, member, one.signals, one.claim, one.incident, drill))
        insert_rows(self._connection, _ITEM_COLUMNS, items)
        insert_rows(self._connection, _SIGNAL_COLUMNS, signals)
        insert_rows(self._connection, _SHARED_COLUMNS, entries)
        return received

    def of(self, entries: Iterable[int]) -> dict[int, Row[Any]]:
        """Find the items that entries asserted, by entry."""
        found: dict[int, Row[Any]] = {}
        for some in chunks(sorted(set(entries))):
            query = select(shared.shared_items).where(self._here, _SHARED.entry.in_(some))
            found.update((row.entry, row) for row in self._connection.execute(query))
        return found

    def between(self, start: int, end: int) -> dict[int, Row[Any]]:
        """Find the items that entries in a range asserted, by entry."""
        these = (_SHARED.entry >= start) & (_SHARED.entry < end)
        rows = self._connection.execute(select(shared.shared_items).where(self._here, these))
        return {row.entry: row for row in rows}

    def addressed(self, effect: Left | Joined, state: str) -> list[int]:
        """Find what an audience was told before we left or joined it; later items are listed."""
        return self._ids(
            _SHARED.audience == effect.audience,
            _SHARED.state == state,
            _SHARED.entry < effect.entry,
        )

    def asserted(self, which: Quarantined) -> list[int]:
        """Find what a member asserted in a range, with one key where it is named."""
        since, before = _SHARED.entry >= which.since, _SHARED.entry < which.before
        with_key = () if which.key is None else (_SHARED.key == which.key,)
        return self._ids(_SHARED.issuer == which.issuer, since, before, *with_key)

    def stale(self) -> list[int]:
        """Find what the replay of this round did not come across."""
        return self._ids(_SHARED.round < self._followed.round)

    def confirm(self, rows: Sequence[Row[Any]]) -> None:
        """Note that a replay came across items, and list again those of a group we are back in."""
        for some in chunks([row.entry for row in rows]):
            self._connection.execute(
                update(shared.shared_items)
                .where(self._here, _SHARED.entry.in_(some))
                .values(round=self._followed.round)
            )
        self.restore([row.item_id for row in rows if row.state == LEFT])

    def remove(self, item_ids: Sequence[int], why: str) -> None:
        """Take items off their lists."""
        self._set_removed(item_ids, self._now, why)

    def restore(self, item_ids: Sequence[int]) -> None:
        """Put items back on their lists."""
        self._set_removed(item_ids, None, LISTED)

    def overwrite(self, item_ids: Sequence[int]) -> None:
        """Destroy what items say."""
        nothing = {"labels": [], "note": "", "source_id": ""}
        blank = {"value": b"", "quality": None}
        for some in chunks(item_ids):
            of_items, of_signals = _ITEM.id.in_(some), _SIGNAL.item_id.in_(some)
            self._connection.execute(update(tables.items).where(of_items).values(nothing))
            self._connection.execute(update(tables.signals).where(of_signals).values(blank))

    def _set_removed(self, item_ids: Sequence[int], at: datetime | None, state: str) -> None:
        if not item_ids:
            return
        revision = next_revision(self._connection)
        for some in chunks(item_ids):
            self._connection.execute(
                update(shared.shared_items).where(_SHARED.item_id.in_(some)).values(state=state)
            )
            self._connection.execute(
                update(tables.items).where(_ITEM.id.in_(some)).values(removed_at=at)
            )
            self._connection.execute(
                update(tables.signals)
                .where(_SIGNAL.item_id.in_(some))
                .values(removed=at is not None, revision=revision)
            )

    def _ids(self, *where: ColumnElement[bool]) -> list[int]:
        query = select(_SHARED.item_id).where(self._here, *where)
        return list(self._connection.execute(query).scalars())

    @property
    def _here(self) -> ColumnElement[bool]:
        return _SHARED.exchange_id == self._followed.id
