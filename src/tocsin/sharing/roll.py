"""The roll of exchanges that this node follows, in its database: entered, changed, struck off."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from tocsin.errors import Conflict, NotFound
from tocsin.lists.items import renew_in
from tocsin.model import ListKind, Stage, Verdict
from tocsin.recording import shared, tables
from tocsin.recording.events import Event, Tag
from tocsin.recording.store import Store, next_revision, record_in
from tocsin.sharing.settings import Followed, Terms

_NOTHING_YET: dict[str, Any] = {
    "removed_at": None,
    "note": None,
    "size": 0,
    "register": "",
    "round": 0,
    "covered": 0,
    "sweep_at": None,
    "frozen": "",
    "suspect": "",
    "advanced_at": None,
    "told": 0,
    "faults": {},
    "early_until": None,
}
"""The state of an exchange that was just added."""


class Roll:
    """The roll. Thread-safe; every method raises Unavailable. `settings` has what changes."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    def rows(self) -> Sequence[Row[Any]]:
        """Return the rows of the exchanges that are followed, by name."""
        exchange = shared.exchanges.c
        query = select(shared.exchanges).where(exchange.removed_at.is_(None))
        with self._store.read() as connection:
            return connection.execute(query.order_by(exchange.name)).all()

    def row(self, name: str) -> Row[Any]:
        """Return the row of one. Raises NotFound."""
        for row in self.rows():
            if row.name == name:
                return row
        raise NotFound(
            f"this node does not follow an exchange {name[:40]}", advice="See `tocsin status`."
        )

    def all(self) -> list[Followed]:
        """Return the exchanges that are followed, by name."""
        return [Followed.of(row) for row in self.rows()]

    def get(self, name: str) -> Followed:
        """Return one. Raises NotFound."""
        return Followed.of(self.row(name))

    def enter(
        self,
        name: str,
        *,
        origin: str,
        url: str,
        policy: str,
        member: str,
        terms: Terms,
        actor: str,
    ) -> Followed:
        """Enter an exchange, of which nothing is known yet. Raises Conflict."""
        about: dict[str, Any] = {"origin": origin, "url": url, "member": member}
        values = {"name": name, "policy": policy, "settings": terms.dump(), "acting": False}
        values |= _NOTHING_YET | about | {"added_at": self._clock()}

        def job(connection: Connection) -> Followed:
            exchange = shared.exchanges.c
            here = exchange.name == name
            if connection.execute(select(exchange.id).where(here)).first() is not None:
                raise Conflict(f"there is an exchange {name} already")
            connection.execute(insert(shared.exchanges).values(values))
            self._record(connection, Tag.EXCHANGE_FOLLOWED, actor, name, about)
            return Followed.of(connection.execute(select(shared.exchanges).where(here)).one())

        return self._store.write(job).result()

    def strike(self, followed: Followed, *, actor: str) -> None:
        """Strike an exchange off, and take its items off the lists."""
        freed = f"{followed.name}~{followed.id}"  # The name may be used again at once.

        def job(connection: Connection) -> None:
            exchange, now = shared.exchanges.c, self._clock()
            gone = connection.execute(
                update(shared.exchanges)
                .where(exchange.id == followed.id, exchange.removed_at.is_(None))
                .values(removed_at=now, name=freed)
            )
            if gone.rowcount:
                _remove_lists(connection, followed, now)
                self._record(connection, Tag.EXCHANGE_LEFT, actor, followed.name, {})

        self._store.write(job).result()

    def set_terms(self, followed: Followed, terms: Terms, *, actor: str) -> None:
        """Change the terms of an exchange, and its lists along."""

        def job(connection: Connection) -> None:
            here = shared.exchanges.c.id == followed.id
            change = update(shared.exchanges).where(here).values(settings=terms.dump())
            connection.execute(change)
            block = (tables.lists.c.kind == ListKind.BLOCK.value) & ~tables.lists.c.verdict.in_(
                [Verdict.ALLOW.value]  # Those of drills.
            )
            verdicts = {"verdict": terms.verdict.value, "exact_verdict": terms.exact_verdict.value}
            these = tables.lists.c.id.in_(_lists_of(followed)) & block
            connection.execute(update(tables.lists).where(these).values(verdicts))
            body = {"terms": terms.dump()}
            self._record(connection, Tag.EXCHANGE_CHANGED, actor, followed.name, body)

        self._store.write(job).result()

    def set_place(self, followed: Followed, url: str, policy: str, *, actor: str) -> None:
        """Change where an exchange is, and whom of its log and witnesses we trust."""
        about = {"url": url, "policy": policy}

        def job(connection: Connection) -> None:
            here = shared.exchanges.c.id == followed.id
            connection.execute(update(shared.exchanges).where(here).values(about))
            self._record(connection, Tag.EXCHANGE_CHANGED, actor, followed.name, about)

        self._store.write(job).result()

    def set_acting(self, followed: Followed, *, acting: bool, actor: str) -> None:
        """Let the lists of an exchange count, or no longer."""
        changed = replace(followed, acting=acting)

        def job(connection: Connection) -> None:
            rule = tables.lists.c
            here = shared.exchanges.c.id == followed.id
            connection.execute(update(shared.exchanges).where(here).values(acting=acting))
            next_revision(connection)
            lists = _lists_of(followed)
            for kind in ListKind:
                connection.execute(
                    update(tables.lists)
                    .where(rule.id.in_(lists), rule.kind == kind.value)
                    .values(enabled=changed.counts(kind))
                )
            if acting and not followed.acting:
                # What rose while its list did not count was looked back for in vain.
                item = tables.items.c
                acts = item.list_id.in_(lists) & (item.stage != Stage.SHADOW.value)
                renew_in(connection, select(item.id).where(acts, item.removed_at.is_(None)))
            body = {"acting": acting}
            self._record(connection, Tag.EXCHANGE_ACTIVATED, actor, followed.name, body)

        self._store.write(job).result()

    def _record(
        self, connection: Connection, tag: Tag, actor: str, name: str, body: dict[str, Any]
    ) -> None:
        record_in(connection, Event(self._clock(), tag, actor, name, body))


def _lists_of(followed: Followed) -> Select[tuple[int]]:
    lists = shared.shared_lists.c
    return select(lists.list_id).where(lists.exchange_id == followed.id)


def _remove_lists(connection: Connection, followed: Followed, now: datetime) -> None:
    revision, rule = next_revision(connection), tables.lists.c
    for list_id in connection.execute(_lists_of(followed)).scalars().all():
        name = connection.execute(select(rule.name).where(rule.id == list_id)).scalar_one()
        values = {"removed_at": now, "enabled": False, "name": f"{name[:40]}~{list_id}"}
        if "~" not in name:
            connection.execute(update(tables.lists).where(rule.id == list_id).values(values))
        connection.execute(
            update(tables.signals)
            .where(tables.signals.c.list_id == list_id)
            .values(removed=True, revision=revision)
        )
