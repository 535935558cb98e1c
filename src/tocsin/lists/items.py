"""Items of lists: add, change, remove, restore, read.

Adding is idempotent: an item whose signals are all on the list already is the same item, so an
import that was cut off can simply be run again.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, insert, select, update

from tocsin.errors import Conflict, InvalidInput, NotFound
from tocsin.hashing.url import canonical
from tocsin.lists.rules import present_rule
from tocsin.lists.vocabulary import parse_labels
from tocsin.model import Item, ListKind, ListRule, Signal, SignalType, Stage, Unhashable
from tocsin.recording import tables
from tocsin.recording.events import Event, Tag
from tocsin.recording.store import Store, next_revision, record_in

MAX_NOTE = 2000
MAX_SOURCE_ID = 500
MAX_SIGNALS = 1000

_CHUNK = 400
"""Values in one `IN (...)`: SQLite allows few variables, and a group of writes should be short."""


@dataclass(frozen=True, slots=True)
class ItemDraft:
    """An item about to be added. `expires_at` None means: the list's `ttl_days` from now.

    `stage` and `issuer` as in `Item`: what others assert starts in shadow.
    """

    signals: tuple[Signal, ...]
    source_id: str = ""
    labels: tuple[str, ...] = ()
    note: str = ""
    enabled: bool = True
    active_from: datetime | None = None
    expires_at: datetime | None = None
    stage: Stage = Stage.ENFORCED
    issuer: str = ""

    def checked(self) -> "ItemDraft":
        """Return the draft in canonical form. Raises InvalidInput."""
        if not 0 < len(self.signals) <= MAX_SIGNALS:
            raise InvalidInput(f"an item has 1 to {MAX_SIGNALS} signals, not {len(self.signals)}")
        if len(self.note) > MAX_NOTE or len(self.source_id) > MAX_SOURCE_ID:
            raise InvalidInput(
                f"a note has at most {MAX_NOTE} characters, a source id {MAX_SOURCE_ID}"
            )
        return replace(
            self,
            signals=tuple({(s.type, s.value): s for s in map(_listed, self.signals)}.values()),
            labels=parse_labels(self.labels),
            note=self.note.replace("\0", ""),
            source_id=self.source_id.replace("\0", ""),
        )


def _listed(signal: Signal) -> Signal:
    """Return a signal as it is listed: a link in its canonical form, which uploads come in too."""
    if signal.type is not SignalType.URL:
        return signal
    link = canonical(signal.text)
    if isinstance(link, Unhashable):
        raise InvalidInput(f"{signal.text[:80]!r} cannot be listed: {link.reason}")
    return Signal(SignalType.URL, link.encode())


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a draft: the item's id, and whether it is new or was there already."""

    item_id: int
    fresh: bool


class Items:
    """The items of this node's lists. Thread-safe."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    def add(self, name: str, draft: ItemDraft, *, actor: str) -> Added:
        """Add one item. Raises InvalidInput, NotFound, Unavailable."""
        (added,) = self.add_many(name, [draft], actor=actor)
        return added

    def add_many(self, name: str, drafts: Sequence[ItemDraft], *, actor: str) -> list[Added]:
        """Add items in one transaction, answers in the same order. Raises as `add` does."""
        checked = [draft.checked() for draft in drafts]

        def job(connection: Connection) -> list[Added]:
            return self._insert(connection, present_rule(connection, name), checked, actor)

        return self._store.write(job).result() if checked else []

    def change(self, name: str, item_id: int, *, actor: str, **changes: Any) -> Item:  # noqa: ANN401 - columns of an item
        """Change `enabled`, `active_from`, `expires_at`, `labels` or `note`.

        Raises InvalidInput, NotFound, Conflict, Unavailable.
        """
        if "labels" in changes:
            changes["labels"] = list(parse_labels(changes["labels"]))
        if len(changes.get("note", "")) > MAX_NOTE:
            raise InvalidInput(f"a note has at most {MAX_NOTE} characters")

        def job(connection: Connection) -> Item:
            rule = present_rule(connection, name)
            row = _item_row(connection, rule, item_id)
            if row.removed_at is not None:
                raise Conflict("the item is off the list; restore it first")
            if rule.kind is ListKind.BLOCK and changes.get("expires_at", ...) is None:
                raise InvalidInput("an item of a block list needs an end")
            revision = next_revision(connection)
            where = tables.items.c.id == item_id
            connection.execute(update(tables.items).where(where).values(changes))
            if "expires_at" in changes:
                # Retention may have retired the signals already; a new end brings them back.
                _set_signals(connection, item_id, removed=False, revision=revision)
            elif (changes.get("enabled") and not row.enabled) or "active_from" in changes:
                renew_in(connection, select(tables.items.c.id).where(where))
            body = {key: str(value) for key, value in changes.items()}
            self._record(connection, Tag.ITEM_CHANGED, rule, item_id, actor, body)
            return _read(connection, rule, item_id)

        return self._store.write(job).result()

    def remove(self, name: str, item_id: int, *, actor: str, reason: str = "") -> None:
        """Take an item off its list; it can be restored. Raises NotFound, Unavailable."""
        self._set_removed(name, item_id, self._clock(), actor, reason)

    def restore(self, name: str, item_id: int, *, actor: str, reason: str = "") -> None:
        """Put a removed item back. Raises NotFound, Unavailable."""
        self._set_removed(name, item_id, None, actor, reason)

    def get(self, name: str, item_id: int) -> Item:
        """Return one item, removed or not. Raises NotFound, Unavailable."""
        with self._store.read() as connection:
            return _read(connection, present_rule(connection, name), item_id)

    def page(self, name: str, *, after: int = 0, limit: int = 100) -> list[Item]:
        """Return the items with ids above `after`, in order of id. Raises NotFound, Unavailable."""
        with self._store.read() as connection:
            rule = present_rule(connection, name)
            return _read_many(connection, rule, after, limit)

    def walk(self, name: str, *, chunk: int = 1000) -> Iterator[Item]:
        """Go through every item of a list in order of id. Raises NotFound, Unavailable."""
        after = 0
        while found := self.page(name, after=after, limit=chunk):
            yield from found
            after = found[-1].id

    def count(self, name: str) -> dict[str, int]:
        """Count the items and the signals of each type that are on a list now.

        Raises NotFound, Unavailable.
        """
        with self._store.read() as connection:
            rule = present_rule(connection, name)
            items, signals = tables.items, tables.signals
            on_list = (items.c.list_id == rule.id) & items.c.removed_at.is_(None)
            total = connection.execute(select(func.count()).where(on_list)).scalar_one()
            by_type = connection.execute(
                select(signals.c.type, func.count())
                .where(signals.c.list_id == rule.id, signals.c.removed.is_(False))
                .group_by(signals.c.type)
            ).all()
        return {"items": total} | {str(type_): count for type_, count in by_type}

    def _insert(
        self, connection: Connection, rule: ListRule, drafts: Sequence[ItemDraft], actor: str
    ) -> list[Added]:
        revision = next_revision(connection)
        now = self._clock()
        known = _known(connection, rule, drafts, now)
        next_id = next_item_id(connection)
        answers: list[Added] = []
        item_rows: list[dict[str, Any]] = []
        signal_rows: list[dict[str, Any]] = []
        for draft in drafts:
            keys = [(one.type, one.value) for one in draft.signals]
            if all(key in known for key in keys):
                answers.append(Added(known[keys[0]], fresh=False))
                continue
            item_id, next_id = next_id, next_id + 1
            item_rows.append(_item_columns(item_id, rule, draft, now))
            signal_rows += [_signal_columns(item_id, rule, one, revision) for one in draft.signals]
            known.update(dict.fromkeys(keys, item_id))
            answers.append(Added(item_id, fresh=True))
        if item_rows:
            connection.execute(insert(tables.items), item_rows)
            connection.execute(insert(tables.signals), signal_rows)
        fresh = [row["id"] for row in item_rows]
        if len(drafts) == 1 and fresh:
            self._record(connection, Tag.ITEM_ADDED, rule, fresh[0], actor, {"revision": revision})
        elif fresh:
            body = {"items": len(fresh), "first": fresh[0], "last": fresh[-1], "revision": revision}
            record_in(connection, Event(now, Tag.LIST_IMPORTED, actor, rule.name, body))
        return answers

    def _set_removed(
        self, name: str, item_id: int, when: datetime | None, actor: str, reason: str
    ) -> None:
        def job(connection: Connection) -> None:
            rule = present_rule(connection, name)
            row = _item_row(connection, rule, item_id)
            if (row.removed_at is None) == (when is None):
                return
            revision = next_revision(connection)
            item = tables.items
            connection.execute(update(item).where(item.c.id == item_id).values(removed_at=when))
            _set_signals(connection, item_id, removed=when is not None, revision=revision)
            tag = Tag.ITEM_RESTORED if when is None else Tag.ITEM_REMOVED
            self._record(connection, tag, rule, item_id, actor, {"reason": reason})

        self._store.write(job).result()

    def _record(
        self,
        connection: Connection,
        tag: Tag,
        rule: ListRule,
        item_id: int,
        actor: str,
        body: dict[str, Any],
    ) -> None:
        record_in(connection, Event(self._clock(), tag, actor, f"{rule.name}/{item_id}", body))


def place_in(
    connection: Connection, item_ids: Sequence[int], stage: Stage, *, disputed: bool
) -> None:
    """Set how far items may go, inside somebody else's transaction; they act so from then on.

    Out of the shadow their signals take a new revision, so that look-back finds past uploads.
    """
    item = tables.items.c
    for start in range(0, len(item_ids), _CHUNK):
        some = item_ids[start : start + _CHUNK]
        rising = select(item.id).where(item.id.in_(some), item.stage == Stage.SHADOW.value)
        rises = stage is not Stage.SHADOW and connection.execute(rising).first() is not None
        if rises:
            renew_in(connection, rising)
        connection.execute(
            update(tables.items)
            .where(item.id.in_(some))
            .values(stage=stage.value, disputed=disputed)
        )


def renew_in(connection: Connection, item_ids: Select[tuple[int]]) -> None:
    """Let the signals of items count as new, inside somebody else's transaction.

    Look-back then finds the uploads that came while these items did not count.
    """
    signal = tables.signals.c
    these = signal.item_id.in_(item_ids) & signal.removed.is_(False)
    revision = next_revision(connection)
    connection.execute(update(tables.signals).where(these).values(revision=revision))


def _item_columns(item_id: int, rule: ListRule, draft: ItemDraft, now: datetime) -> dict[str, Any]:
    expires_at = draft.expires_at
    if expires_at is None and rule.ttl_days:
        expires_at = now + timedelta(days=rule.ttl_days)
    return {
        "id": item_id,
        "list_id": rule.id,
        "source_id": draft.source_id,
        "labels": list(draft.labels),
        "note": draft.note,
        "enabled": draft.enabled,
        "active_from": draft.active_from,
        "expires_at": expires_at,
        "created_at": now,
        "removed_at": None,
        "stage": draft.stage.value,
        "disputed": False,
        "issuer": draft.issuer,
    }


def _signal_columns(item_id: int, rule: ListRule, signal: Signal, revision: int) -> dict[str, Any]:
    return {
        "item_id": item_id,
        "list_id": rule.id,
        "type": signal.type.value,
        "value": signal.value,
        "quality": signal.quality,
        "revision": revision,
        "removed": False,
    }


def next_item_id(connection: Connection) -> int:
    """Return a free number: a batch then needs two statements, not one for each item.

    Safe because the revision's row lock, taken just before, lets one writer in at a time.
    """
    last = connection.execute(select(func.max(tables.items.c.id))).scalar()
    return int(last or 0) + 1


def _known(
    connection: Connection, rule: ListRule, drafts: Sequence[ItemDraft], now: datetime
) -> dict[tuple[SignalType, bytes], int]:
    """Find which of the drafts' signals are on the list already, and of which item.

    An item past its end does not count: adding it again is what renews it.
    """
    found: dict[tuple[SignalType, bytes], int] = {}
    by_type: dict[SignalType, list[bytes]] = {}
    for draft in drafts:
        for one in draft.signals:
            by_type.setdefault(one.type, []).append(one.value)
    columns, item = tables.signals.c, tables.items.c
    lives = item.expires_at.is_(None) | (item.expires_at > now)
    for type_, values in by_type.items():
        for start in range(0, len(values), _CHUNK):
            rows = connection.execute(
                select(columns.value, columns.item_id)
                .join(tables.items, item.id == columns.item_id)
                .where(
                    lives,
                    columns.list_id == rule.id,
                    columns.type == type_.value,
                    columns.value.in_(values[start : start + _CHUNK]),
                    columns.removed.is_(False),
                )
            )
            found.update({(type_, row.value): row.item_id for row in rows})
    return found


def _set_signals(connection: Connection, item_id: int, *, removed: bool, revision: int) -> None:
    connection.execute(
        update(tables.signals)
        .where(tables.signals.c.item_id == item_id)
        .values(removed=removed, revision=revision)
    )


def _item_row(connection: Connection, rule: ListRule, item_id: int) -> Row[Any]:
    query = select(tables.items).where(
        tables.items.c.id == item_id, tables.items.c.list_id == rule.id
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"there is no item {item_id} on list {rule.name}")
    return row


def _read(connection: Connection, rule: ListRule, item_id: int) -> Item:
    row = _item_row(connection, rule, item_id)
    signals = _signals_of(connection, tables.signals.c.item_id == item_id)
    return _item(row, rule, signals.get(item_id, []))


def _read_many(connection: Connection, rule: ListRule, after: int, limit: int) -> list[Item]:
    item = tables.items
    rows = connection.execute(
        select(item)
        .where(item.c.list_id == rule.id, item.c.id > after, item.c.removed_at.is_(None))
        .order_by(item.c.id)
        .limit(limit)
    ).all()
    if not rows:
        return []
    column = tables.signals.c.item_id
    between = column.between(rows[0].id, rows[-1].id) & (tables.signals.c.list_id == rule.id)
    signals = _signals_of(connection, between)
    return [_item(row, rule, signals.get(row.id, [])) for row in rows]


def _signals_of(connection: Connection, where: ColumnElement[bool]) -> dict[int, list[Signal]]:
    grouped: dict[int, list[Signal]] = {}
    for row in connection.execute(
        select(tables.signals).where(where).order_by(tables.signals.c.id)
    ):
        signal = Signal(SignalType(row.type), row.value, row.quality)
        grouped.setdefault(row.item_id, []).append(signal)
    return grouped


def _item(row: Row[Any], rule: ListRule, signals: list[Signal]) -> Item:
    return Item(
        id=row.id,
        list=rule.name,
        source_id=row.source_id,
        labels=tuple(row.labels),
        note=row.note,
        enabled=row.enabled,
        active_from=row.active_from,
        expires_at=row.expires_at,
        created_at=row.created_at,
        removed_at=row.removed_at,
        signals=tuple(signals),
        stage=Stage(row.stage),
        disputed=row.disputed,
        issuer=row.issuer,
    )
