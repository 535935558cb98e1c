"""Carries out the effects of entries in this node's database, inside one transaction.

The same transaction moves the position in the log, and only if the position is the one that the
entries follow. So a crash at any point leaves the state of some prefix of the log; two processes
that follow the same exchange cannot both apply an entry; and applying a log again changes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, update

from tocsin.entries import statements
from tocsin.entries.envelope import Position
from tocsin.entries.register import Register
from tocsin.entries.statements import Erased
from tocsin.errors import Conflict
from tocsin.recording import shared
from tocsin.recording.bulk import insert_rows
from tocsin.recording.events import Event, Tag
from tocsin.recording.store import record_in
from tocsin.sharing.effects import (
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
from tocsin.sharing.faults import note_faults
from tocsin.sharing.holdings import ERASED, LEFT, LISTED, Holdings
from tocsin.sharing.outbox import blank_in, intend_in
from tocsin.sharing.replaying import Fault
from tocsin.sharing.settings import Followed
from tocsin.sharing.shelves import MAX_LISTS, Shelves
from tocsin.sharing.trusting import Trust
from tocsin.sharing.voices import Voices
from tocsin.trust.rows import chunks

LONG_PAGE = 4096
LONG_PAGE_KIB = 32_768
"""Entries from which a page is a long one, and the memory that SQLite may take for it."""


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that is written for some entries: their effects, and what was noted of them."""

    chunk: Chunk
    register: Register
    dump: str | None
    chains: Mapping[str, Position]
    blocks: Mapping[int, bytes]
    early_until: datetime | None


class Ledger:
    """The ledger of one followed exchange, open for one transaction."""

    def __init__(
        self, connection: Connection, followed: Followed, trust: Trust, now: datetime
    ) -> None:
        self._connection = connection
        self._followed = followed
        self._trust = trust
        self._now = now
        self._shelves = Shelves(connection, followed, now)
        self._holdings = Holdings(connection, followed, now)
        self._voices = Voices(connection, followed, trust)

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
        self._hear(page)
        self._delist([one for one in chunk.effects if isinstance(one, Delisted)])
        self._destroy([one for one in chunk.effects if isinstance(one, Destroyed)])
        self._quarantine(chunk.effects)
        for effect in chunk.effects:
            self._carry_out(effect)
        note_faults(self._connection, self._followed, faults, self._now)
        body = {"from": chunk.start, "to": chunk.end, "effects": len(chunk.effects)}
        self._record(Tag.ENTRIES_APPLIED, body)

    def sweep(self) -> None:
        """End a replay from the start: what it did not come across is not ours any more."""
        self._holdings.remove(self._holdings.stale(), LEFT)
        self._voices.sweep()

    def _advance(self, page: Page) -> None:
        """Move the position: the condition under which all the rest is true."""
        exchange, chunk = shared.exchanges.c, page.chunk
        values: dict[str, Any] = {"size": chunk.end, "advanced_at": self._now}
        values |= {"told": exchange.told + chunk.told, "early_until": page.early_until}
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
        for some in chunks(list(chains)):
            these = (chain.exchange_id == self._followed.id) & chain.member.in_(some)
            self._connection.execute(delete(shared.chains).where(these))
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
        chunk, holdings = page.chunk, self._holdings
        known = holdings.between(chunk.start, chunk.end) if self._followed.round else {}
        lists = self._shelves.of(_firsts(listings))
        fresh = [one for one in listings if one.entry not in known]
        received = holdings.put([one for one in fresh if one.role in lists], lists, page.register)
        if received:
            self._trust.received(self._connection, self._followed.name, received)
        holdings.confirm([known[one.entry] for one in listings if one.entry in known])
        return [_crowded(one) for one in fresh if one.role not in lists]

    def _hear(self, page: Page) -> None:
        opinions = [one for one in page.chunk.effects if isinstance(one, Held)]
        if opinions:
            about = self._holdings.of(one.said.of for one in opinions)
            self._voices.hear(opinions, about, page.register)

    def _delist(self, effects: Sequence[Delisted]) -> None:
        found = self._holdings.of(one.of for one in effects)
        for why in sorted({one.why for one in effects}):
            rows = [found[one.of] for one in effects if one.why == why and one.of in found]
            ids = [row.item_id for row in rows if row.state in {LISTED, LEFT}]
            self._holdings.remove(ids, why)
            self._trust.retracted(self._connection, ids)

    def _carry_out(self, effect: Effect) -> None:
        holdings = self._holdings
        match effect:
            case Left():
                holdings.remove(holdings.addressed(effect, LISTED), LEFT)
            case Joined():
                holdings.restore(holdings.addressed(effect, LEFT))
            case Reported():
                self._report(effect)
            case _:
                pass

    def _quarantine(self, effects: Sequence[Effect]) -> None:
        """Take items out of action, and let them rise again: as it is after the last effect.

        A log may suspend a member and take it back a thousand times; its items are touched once.
        """
        stays, silent = _quarantines(effects), _quarantines(effects, lasting=False)
        for issuer in {one.issuer for one in effects if isinstance(one, Released)}:
            whole = Quarantined(issuer, None, 0, 2**62)
            self._trust.released(self._connection, self._holdings.asserted(whole))
        for one in stays:
            self._trust.quarantined(self._connection, self._holdings.asserted(one))
        for one in silent:
            self._voices.silence(one)

    def _destroy(self, effects: Sequence[Destroyed]) -> None:
        """Overwrite what erased entries said, and have receipts sent where there was anything."""
        asked = {one.of: one.entry for one in reversed(effects)}
        if not asked:
            return
        blank_in(self._connection, self._followed.id, list(asked))
        items = self._holdings.of(asked)
        items = {of: row for of, row in items.items() if row.state != ERASED}
        gone = [row.item_id for row in items.values()]
        held = items.keys() | self._voices.forget(list(asked))
        self._holdings.remove(gone, ERASED)
        self._holdings.overwrite(gone)
        self._trust.destroyed(self._connection, gone)
        for of in sorted(held) if self._followed.member else ():
            receipt = statements.write(Erased(of=asked[of]))
            intend_in(self._connection, self._followed.id, receipt, self._now)

    def _report(self, line: Reported) -> None:
        body = {"entry": line.entry, "member": line.issuer, "action": line.action}
        body |= {"reason": line.reason, "received_at": line.at.isoformat()}
        subject = f"{self._followed.name}/{line.incident}"
        event = Event(self._now, Tag.INCIDENT_REPORTED, "node", subject, body)
        record_in(self._connection, event)

    def _record(self, tag: Tag, body: dict[str, Any]) -> None:
        record_in(self._connection, Event(self._now, tag, "node", self._followed.name, body))


def _firsts(listings: Sequence[Listing]) -> dict[str, Listing]:
    """Return the first item for each list."""
    return {one.role: one for one in reversed(listings)}


def _crowded(one: Listing) -> Fault:
    reason = f"{one.issuer} has begun {MAX_LISTS} lists already"
    return Fault(one.entry, "too_many_lists", reason)


def _quarantines(effects: Sequence[Effect], *, lasting: bool = True) -> list[Quarantined]:
    """Join quarantines of one member and key; of the `lasting` ones none was released behind it."""
    found: dict[tuple[str, bytes | None], Quarantined] = {}
    for one in effects:
        if isinstance(one, Released) and lasting:
            found = {key: other for key, other in found.items() if other.issuer != one.issuer}
        elif isinstance(one, Quarantined):
            old = found.get((one.issuer, one.key), one)
            since, before = min(old.since, one.since), max(old.before, one.before)
            found[one.issuer, one.key] = Quarantined(one.issuer, one.key, since, before)
    return list(found.values())
