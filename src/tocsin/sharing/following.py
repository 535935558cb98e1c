"""All exchanges that this node follows: begin, look, let act, end."""

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection

from tocsin.entries import statements
from tocsin.entries.invitation import Invitation
from tocsin.entries.statements import View
from tocsin.entries.translating import translated
from tocsin.errors import Conflict, InvalidInput
from tocsin.exchange.errors import ExchangeError
from tocsin.exchange.tiles import CHECKPOINT
from tocsin.recording.store import Store
from tocsin.sharing.checkers import Checkers
from tocsin.sharing.dossier import Dossier
from tocsin.sharing.entrusting import rule_in
from tocsin.sharing.feedback import Feedback
from tocsin.sharing.follower import Follower, Progress
from tocsin.sharing.keeping import Changed, Keeper
from tocsin.sharing.keys import MemberKeys
from tocsin.sharing.line import Line
from tocsin.sharing.lines import Lines
from tocsin.sharing.outbox import intend_in, refused_in, waiting_in
from tocsin.sharing.place import Place
from tocsin.sharing.publishing import Publisher
from tocsin.sharing.roll import Roll
from tocsin.sharing.rotating import Rotated, Rotation
from tocsin.sharing.settings import NAME, Followed, Terms, parse_policy
from tocsin.sharing.status import Status
from tocsin.sharing.trusting import Trust

Connect = Callable[[Followed, Ed25519PrivateKey | None], Place]
"""Opens the way to an exchange, as the member whose key is given."""

Enter = Callable[[Invitation, Ed25519PrivateKey], object]
"""Becomes a member of an exchange with a key of one's own; doing it twice is fine."""

REFUSED_FOR = timedelta(days=1)
"""How long a refused statement is a problem: whoever made it was told, or should be soon."""


class Following:
    """The exchanges of this node. Thread-safe.

    `start` follows in threads; one process at a time should, though several do no harm. All that
    is asked about one exchange raises NotFound and Unavailable. `dossier` says what is known of it.
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
        self._roll = Roll(store, clock)
        self._lines = Lines(self._roll.all, self._keys.mark, self._line)
        self.dossier = Dossier(store, self._roll)

    def start(self) -> None:
        """Follow every exchange, in threads."""
        self._lines.start()

    def close(self) -> None:
        """Stop following. May be called twice."""
        self._lines.close()

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
        _check(name, origin, policy, terms)
        if key is not None:
            self._keys.keep(name, key)
        about = {"origin": origin, "url": url, "policy": policy, "member": member}
        followed = self._roll.enter(name, **about, terms=terms, actor=actor)
        self._lines.begin(followed)
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
        _check(name, invitation.origin, policy, terms)  # An invitation is good for once.
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
        """Follow an exchange no more, and take its items off the lists."""
        followed = self.get(name)
        self._lines.end(followed.id)
        self._roll.strike(followed, actor=actor)
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

        Whoever calls lets trust review everything after it. Raises InvalidInput.
        """
        rule_in(terms.rule)
        followed = self.get(name)
        self._roll.set_terms(followed, terms, actor=actor)
        self._set_acting(replace(followed, terms=terms), actor, acting=followed.acting)

    def move(
        self, name: str, *, url: str | None = None, policy: str | None = None, actor: str
    ) -> None:
        """Change where an exchange is looked for, or the policy by which it is trusted.

        It stays the same log: what was accepted so far, and what another address shows, must be
        signed by a key that the new policy names. Raises InvalidInput, UnsafeAddress, Unavailable.
        """
        row = self._roll.row(name)
        before = Followed.of(row)
        after = replace(before, url=url or before.url, policy=policy or before.policy)
        _check(name, after.origin, after.policy, after.terms)
        with closing(self._connect(after, self._keys.read(name))) as place, translated():
            shown = [] if after.url == before.url else [place.get(CHECKPOINT)]
        for note in [row.note, *shown] if row.note is not None else shown:
            if not _is_opened(after, note):
                raise InvalidInput(
                    f"this is not the log of {name}: another key has signed it",
                    advice=f"If it was founded anew, `tocsin unfollow {name}` and join it.",
                )
        self._roll.set_place(before, after.url, after.policy, actor=actor)
        self._restart_line(before)

    def resume(self, name: str, *, actor: str, forget: bool = False) -> None:
        """Let a frozen exchange go on, after a person has read the evidence.

        `forget` drops the checkpoint accepted last: only for an exchange that had to begin anew.
        """
        followed = self.get(name)
        if forget:
            # First: were it cut short behind the thaw, the new log would go on where the old ended.
            self._keeper.restart(followed, "begun anew", actor=actor)
        self._keeper.thaw(followed, forget=forget, actor=actor)
        self._lines.wake(followed.id)

    def replay(self, name: str, *, actor: str) -> None:
        """Read the log of an exchange again from its first entry."""
        followed = self.get(name)
        self._keeper.restart(followed, "asked for", actor=actor)
        self._restart_line(followed)

    def catch_up(self, name: str, progress: Progress | None = None) -> None:
        """Bring one exchange up to date in this thread, where nothing follows it: for commands.

        Raises Conflict too: it is frozen, or another process is at it.
        """
        followed = self.get(name)
        place = self._connect(followed, self._keys.read(name))
        try:
            follower = self._follower(followed, place)
            with translated():
                if progress is None:
                    follower.catch_up()
                else:
                    follower.catch_up(progress)
        finally:
            place.close()

    def publisher(self, name: str) -> Publisher:
        """Return what publishes to an exchange. Raises Conflict for a stranger."""
        followed = self.get(name)
        return self._publisher(followed, self._key(followed))

    def rotate(self, name: str) -> Rotated:
        """Change the key of this node at an exchange; called again, go on where it was cut short.

        A node that serves goes over to the new key within seconds. Raises Conflict for a stranger,
        and while another process does it; else as `Publisher.publish`.
        """
        followed = self.get(name)
        self._key(followed)
        return Rotation(self._keys, followed, partial(self._publisher, followed)).run()

    def reply(self, item_id: int, view: View, *, reason: str = "", own_media: bool = False) -> int:
        """Tell the exchange that an item came from what we think of it, if our terms say so.

        Returns how many opinions are on their way.
        """
        replies = self._feedback.on(item_id, view, reason=reason, own_media=own_media)
        for one in replies:
            exchange_id, payload = self.get(one.exchange).id, statements.write(one.said)

            def job(connection: Connection, to: int = exchange_id, what: bytes = payload) -> int:
                return intend_in(connection, to, what, self._clock())

            self._store.write(job).result()
            self._lines.wake(exchange_id)
        return len(replies)

    def all(self) -> list[Followed]:
        """Return the exchanges that are followed, by name."""
        return self._roll.all()

    def get(self, name: str) -> Followed:
        """Return one exchange."""
        return self._roll.get(name)

    def status(self) -> list[Status]:
        """Say how it stands with every exchange."""
        with self._store.read() as connection:
            waiting = waiting_in(connection)
            refused = refused_in(connection, self._clock() - REFUSED_FOR)
        return [
            Status.of(
                row,
                waiting=waiting.get(row.id, 0),
                refused=refused.get(row.id, 0),
                health=self._lines.health(row.id),
                barred=self._lines.barred(row.id),
                unsent=self._lines.unsent(row.id),
                now=self._clock(),
            )
            for row in self._roll.rows()
        ]

    def problems(self) -> tuple[str, ...]:
        """Say what is wrong with the exchanges that are followed here, in sentences."""
        found = [problem for one in self.status() for problem in one.problems()]
        begun = (one.name for one in self.all() if self._keys.changing(one.name))
        told = (f"a change of our key at {one} was begun: `tocsin rotate {one}`" for one in begun)
        return (*found, *told)

    def _set_acting(self, followed: Followed, actor: str, *, acting: bool) -> None:
        self._roll.set_acting(followed, acting=acting, actor=actor)
        self._restart_line(followed)
        self._changed()

    def _restart_line(self, followed: Followed) -> None:
        self._lines.restart(self.get(followed.name))

    def _line(self, followed: Followed) -> Line:
        """Make a line. Raises UnsafeAddress, ConfigurationError."""
        key = self._keys.read(followed.name)
        place = self._connect(followed, key)
        publisher = None
        if key is not None and followed.member:
            publisher = self._publisher(followed, key, place)
        return Line(self._follower(followed, place), place, publisher, self._clock)

    def _publisher(
        self, followed: Followed, key: Ed25519PrivateKey, place: Place | None = None
    ) -> Publisher:
        place = place or self._connect(followed, key)
        current = partial(self._keys.uses, followed.name, key)
        return Publisher(self._store, place, followed, key, self._clock, current)

    def _key(self, followed: Followed) -> Ed25519PrivateKey:
        """Return our key as a member. Raises Conflict for a stranger."""
        key = self._keys.read(followed.name)
        if key is None or not followed.member:
            raise Conflict(
                f"this node has no key at {followed.name}",
                advice="Join it with an invitation first.",
            )
        return key

    def _follower(self, followed: Followed, place: Place) -> Follower:
        return Follower(self._store, self._keeper, place, followed.id, self._clock, self._checkers)


def _is_opened(followed: Followed, note: bytes) -> bool:
    try:
        followed.log.open(note)
    except ExchangeError:
        return False
    return True


def _check(name: str, origin: str, policy: str, terms: Terms) -> None:
    """Refuse what an exchange cannot be followed by. Raises InvalidInput."""
    if not NAME.fullmatch(name):
        raise InvalidInput(f"{name[:40]!r} cannot name an exchange: up to 24 of a-z, 0-9 and '-'")
    if not any(one.name == origin for one in parse_policy(policy).logs):
        raise InvalidInput(f"the policy does not name the log {origin}")
    rule_in(terms.rule)
