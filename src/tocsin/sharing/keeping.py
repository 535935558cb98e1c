"""Keeps the database in step with one exchange: accepts checkpoints, applies pages, freezes.

Every method is one transaction. The indices are told after it.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, case, delete, select, update

from tocsin.errors import Conflict
from tocsin.recording import shared
from tocsin.recording.events import Event, Tag
from tocsin.recording.store import Store, record_in
from tocsin.sharing.effects import Destroyed
from tocsin.sharing.ledger import Ledger, Page
from tocsin.sharing.settings import Followed
from tocsin.sharing.trusting import Trust

Changed = Callable[[], object]
"""Told after lists changed: refresh the indices, wake the look-back."""

ROLLED_BACK = "rolled_back"
"""The kind of exhibit of a log that became smaller: the only one that time may explain."""


@dataclass(frozen=True, slots=True)
class Exhibit:
    """What an exchange showed that cannot be: its kind, a sentence, and the bytes by name."""

    kind: str
    reason: str
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Advance:
    """A checkpoint that was found to extend the one accepted before (None: the first)."""

    before: bytes | None
    note: bytes
    size: int


class Keeper:
    """Writes for every followed exchange. Thread-safe."""

    def __init__(
        self, store: Store, trust: Trust, clock: Callable[[], datetime], changed: Changed
    ) -> None:
        self._store = store
        self._trust = trust
        self._clock = clock
        self._changed = changed
        # False at first: the last run may have ended before it came to it.
        self._scrubbed = False

    def accept(self, followed: Followed, advance: Advance) -> None:
        """Remember a checkpoint before anything under it is applied. Raises as `apply`."""
        self._store.write(lambda connection: self._accept(connection, followed, advance)).result()

    def apply(self, followed: Followed, page: Page, advance: Advance | None = None) -> None:
        """Apply a page, and remember the checkpoint that it leads to, where one is given.

        Raises Conflict if it is not the next one: another process was faster, or the exchange is
        frozen or gone. Raises Unavailable.
        """
        self.begin(followed, page, advance)()

    def begin(
        self, followed: Followed, page: Page, advance: Advance | None = None
    ) -> Callable[[], None]:
        """Begin to apply a page; the answer waits until it is, and raises as `apply`.

        The next page may be begun before: pages are written in the order in which they were begun,
        and one that fails makes those behind it fail.
        """

        def job(connection: Connection) -> None:
            if advance is not None:
                self._accept(connection, followed, advance)
            ledger = Ledger(connection, followed, self._trust, self._clock())
            ledger.write(page)
            self._end_round(connection, followed, ledger, page.chunk.end)

        written = self._store.write(job)

        def finish() -> None:
            written.result()
            if any(isinstance(one, Destroyed) for one in page.chunk.effects):
                self._scrubbed = False
                self._scrub()
            if page.chunk.effects:
                self._changed()

        return finish

    def settle(self) -> None:
        """Finish what corrections and erasures began. Raises Unavailable."""
        self._trust.settle()
        self._scrub()

    def _scrub(self) -> None:
        """Empty the database's own log, where what was erased still stands; else with `settle`."""
        if not self._scrubbed:
            self._scrubbed = self._store.scrub()

    def freeze(self, followed: Followed, exhibit: Exhibit) -> None:
        """Stop applying anything of an exchange, and keep what it showed."""

        def job(connection: Connection) -> None:
            now, exchange = self._clock(), shared.exchanges.c
            frozen = connection.execute(
                update(shared.exchanges)
                .where(exchange.id == followed.id, exchange.frozen == "")
                .values(frozen=exhibit.reason)
            )
            if not frozen.rowcount:
                return
            files = {name: base64.b64encode(one).decode() for name, one in exhibit.files.items()}
            values = {
                "exchange_id": followed.id,
                "at": now,
                "kind": exhibit.kind,
                "reason": exhibit.reason,
                "files": files,
            }
            connection.execute(shared.evidence.insert().values(values))
            body = {"kind": exhibit.kind, "reason": exhibit.reason}
            record_in(connection, Event(now, Tag.EXCHANGE_FROZEN, "node", followed.name, body))

        self._store.write(job).result()

    def thaw(self, followed: Followed, *, actor: str, forget: bool = False) -> None:
        """Let a frozen exchange go on; `forget` drops the checkpoint that was accepted last."""
        values: dict[str, Any] = {"frozen": "", "suspect": ""} | ({"note": None} if forget else {})

        def job(connection: Connection) -> None:
            here = shared.exchanges.c.id == followed.id
            connection.execute(update(shared.exchanges).where(here).values(values))
            now, body = self._clock(), {"forget": forget}
            record_in(connection, Event(now, Tag.EXCHANGE_RESUMED, actor, followed.name, body))

        self._store.write(job).result()

    def restart(self, followed: Followed, reason: str, *, actor: str) -> None:
        """Begin a replay from the first entry. Items stay on their lists meanwhile."""

        def job(connection: Connection) -> None:
            exchange = shared.exchanges.c
            here = exchange.id == followed.id
            row = connection.execute(select(shared.exchanges).where(here)).one()
            if row.round != followed.round or not row.size:
                return
            values: dict[str, Any] = {"size": 0, "register": "", "told": 0, "faults": {}}
            values |= {"round": row.round + 1, "sweep_at": row.size, "suspect": ""}
            values |= {"covered": row.size, "early_until": None}
            connection.execute(update(shared.exchanges).where(here).values(values))
            for table in (shared.chains, shared.leaves, shared.faults):
                connection.execute(delete(table).where(table.c.exchange_id == followed.id))
            body = {"reason": reason, "entries": row.size}
            now = self._clock()
            record_in(connection, Event(now, Tag.EXCHANGE_REPLAYED, actor, followed.name, body))

        self._store.write(job).result()

    def _accept(self, connection: Connection, followed: Followed, advance: Advance) -> None:
        exchange = shared.exchanges.c
        moved = connection.execute(
            update(shared.exchanges)
            .where(exchange.id == followed.id, exchange.removed_at.is_(None))
            .where(exchange.frozen == "", _is(exchange.note, advance.before))
            .values(note=advance.note, covered=_covered(advance.size))
        )
        if moved.rowcount != 1:
            raise Conflict(f"{followed.name} was frozen, left, or moved on meanwhile")

    def _end_round(
        self, connection: Connection, followed: Followed, ledger: Ledger, size: int
    ) -> None:
        """Sweep when a replay has reached the size at which it began."""
        if not followed.round:
            return
        exchange = shared.exchanges.c
        here = (exchange.id == followed.id) & (exchange.sweep_at <= size)
        ended = connection.execute(update(shared.exchanges).where(here).values(sweep_at=None))
        if ended.rowcount:
            ledger.sweep()


def _covered(size: int) -> ColumnElement[int]:
    """Return what is covered once a log of this size is read: it only grows with the first page."""
    exchange = shared.exchanges.c
    first = (exchange.size == 0) & (exchange.covered < size)
    return case((first, size), else_=exchange.covered)


def _is(column: Column[Any], value: bytes | None) -> ColumnElement[bool]:
    return column.is_(None) if value is None else column == value
