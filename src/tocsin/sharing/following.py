"""All exchanges that this node follows: begin, look, let act, end."""

import base64
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Row, Select, insert, select, update

from tocsin.entries import statements
from tocsin.entries.invitation import Invitation
from tocsin.entries.register import Register
from tocsin.entries.statements import View
from tocsin.errors import Conflict, InvalidInput, NotFound, TocsinError, UnsafeAddress
from tocsin.model import ListKind, Verdict
from tocsin.recording import shared, tables
from tocsin.recording.events import Event, Tag
from tocsin.recording.store import Store, next_revision, record_in
from tocsin.sharing.checkers import Checkers
from tocsin.sharing.entrusting import rule_in
from tocsin.sharing.feedback import Feedback
from tocsin.sharing.follower import NO_QUORUM, Follower, Progress
from tocsin.sharing.keeping import Changed, Exhibit, Keeper
from tocsin.sharing.keys import MemberKeys
from tocsin.sharing.line import WITNESS_S, Health, Line, Standing
from tocsin.sharing.outbox import State, intend_in
from tocsin.sharing.place import Place
from tocsin.sharing.publishing import Publisher
from tocsin.sharing.replaying import Fault
from tocsin.sharing.settings import NAME, Followed, Terms, parse_policy
from tocsin.sharing.trusting import Trust

LOOK_S = 2.0
"""How soon a node that serves notices what a command changed about the exchanges it follows."""

Connect = Callable[[Followed, Ed25519PrivateKey | None], Place]
"""Opens the way to an exchange, as the member whose key is given."""

Enter = Callable[[Invitation, Ed25519PrivateKey], object]
"""Becomes a member of an exchange with a key of one's own; doing it twice is fine."""


@dataclass(frozen=True, slots=True)
class Status:
    """How it stands with one exchange, for a person.

    `size` counts the entries applied, `told` those that count; `faults` those that do not, by code.
    `advanced_at` is when the latest were applied. `health` is None in a process that does not
    follow. `suspect` and `frozen` say why, or are empty. `waiting` and `refused` count statements
    of ours that are to be published, or that the exchange would not have.
    """

    followed: Followed
    size: int
    told: int
    faults: dict[str, int]
    advanced_at: datetime | None
    suspect: str
    frozen: str
    replaying: bool
    waiting: int
    refused: int
    health: Health | None
    now: datetime

    @property
    def standing(self) -> str:
        """One word: `frozen`, `suspect`, or what the line says."""
        if self.frozen:
            return Standing.FROZEN.value
        standing = "not followed here" if self.health is None else self.health.standing.value
        return "suspect" if self.suspect and standing == Standing.FOLLOWING.value else standing

    @property
    def unwitnessed(self) -> bool:
        """Whether a quorum of witnesses is asked for and has not been seen for two rounds."""
        if self.health is None or self.followed.quorum.quorum == NO_QUORUM:
            return False
        last = self.health.witnessed_at
        return last is None or (self.now - last).total_seconds() > 2 * WITNESS_S

    @property
    def age_s(self) -> float | None:
        """For how many seconds nothing was heard of it; None before the first time."""
        heard = None if self.health is None else self.health.contact_at
        heard = heard or self.advanced_at
        return None if heard is None else max(0.0, (self.now - heard).total_seconds())


class Following:
    """The exchanges of this node. Thread-safe.

    `start` follows in threads; one process at a time should, though several do no harm.
    """

    def __init__(
        self,
        store: Store,
        trust: Trust,
        clock: Callable[[], datetime],
        folder: Path,
        *,
        connect: Connect,
        changed: Changed,
        processes: int = os.cpu_count() or 1,
    ) -> None:
        self._store = store
        self._clock = clock
        self._keys = MemberKeys(folder)
        self._connect = connect
        self._changed = changed
        self._keeper = Keeper(store, trust, clock, changed)
        self._checkers = partial(Checkers, processes)
        self._feedback = Feedback(store)
        self._aligning = threading.RLock()
        # Changed under _aligning alone: the lines, on which terms each was begun, and why some
        # exchanges have none.
        self._lines: dict[int, Line] = {}
        self._begun: dict[int, Followed] = {}
        self._barred: dict[int, str] = {}
        self._closing = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="following", daemon=True)
        self._started = False

    def start(self) -> None:
        """Follow every exchange, in threads."""
        self._started = True
        self._align()
        self._watcher.start()

    def close(self) -> None:
        """Stop following. May be called twice."""
        self._closing.set()
        if self._watcher.is_alive():
            self._watcher.join()
        with self._aligning:
            self._started = False
            for exchange_id in list(self._lines):
                self._end(exchange_id)

    def add(
        self,
        name: str,
        *,
        origin: str,
        url: str,
        policy: str,
        actor: str,
        member: str = "",
        key: Ed25519PrivateKey | None = None,
        terms: Terms = Terms(),  # noqa: B008 - frozen
    ) -> Followed:
        """Follow one more exchange. Its lists do not count before `activate`.

        `policy` is a C2SP tlog-policy that names its log; without `member` only what is public is
        read. `key` is kept for publishing. Raises InvalidInput, Conflict, Unavailable.
        """
        if not NAME.fullmatch(name):
            raise InvalidInput(
                f"{name[:40]!r} cannot name an exchange: up to 24 of a-z, 0-9 and '-'"
            )
        if not any(one.name == origin for one in parse_policy(policy).logs):
            raise InvalidInput(f"the policy does not name the log {origin}")
        if key is not None:
            self._keys.keep(name, key)
        values: dict[str, Any] = {"name": name, "origin": origin, "url": url, "policy": policy}
        values |= {"member": member, "settings": terms.dump(), "acting": False}
        values |= _NOTHING_YET | {"added_at": self._clock()}
        followed = self._store.write(lambda one: self._add(one, values, actor)).result()
        self._begin(followed)
        return followed

    def join(
        self,
        name: str,
        invitation: Invitation,
        enter: Enter,
        *,
        policy: str,
        actor: str,
        terms: Terms,
    ) -> Followed:
        """Become a member by an invitation, and follow as that. Raises as `add`, and Refused.

        The key is stored before the exchange hears of it: if this is cut short, calling it again
        with the same name and invitation goes on.
        """
        if any(one.name == name for one in self.all()):
            raise Conflict(f"there is an exchange {name} already")
        key = self._keys.read(name) or self._keys.make(name)
        enter(invitation, key)
        return self.add(
            name,
            origin=invitation.origin,
            url=invitation.url,
            policy=policy,
            actor=actor,
            member=invitation.member,
            terms=terms,
        )

    def remove(self, name: str, *, actor: str) -> None:
        """Follow an exchange no more, and take its items off the lists. Raises NotFound."""
        followed = self.get(name)
        self._end(followed.id)
        self._store.write(lambda one: self._remove(one, followed, actor)).result()
        self._keys.drop(name)
        self._changed()

    def activate(self, name: str, *, actor: str) -> None:
        """Let the lists of an exchange count; its items still act as far as trust lets them."""
        self._set_acting(self.get(name), actor, acting=True)

    def deactivate(self, name: str, *, actor: str) -> None:
        """Let the lists of an exchange count no more, and go on following it."""
        self._set_acting(self.get(name), actor, acting=False)

    def change_terms(self, name: str, terms: Terms, *, actor: str) -> None:
        """Change the terms on which an exchange is followed; its lists are changed along.

        Whoever calls lets trust review everything after it. Raises InvalidInput, NotFound.
        """
        rule_in(terms.rule)
        followed = replace(self.get(name), terms=terms)

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
            self._record_terms(connection, followed, actor)

        self._store.write(job).result()
        self._set_acting(followed, actor, acting=followed.acting)

    def resume(self, name: str, *, actor: str, forget: bool = False) -> None:
        """Let a frozen exchange go on, after a person has read the evidence.

        `forget` drops the checkpoint accepted last: only for an exchange that had to begin anew.
        Raises NotFound.
        """
        followed = self.get(name)
        values: dict[str, Any] = {"frozen": "", "suspect": ""} | ({"note": None} if forget else {})

        def job(connection: Connection) -> None:
            here = shared.exchanges.c.id == followed.id
            connection.execute(update(shared.exchanges).where(here).values(values))
            body = {"forget": forget}
            record_in(connection, Event(self._clock(), Tag.EXCHANGE_RESUMED, actor, name, body))

        self._store.write(job).result()
        if forget:
            self._keeper.restart(followed, "begun anew", actor=actor)
        self._wake(followed.id)

    def replay(self, name: str, *, actor: str) -> None:
        """Read the log of an exchange again from its first entry. Raises NotFound."""
        followed = self.get(name)
        self._keeper.restart(followed, "asked for", actor=actor)
        self._restart_line(followed)

    def catch_up(self, name: str, progress: Progress | None = None) -> None:
        """Bring one exchange up to date in this thread, where nothing follows it: for commands.

        Raises Conflict (frozen, or another process is at it), NotFound, Unavailable.
        """
        followed = self.get(name)
        place = self._connect(followed, self._keys.read(name))
        try:
            follower = self._follower(followed, place)
            if progress is None:
                follower.catch_up()
            else:
                follower.catch_up(progress)
        finally:
            place.close()

    def publisher(self, name: str) -> Publisher:
        """Return what publishes to an exchange. Raises NotFound, and Conflict for a stranger."""
        followed = self.get(name)
        key = self._keys.read(name)
        if key is None or not followed.member:
            raise Conflict(
                f"this node has no key at {name}", advice="Join it with an invitation first."
            )
        return Publisher(self._store, self._connect(followed, key), followed, key, self._clock)

    def reply(self, item_id: int, view: View, *, reason: str = "", own_media: bool = False) -> int:
        """Tell the exchange that an item came from what we think of it, if our terms say so.

        Returns how many opinions are on their way. Raises Unavailable.
        """
        replies = self._feedback.on(item_id, view, reason=reason, own_media=own_media)
        for one in replies:
            exchange_id, payload = self.get(one.exchange).id, statements.write(one.said)

            def job(connection: Connection, to: int = exchange_id, what: bytes = payload) -> int:
                return intend_in(connection, to, what, self._clock())

            self._store.write(job).result()
            self._wake(exchange_id)
        return len(replies)

    def all(self) -> list[Followed]:
        """Return the exchanges that are followed, by name. Raises Unavailable."""
        return [Followed.of(row) for row in self._rows()]

    def get(self, name: str) -> Followed:
        """Return one exchange. Raises NotFound, Unavailable."""
        return Followed.of(self._row(name))

    def lists(self, name: str) -> list[str]:
        """Return the names of the lists that an exchange fills. Raises NotFound, Unavailable."""
        role = shared.shared_lists.c
        query = (
            select(tables.lists.c.name)
            .join(shared.shared_lists, role.list_id == tables.lists.c.id)
            .where(role.exchange_id == self.get(name).id, tables.lists.c.removed_at.is_(None))
            .order_by(tables.lists.c.name)
        )
        with self._store.read() as connection:
            return list(connection.execute(query).scalars())

    def register(self, name: str) -> Register:
        """Return what an exchange's log says of members, rules and incidents, as far as applied.

        Raises NotFound, Unavailable.
        """
        row = self._row(name)
        return Register.load(row.register.encode()) if row.register else Register(row.origin)

    def audience(self, name: str, entry: int) -> str:
        """Return who reads what was said about an item. Raises NotFound, Unavailable."""
        item = shared.shared_items.c
        query = select(item.audience).where(
            item.exchange_id == self.get(name).id, item.entry == entry
        )
        with self._store.read() as connection:
            found = connection.execute(query).scalar()
        if found is None:
            raise NotFound(
                f"entry {entry} of {name} is no item that this node has",
                advice="`tocsin sync` fetches new ones.",
            )
        return str(found)

    def situation(self, name: str, incident: str) -> list[dict[str, Any]]:
        """Return the situation log of an incident, oldest first. Raises NotFound, Unavailable."""
        event = tables.events.c
        subject = f"{self.get(name).name}/{incident}"
        query = select(event.body).where(
            event.subject == subject, event.tag == Tag.INCIDENT_REPORTED.value
        )
        with self._store.read() as connection:
            bodies = connection.execute(query.order_by(event.id)).scalars().all()
        # A log that was read twice was reported twice.
        return list({body["entry"]: body for body in bodies}.values())

    def status(self) -> list[Status]:
        """Say how it stands with every exchange. Raises Unavailable."""
        waiting, refused = (self._outbox(one) for one in (State.WAITING, State.REFUSED))
        return [
            Status(
                followed=Followed.of(row),
                size=row.size,
                told=row.told,
                faults=row.faults,
                advanced_at=row.advanced_at,
                suspect=row.suspect,
                frozen=row.frozen,
                replaying=row.sweep_at is not None,
                waiting=waiting.get(row.id, 0),
                refused=refused.get(row.id, 0),
                health=self._lines[row.id].health if row.id in self._lines else None,
                now=self._clock(),
            )
            for row in self._rows()
        ]

    def faults(self, name: str) -> list[Fault]:
        """Return the entries without effect that are kept. Raises NotFound, Unavailable."""
        fault = shared.faults.c
        query = select(fault.entry, fault.code, fault.reason).order_by(fault.entry)
        with self._store.read() as connection:
            here = fault.exchange_id == self._row(name).id
            return [Fault(*row) for row in connection.execute(query.where(here))]

    def evidence(self, name: str) -> list[Exhibit]:
        """Return what froze an exchange, oldest first. Raises NotFound, Unavailable."""
        exhibit = shared.evidence.c
        here = exhibit.exchange_id == self._row(name).id
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

    def problems(self) -> tuple[str, ...]:
        """Say what is wrong with the exchanges that are followed here, in sentences."""
        found = []
        for one in self.status():
            name = one.followed.name
            if one.frozen:
                found.append(f"the exchange {name} is frozen: {one.frozen}")
            elif one.health is not None and one.health.standing is Standing.UNREACHABLE:
                found.append(f"the exchange {name} is not reached: {one.health.error}")
            elif one.followed.id in self._barred:
                found.append(f"the exchange {name} is not reached: {self._barred[one.followed.id]}")
            if one.refused:
                found.append(f"the exchange {name} refused {one.refused} of our statements")
            if one.unwitnessed:
                found.append(f"the exchange {name} lacks its quorum of witnesses")
            if one.suspect:
                found.append(f"the exchange {name} is suspect: {one.suspect}")
        return tuple(found)

    def _add(self, connection: Connection, values: dict[str, Any], actor: str) -> Followed:
        exchange = shared.exchanges.c
        name = values["name"]
        taken = select(exchange.id).where(exchange.name == name)
        if connection.execute(taken).first() is not None:
            raise Conflict(f"there is an exchange {name} already")
        connection.execute(insert(shared.exchanges).values(values))
        body = {"origin": values["origin"], "url": values["url"], "member": values["member"]}
        record_in(connection, Event(self._clock(), Tag.EXCHANGE_FOLLOWED, actor, name, body))
        query = select(shared.exchanges).where(exchange.name == name)
        return Followed.of(connection.execute(query).one())

    def _remove(self, connection: Connection, followed: Followed, actor: str) -> None:
        exchange, now = shared.exchanges.c, self._clock()
        freed = f"{followed.name}~{followed.id}"  # The name may be used again at once.
        gone = connection.execute(
            update(shared.exchanges)
            .where(exchange.id == followed.id, exchange.removed_at.is_(None))
            .values(removed_at=now, name=freed)
        )
        if not gone.rowcount:
            return
        revision = next_revision(connection)
        of_it = shared.shared_lists.c.exchange_id == followed.id
        lists = connection.execute(select(shared.shared_lists.c.list_id).where(of_it)).scalars()
        for list_id in lists.all():
            rule = tables.lists.c
            name = connection.execute(select(rule.name).where(rule.id == list_id)).scalar_one()
            values = {"removed_at": now, "enabled": False, "name": f"{name[:40]}~{list_id}"}
            if "~" not in name:
                connection.execute(update(tables.lists).where(rule.id == list_id).values(values))
            connection.execute(
                update(tables.signals)
                .where(tables.signals.c.list_id == list_id)
                .values(removed=True, revision=revision)
            )
        record_in(connection, Event(now, Tag.EXCHANGE_LEFT, actor, followed.name, {}))

    def _record_terms(self, connection: Connection, followed: Followed, actor: str) -> None:
        body = {"terms": followed.terms.dump()}
        happened = Event(self._clock(), Tag.EXCHANGE_CHANGED, actor, followed.name, body)
        record_in(connection, happened)

    def _set_acting(self, followed: Followed, actor: str, *, acting: bool) -> None:
        changed = replace(followed, acting=acting)

        def job(connection: Connection) -> None:
            exchange, rule = shared.exchanges.c, tables.lists.c
            here = exchange.id == followed.id
            connection.execute(update(shared.exchanges).where(here).values(acting=acting))
            next_revision(connection)
            lists = _lists_of(followed)
            for kind in ListKind:
                connection.execute(
                    update(tables.lists)
                    .where(rule.id.in_(lists), rule.kind == kind.value)
                    .values(enabled=changed.counts(kind))
                )
            body = {"acting": acting}
            now = self._clock()
            event = Event(now, Tag.EXCHANGE_ACTIVATED, actor, followed.name, body)
            record_in(connection, event)

        self._store.write(job).result()
        self._restart_line(followed)
        self._changed()

    def _begin(self, followed: Followed) -> None:
        if not self._started or followed.id in self._lines:
            return
        self._begun[followed.id] = replace(followed, round=0)
        key = self._keys.read(followed.name)
        try:
            place = self._connect(followed, key)
        except UnsafeAddress as error:
            # Its lists go on as they are: one exchange must not keep a node from starting.
            self._barred[followed.id] = str(error)
            return
        publisher = None
        if key is not None and followed.member:
            publisher = Publisher(self._store, place, followed, key, self._clock)
        line = Line(self._follower(followed, place), place, publisher, self._clock)
        self._lines[followed.id] = line
        line.start()

    def _restart_line(self, followed: Followed) -> None:
        """Have a line start from what is stored now."""
        with self._aligning:
            if followed.id in self._lines:
                self._end(followed.id)
                self._begin(self.get(followed.name))

    def _end(self, exchange_id: int) -> None:
        with self._aligning:
            line = self._lines.pop(exchange_id, None)
            self._begun.pop(exchange_id, None)
            self._barred.pop(exchange_id, None)
        if line is not None:
            line.close()

    def _align(self) -> None:
        """Begin what is to be followed, end what is not, on the terms of now. Raises Unavailable.

        A command in another process may have changed any of it.
        """
        present = {one.id: one for one in self.all()}
        with self._aligning:
            for exchange_id, begun in list(self._begun.items()):
                now = present.get(exchange_id)
                if now is None or replace(now, round=0) != begun:
                    self._end(exchange_id)
            for followed in present.values():
                if followed.id not in self._begun:
                    self._begin(followed)

    def _watch(self) -> None:
        """Top loop of the watcher: what cannot be read now is read next time."""
        while not self._closing.wait(LOOK_S):
            with suppress(TocsinError):
                self._align()

    def _follower(self, followed: Followed, place: Place) -> Follower:
        return Follower(self._store, self._keeper, place, followed.id, self._clock, self._checkers)

    def _wake(self, exchange_id: int) -> None:
        if exchange_id in self._lines:
            self._lines[exchange_id].wake()

    def _outbox(self, state: State) -> dict[int, int]:
        column = shared.outbox.c
        query = select(column.exchange_id, column.id).where(column.state == state.value)
        counts: dict[int, int] = {}
        with self._store.read() as connection:
            for exchange_id, _ in connection.execute(query):
                counts[exchange_id] = counts.get(exchange_id, 0) + 1
        return counts

    def _rows(self) -> Sequence[Row[Any]]:
        exchange = shared.exchanges.c
        query = select(shared.exchanges).where(exchange.removed_at.is_(None))
        with self._store.read() as connection:
            return connection.execute(query.order_by(exchange.name)).all()

    def _row(self, name: str) -> Row[Any]:
        for row in self._rows():
            if row.name == name:
                return row
        raise NotFound(
            f"this node does not follow an exchange {name[:40]}", advice="See `tocsin status`."
        )


def _lists_of(followed: Followed) -> Select[tuple[int]]:
    lists = shared.shared_lists.c
    return select(lists.list_id).where(lists.exchange_id == followed.id)


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
}
"""The state of an exchange that was just added."""
