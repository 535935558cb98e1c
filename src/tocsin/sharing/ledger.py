"""Carries out the effects of entries in this node's database, inside one transaction.

The same transaction moves the position in the log, and only if the position is the one that the
entries follow. So a crash at any point leaves the state of some prefix of the log; two processes
that follow the same exchange cannot both apply an entry; and applying a log again changes nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update

from tocsin.entries import statements
from tocsin.entries.envelope import Position
from tocsin.entries.register import Register
from tocsin.entries.statements import Erased
from tocsin.errors import Conflict
from tocsin.lists.items import next_item_id
from tocsin.lists.rules import create_in
from tocsin.model import ListKind, Stage
from tocsin.recording import shared, tables
from tocsin.recording.bulk import insert_rows, stored_json, stored_time
from tocsin.recording.events import Event, Tag
from tocsin.recording.store import next_revision, record_in
from tocsin.sharing.effects import (
    DRILL,
    Chunk,
    Delisted,
    Destroyed,
    Effect,
    Held,
    Joined,
    Left,
    Listing,
    Quarantined,
    Released,
    Reported,
)
from tocsin.sharing.outbox import intend_in
from tocsin.sharing.replaying import Fault
from tocsin.sharing.settings import Followed
from tocsin.sharing.trusting import Heard, Received, Trust

LISTED = "listed"
ERASED = "erased"
LEFT = "left"

MAX_FAULTS = 1000
"""Faults of one exchange that are kept one by one; all are counted."""

MAX_LISTS = 200
"""Lists that one exchange may fill. Items for yet another one are left out."""

LONG_PAGE = 4096
LONG_PAGE_KIB = 65_536
"""Entries from which a page is a long one, and the memory that SQLite may take for it."""

_SOME = 400
"""Values in one `IN (...)`."""

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


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that is written for some entries: their effects, and what was noted of them."""

    chunk: Chunk
    register: Register
    dump: str | None
    chains: Mapping[str, Position]
    blocks: Mapping[int, bytes]


class Ledger:
    """The ledger of one followed exchange, open for one transaction."""

    def __init__(
        self, connection: Connection, followed: Followed, trust: Trust, now: datetime
    ) -> None:
        self._connection = connection
        self._followed = followed
        self._trust = trust
        self._now = now

    def write(self, page: Page) -> None:
        """Apply entries. Raises Conflict if they are not the next ones."""
        with self._room(page.chunk):
            self._write(page)

    @contextmanager
    def _room(self, chunk: Chunk) -> Iterator[None]:
        """Let SQLite keep in memory what a long page changes: else it writes it several times."""
        long = chunk.end - chunk.start >= LONG_PAGE
        if not long or self._connection.dialect.name != "sqlite":
            yield
            return
        before = self._connection.exec_driver_sql("PRAGMA cache_size").scalar_one()
        self._connection.exec_driver_sql(f"PRAGMA cache_size = -{LONG_PAGE_KIB}")
        try:
            yield
        finally:
            self._connection.exec_driver_sql(f"PRAGMA cache_size = {before}")

    def _write(self, page: Page) -> None:
        chunk = page.chunk
        self._advance(page)
        self._write_chains(page.chains)
        self._write_blocks(page.blocks)
        faults = [*chunk.faults, *self._list(page)]
        self._hear([one for one in chunk.effects if isinstance(one, Held)], page.register)
        self._delist([one for one in chunk.effects if isinstance(one, Delisted)])
        for effect in chunk.effects:
            self._carry_out(effect)
        self._write_faults(faults)
        body = {"from": chunk.start, "to": chunk.end, "effects": len(chunk.effects)}
        self._record(Tag.ENTRIES_APPLIED, body)

    def sweep(self) -> None:
        """End a replay from the start: what it did not come across is not ours any more."""
        here, item = self._here(), shared.shared_items.c
        stale = self._connection.execute(
            select(item.item_id).where(here, item.round < self._followed.round)
        ).scalars()
        self._remove(list(stale), LEFT)
        opinion = shared.shared_opinions.c
        old = (opinion.exchange_id == self._followed.id) & (opinion.round < self._followed.round)
        self._withdraw(old)

    def _advance(self, page: Page) -> None:
        """Move the position: the condition under which all the rest is true."""
        exchange, chunk = shared.exchanges.c, page.chunk
        values: dict[str, Any] = {"size": chunk.end, "advanced_at": self._now}
        values["told"] = exchange.told + chunk.told
        if page.dump is not None:
            values["register"] = page.dump
        at = (exchange.size == chunk.start) & (exchange.round == self._followed.round)
        moved = self._connection.execute(
            update(shared.exchanges)
            .where(exchange.id == self._followed.id, exchange.removed_at.is_(None), at)
            .where(exchange.frozen == "")
            .values(values)
        )
        if moved.rowcount != 1:
            raise Conflict(f"{self._followed.name} is not at entry {chunk.start} any more")

    def _write_chains(self, chains: Mapping[str, Position]) -> None:
        chain = shared.chains.c
        names = list(chains)
        for some in _parts(names):
            self._connection.execute(
                delete(shared.chains).where(
                    chain.exchange_id == self._followed.id, chain.member.in_(some)
                )
            )
        rows = [(self._followed.id, name, one.sequence, one.digest) for name, one in chains.items()]
        columns = (chain.exchange_id, chain.member, chain.sequence, chain.digest)
        insert_rows(self._connection, columns, rows)

    def _write_blocks(self, blocks: Mapping[int, bytes]) -> None:
        block = shared.leaves.c
        if not blocks:
            return
        # Only the first may be there already: it was not full.
        at = (block.exchange_id == self._followed.id) & (block.block == min(blocks))
        self._connection.execute(delete(shared.leaves).where(at))
        rows = [(self._followed.id, number, data) for number, data in blocks.items()]
        insert_rows(self._connection, (block.exchange_id, block.block, block.data), rows)

    def _list(self, page: Page) -> list[Fault]:
        """Put items on their lists; return those for which there is no room."""
        listings = [one for one in page.chunk.effects if isinstance(one, Listing)]
        if not listings:
            return []
        known = self._known(page.chunk) if self._followed.round else {}
        lists = self._lists({one.role: one for one in listings})
        fresh, again, faults = [], [], []
        for one in listings:
            if one.entry in known:
                again.append(known[one.entry])
            elif one.role in lists:
                fresh.append(one)
            else:
                reason = f"this exchange fills {MAX_LISTS} lists already"
                faults.append(Fault(one.entry, "too_many_lists", reason))
        self._insert(fresh, lists, page.register)
        self._confirm(again)
        return faults

    def _insert(
        self, listings: Sequence[Listing], lists: Mapping[str, int], register: Register
    ) -> None:
        if not listings:
            return
        revision = next_revision(self._connection)
        first = next_item_id(self._connection)
        here, now = self._followed, stored_time(self._now, self._connection.dialect)
        dialect = self._connection.dialect
        items, signals, entries, received = [], [], [], []
        for number, one in enumerate(listings, start=first):
            said, list_id = one.said, lists[one.role]
            acts = said.list == "block"  # Allow lists have no stages: what is out must be off.
            labels = stored_json(list(one.labels), dialect) if one.labels else "[]"
            end = stored_time(one.expires_at, dialect)
            items.append(
                (
                    *(number, list_id, str(one.entry), labels, said.note, acts, end, now),
                    *(Stage.SHADOW.value, False, one.issuer),
                )
            )
            signals += [
                (number, list_id, sign.type.value, sign.value, sign.quality, revision, False)
                for sign in one.signals
            ]
            entries.append(
                (here.id, one.entry, number, one.issuer, one.key, said.audience, LISTED, here.round)
            )
            member, drill = register.members[one.issuer], one.role.startswith(DRILL)
            received.append(Received(number, member, one.signals, said, one.received_at, drill))
        insert_rows(self._connection, _ITEM_COLUMNS, items)
        insert_rows(self._connection, _SIGNAL_COLUMNS, signals)
        insert_rows(self._connection, _SHARED_COLUMNS, entries)
        self._trust.received(self._connection, here.name, received)

    def _known(self, chunk: Chunk) -> dict[int, Row[Any]]:
        entry = shared.shared_items.c.entry
        rows = self._connection.execute(
            select(shared.shared_items).where(self._here(), entry >= chunk.start, entry < chunk.end)
        )
        return {row.entry: row for row in rows}

    def _confirm(self, rows: Sequence[Row[Any]]) -> None:
        """Note that a replay came across items, and list again those of a group we are back in."""
        entry = shared.shared_items.c.entry
        for some in _parts([row.entry for row in rows]):
            self._connection.execute(
                update(shared.shared_items)
                .where(self._here(), entry.in_(some))
                .values(round=self._followed.round)
            )
        self._restore([row.item_id for row in rows if row.state == LEFT])

    def _lists(self, roles: Mapping[str, Listing]) -> dict[str, int]:
        """Find the list of each role, and make those that are not there yet."""
        row = shared.shared_lists.c
        found = self._connection.execute(
            select(row.role, row.list_id).where(row.exchange_id == self._followed.id)
        )
        lists = {row.role: row.list_id for row in found}
        for role, example in roles.items():
            if role not in lists and len(lists) < MAX_LISTS:
                lists[role] = self._make_list(role, example)
        return lists

    def _make_list(self, role: str, example: Listing) -> int:
        kind = ListKind(example.said.list)
        draft = self._followed.draft(role, kind, example.said)
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

    def _hear(self, opinions: Sequence[Held], register: Register) -> None:
        if not opinions:
            return
        about = self._items_of([one.said.of for one in opinions])
        known = self._opinions_of([one.entry for one in opinions]) if self._followed.round else {}
        opinion = shared.shared_opinions.c
        rows, heard = [], []
        for one in opinions:
            item = about.get(one.said.of)
            if item is None:
                continue
            if one.entry not in known:
                stance = one.said.opinion.value
                rows.append(
                    (
                        *(self._followed.id, one.entry, item.item_id, one.issuer, stance),
                        self._followed.round,
                    )
                )
            heard.append(Heard(item.item_id, register.members[one.issuer], one.said, one.at))
        columns = (opinion.exchange_id, opinion.entry, opinion.item_id, opinion.member)
        insert_rows(self._connection, (*columns, opinion.stance, opinion.round), rows)
        for some in _parts(list(known)):
            self._connection.execute(
                update(shared.shared_opinions)
                .where(opinion.exchange_id == self._followed.id, opinion.entry.in_(some))
                .values(round=self._followed.round)
            )
        self._trust.heard(self._connection, heard)

    def _opinions_of(self, entries: Sequence[int]) -> dict[int, int]:
        opinion = shared.shared_opinions.c
        found: dict[int, int] = {}
        for some in _parts(entries):
            rows = self._connection.execute(
                select(opinion.entry, opinion.item_id).where(
                    opinion.exchange_id == self._followed.id, opinion.entry.in_(some)
                )
            )
            found.update((entry, item_id) for entry, item_id in rows)
        return found

    def _delist(self, effects: Sequence[Delisted]) -> None:
        found = self._items_of([one.of for one in effects])
        for why in sorted({one.why for one in effects}):
            rows = [found[one.of] for one in effects if one.why == why and one.of in found]
            ids = [row.item_id for row in rows if row.state in {LISTED, LEFT}]
            self._remove(ids, why)
            self._trust.retracted(self._connection, ids)

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Destroyed():
                self._destroy(effect)
            case Quarantined():
                self._trust.quarantined(self._connection, self._asserted(effect))
            case Released():
                self._release(effect)
            case Left():
                self._remove(self._addressed(effect, LISTED), LEFT)
            case Joined():
                self._restore(self._addressed(effect, LEFT))
            case Reported():
                self._report(effect)
            case _:
                pass

    def _addressed(self, effect: Left | Joined, state: str) -> list[int]:
        """Find what an audience was told before we left or joined it; later items are listed."""
        item = shared.shared_items.c
        found = self._connection.execute(
            select(item.item_id).where(
                self._here(),
                item.audience == effect.audience,
                item.state == state,
                item.entry < effect.entry,
            )
        ).scalars()
        return list(found)

    def _release(self, effect: Released) -> None:
        """Let an issuer's items rise again, but not those of drills: they never act."""
        whole = set(self._asserted(Quarantined(effect.issuer, None, 0, 2**62)))
        item, role = tables.items.c, shared.shared_lists.c
        drills = (
            select(item.id)
            .join(shared.shared_lists, role.list_id == item.list_id)
            .where(role.exchange_id == self._followed.id, role.role.startswith(DRILL))
        )
        whole -= set(self._connection.execute(drills).scalars())
        self._trust.released(self._connection, sorted(whole))

    def _asserted(self, which: Quarantined) -> list[int]:
        item = shared.shared_items.c
        query = select(item.item_id).where(
            self._here(),
            item.issuer == which.issuer,
            item.entry >= which.since,
            item.entry < which.before,
        )
        if which.key is not None:
            query = query.where(item.key == which.key)
        return list(self._connection.execute(query).scalars())

    def _destroy(self, effect: Destroyed) -> None:
        """Overwrite what an erased entry said, and have the receipt sent if there was anything."""
        self._forget_sent(effect.of)
        item = self._items_of([effect.of]).get(effect.of)
        opinion = shared.shared_opinions.c
        held = (opinion.exchange_id == self._followed.id) & (opinion.entry == effect.of)
        withdrawn = self._withdraw(held)
        if item is not None and item.state != ERASED:
            self._remove([item.item_id], ERASED)
            self._overwrite(item.item_id)
            self._trust.destroyed(self._connection, [item.item_id])
        elif not withdrawn:
            return
        if self._followed.member:
            receipt = statements.write(Erased(of=effect.entry))
            intend_in(self._connection, self._followed.id, receipt, self._now)

    def _forget_sent(self, entry: int) -> None:
        """Overwrite what was erased where it was ours: who said it has it in its outbox."""
        sent, blank = shared.outbox.c, {"payload": b"", "nonce": b""}
        here = (sent.exchange_id == self._followed.id) & (sent.entry == entry)
        self._connection.execute(update(shared.outbox).where(here).values(blank))

    def _overwrite(self, item_id: int) -> None:
        of_item = tables.items.c.id == item_id
        nothing = {"labels": [], "note": "", "source_id": ""}
        self._connection.execute(update(tables.items).where(of_item).values(nothing))
        of_signal = tables.signals.c.item_id == item_id
        blank = {"value": b"", "quality": None}
        self._connection.execute(update(tables.signals).where(of_signal).values(blank))

    def _withdraw(self, which: ColumnElement[bool]) -> int:
        opinion = shared.shared_opinions.c
        rows = self._connection.execute(
            select(opinion.item_id, opinion.member, opinion.stance).where(which)
        ).all()
        self._connection.execute(delete(shared.shared_opinions).where(which))
        for item_id, member, stance in rows:
            self._trust.withdrawn(self._connection, item_id, member, stance)
        return len(rows)

    def _remove(self, item_ids: Sequence[int], why: str) -> None:
        self._set_removed(item_ids, self._now, why)

    def _restore(self, item_ids: Sequence[int]) -> None:
        self._set_removed(item_ids, None, LISTED)

    def _set_removed(self, item_ids: Sequence[int], at: datetime | None, state: str) -> None:
        if not item_ids:
            return
        revision = next_revision(self._connection)
        for some in _parts(item_ids):
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

    def _items_of(self, entries: Iterable[int]) -> dict[int, Row[Any]]:
        found: dict[int, Row[Any]] = {}
        for some in _parts(sorted(set(entries))):
            rows = self._connection.execute(
                select(shared.shared_items).where(
                    self._here(), shared.shared_items.c.entry.in_(some)
                )
            )
            found.update((row.entry, row) for row in rows)
        return found

    def _write_faults(self, found: Sequence[Fault]) -> None:
        """Count faults by code, keep the first of them, and let the suspicious ones be seen."""
        if not found:
            return
        exchange, here = shared.exchanges.c, shared.exchanges.c.id == self._followed.id
        query = select(exchange.faults, exchange.suspect).where(here)
        counts, suspect = self._connection.execute(query).one()
        room = max(0, MAX_FAULTS - sum(counts.values()))
        for fault in found:
            counts[fault.code] = counts.get(fault.code, 0) + 1
        worst = next((one for one in found if one.suspicious), None)
        if worst is not None and not suspect:
            suspect = f"entry {worst.index}: {worst.reason}"
            self._record(Tag.EXCHANGE_SUSPECTED, {"entry": worst.index, "code": worst.code})
        values = {"faults": counts, "suspect": suspect}
        self._connection.execute(update(shared.exchanges).where(here).values(values))
        kept = {one.index: one for one in found[:room]}
        column = shared.faults.c
        for some in _parts(list(kept)):
            at = (column.exchange_id == self._followed.id) & column.entry.in_(some)
            self._connection.execute(delete(shared.faults).where(at))
        columns = (column.exchange_id, column.entry, column.code, column.reason, column.at)
        now = stored_time(self._now, self._connection.dialect)
        rows = [(self._followed.id, one.index, one.code, one.reason, now) for one in kept.values()]
        insert_rows(self._connection, columns, rows)
        for one in kept.values():
            self._record(Tag.ENTRY_REFUSED, {"entry": one.index, "code": one.code})

    def _report(self, line: Reported) -> None:
        body = {"entry": line.entry, "member": line.issuer, "action": line.action}
        body |= {"reason": line.reason, "received_at": line.at.isoformat()}
        subject = f"{self._followed.name}/{line.incident}"
        event = Event(self._now, Tag.INCIDENT_REPORTED, "node", subject, body)
        record_in(self._connection, event)

    def _record(self, tag: Tag, body: dict[str, Any]) -> None:
        record_in(self._connection, Event(self._now, tag, "node", self._followed.name, body))

    def _here(self) -> ColumnElement[bool]:
        return shared.shared_items.c.exchange_id == self._followed.id


def _parts(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (values[at : at + _SOME] for at in range(0, len(values), _SOME))


def digest_of(rows: Iterable[tuple[Any, ...]]) -> bytes:
    """Hash rows in the order given."""
    hasher = sha256()
    for row in rows:
        hasher.update(repr(row).encode())
    return hasher.digest()
