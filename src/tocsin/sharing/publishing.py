"""Publishing: a statement is stored, sealed, stored as sealed, sent, and its index stored.

Whatever happens in between, it is sent again until the exchange has answered, and is in the log
once: the nonce was chosen with the intent, so every copy has the same commitment, by which the
exchange knows it again.
"""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Row, select, update

from tocsin.entries import statements
from tocsin.entries.envelope import Envelope, Parcel, Position, key_id, seal
from tocsin.entries.statements import Statement, entry_type
from tocsin.errors import Conflict, InvalidInput, Refused, TocsinError, Unavailable
from tocsin.recording import shared
from tocsin.recording.events import Event, Tag
from tocsin.recording.store import Store, record_in
from tocsin.sharing.keys import raw
from tocsin.sharing.outbox import State, intend_in
from tocsin.sharing.place import Place
from tocsin.sharing.settings import Followed

BATCH = 100
"""Statements sent together."""

ATTEMPTS = 5
"""How often a statement is sealed anew because others of this member came between."""

TURNS = 100
TURN_S = 0.1
"""How often, and after what pause, is looked for what another process of ours is sending."""

_FINAL = (InvalidInput, Refused, Conflict)

_MOVED = frozenset({"gap", "replayed"})
"""Conflicts of one whose chain has moved on; any other will not go away by sealing anew."""

_REVOKED = "revoked_key"


def _always() -> bool:
    return True


class Publisher:
    """Publishes to one exchange as one member. Thread-safe; other processes may publish too.

    `current` says whether the key is still this node's: another process may change it.
    """

    def __init__(
        self,
        store: Store,
        place: Place,
        followed: Followed,
        key: Ed25519PrivateKey,
        clock: Callable[[], datetime],
        current: Callable[[], bool] = _always,
    ) -> None:
        self._store = store
        self._place = place
        self._followed = followed
        self._key = key
        self._clock = clock
        self._current = current
        self._one_at_a_time = threading.Lock()
        self._pause = threading.Event()

    def publish(self, statement: Statement, *, urgent: bool = False) -> int:
        """Publish a statement and wait; return its index in the log.

        Raises InvalidInput and Refused with the exchange's code if it will not have it, Unavailable
        if that is not known: it is in the outbox and will be sent again.
        """
        (number,) = self.put([statement], urgent=urgent)
        return self._sent(number)

    def publish_once(self, statement: Statement) -> int:
        """Publish a statement unless this node did before, and wait; return its index in the log.

        For one who says the same again after being cut short. One that was refused is tried anew.
        Raises as `publish`.
        """
        column = shared.outbox.c
        payload = statements.write(statement)
        alive = column.state != State.REFUSED.value
        rows = self._read((column.payload == payload) & alive)
        if not rows:
            return self.publish(statement)
        done = rows[0].state == State.DONE.value
        return int(rows[0].entry) if done else self._sent(rows[0].id)

    def _sent(self, number: int) -> int:
        """Send what waits, and return the index of the statement with this number."""
        reason = "not sent yet"
        for _ in range(TURNS):
            try:
                self.send()
            except Unavailable as error:
                raise _waits(number, str(error)) from error
            except Conflict as error:
                # Of the exchange's conflicts none comes here: they are about one statement.
                reason = str(error)
            row = self._read(shared.outbox.c.id == number)[0]
            if row.state == State.DONE.value:
                return int(row.entry)
            if row.state == State.REFUSED.value:
                raise Refused(row.reason, code=row.code, advice="Correct it and publish it anew.")
            self._pause.wait(TURN_S)
        raise _waits(number, row.reason or reason)

    def close(self) -> None:
        """Let go of the connections, where the place is this publisher's alone."""
        self._place.close()

    def put(self, said: Sequence[Statement], *, urgent: bool = False) -> list[int]:
        """Store statements that are to be published; return their numbers in the outbox.

        Raises InvalidInput, Unavailable.
        """
        payloads = [statements.write(one) for one in said]
        for payload in payloads:
            statements.parse(payload)

        def job(connection: Connection) -> list[int]:
            now, where = self._clock(), self._followed.id
            return [intend_in(connection, where, one, now, urgent=urgent) for one in payloads]

        return self._store.write(job).result()

    def send(self) -> int:
        """Send what waits, oldest first; return how many are in the log now. Raises Unavailable."""
        done = 0
        with self._one_at_a_time:
            while rows := self._waiting():
                sent = self._send(rows)
                if not sent:
                    break
                done += sent
        return done

    def _send(self, rows: Sequence[Row[Any]]) -> int:
        """Send some; return how many were settled. Bad ones are found by sending one by one."""
        try:
            return self._send_together(rows)
        except _FINAL as error:
            if isinstance(error, Conflict) and not error.code:
                raise  # Not the exchange's word: another process of ours is at it.
            if error.code == _REVOKED and not self._current():
                # Nothing is wrong with the statement: whoever has the new key sends it.
                raise Unavailable("the key of this node was changed meanwhile") from error
            if len(rows) == 1:
                self._refuse(rows[0], error)
                return 1
        except Unavailable as error:
            self._note(rows, str(error))
            raise
        return self._send_apart(rows)

    def _send_apart(self, rows: Sequence[Row[Any]]) -> int:
        """Send one by one, each as it is stored by now."""
        waiting = shared.outbox.c.state == State.WAITING.value
        again = (self._read((shared.outbox.c.id == row.id) & waiting) for row in rows)
        return sum(self._send(one) for one in again if one)

    def _send_together(self, rows: Sequence[Row[Any]]) -> int:
        """Send as sealed before, if they were; else, or if others came between, seal them."""
        parcels = [_sealed(row) for row in rows if row.leaf is not None]
        if len(parcels) == len(rows):
            try:
                return self._submit(rows, parcels)
            except (Conflict, Refused) as error:
                if error.code not in _MOVED and not self._outdated(parcels, error):
                    raise
                # Never logged as sealed, and now it cannot be.
        elif parcels:
            # Some were sent before, alone or together: what became of them comes first.
            return self._send_apart(rows)
        for _ in range(ATTEMPTS):
            parcels = self._seal(rows, self._place.position())
            rows = self._store.write(lambda one: self._keep(one, rows, parcels)).result()  # noqa: B023 - awaited here
            if not rows:
                return 0
            try:
                return self._submit(rows, parcels)
            except Conflict as error:
                if error.code not in _MOVED:
                    raise
                reason = str(error)
        raise Unavailable(f"others of this member keep coming between: {reason}")

    def _outdated(self, parcels: Sequence[Parcel], error: TocsinError) -> bool:
        """Whether they are refused because they were sealed with a key that we had before."""
        own = key_id(raw(self._key))
        return error.code == _REVOKED and any(one.envelope.key_id != own for one in parcels)

    def _submit(self, rows: Sequence[Row[Any]], parcels: Sequence[Parcel]) -> int:
        indices = self._place.submit(parcels)

        def job(connection: Connection) -> None:
            now, column = self._clock(), shared.outbox.c
            for row, index in zip(rows, indices, strict=True):
                done = connection.execute(
                    update(shared.outbox)
                    .where(column.id == row.id, column.state == State.WAITING.value)
                    .values(state=State.DONE.value, entry=index, done_at=now, reason="")
                )
                if done.rowcount:
                    body = {"entry": index, "outbox": row.id}
                    name = self._followed.name
                    record_in(connection, Event(now, Tag.ENTRY_PUBLISHED, "node", name, body))

        self._store.write(job).result()
        return len(rows)

    def _seal(self, rows: Sequence[Row[Any]], after: Position) -> list[Parcel]:
        parcels = []
        for row in rows:
            parcel = seal(
                row.payload,
                entry_type(statements.reread(row.payload)),
                origin=self._followed.origin,
                after=after,
                key=self._key,
                nonce=row.nonce,
                urgent=row.urgent,
            )
            digest = parcel.envelope.digest(self._followed.origin)
            after = Position(parcel.envelope.sequence, digest)
            parcels.append(parcel)
        return parcels

    def _keep(
        self, connection: Connection, rows: Sequence[Row[Any]], parcels: Sequence[Parcel]
    ) -> list[Row[Any]]:
        """Store the seals, unless another process stored others; then it is the one that sends."""
        column = shared.outbox.c
        for row, parcel in zip(rows, parcels, strict=True):
            before = column.leaf.is_(None) if row.leaf is None else column.leaf == row.leaf
            kept = connection.execute(
                update(shared.outbox)
                .where(column.id == row.id, column.state == State.WAITING.value, before)
                .values(leaf=parcel.envelope.encode())
            )
            if not kept.rowcount:
                raise Conflict("another process publishes the same statements")
        ids = [row.id for row in rows]
        query = select(shared.outbox).where(column.id.in_(ids)).order_by(column.id)
        return list(connection.execute(query).all())

    def _refuse(self, row: Row[Any], error: TocsinError) -> None:
        column = shared.outbox.c
        values: dict[str, Any] = {"state": State.REFUSED.value, "code": error.code or "refused"}
        values |= {"reason": str(error)[:2000], "done_at": self._clock()}
        change = update(shared.outbox).where(column.id == row.id).values(values)
        self._store.write(lambda connection: connection.execute(change) and None).result()

    def _note(self, rows: Sequence[Row[Any]], reason: str) -> None:
        column = shared.outbox.c
        at = column.id.in_([row.id for row in rows])
        change = update(shared.outbox).where(at).values(reason=reason[:2000])
        self._store.write(lambda connection: connection.execute(change) and None).result()

    def _waiting(self) -> Sequence[Row[Any]]:
        return self._read(shared.outbox.c.state == State.WAITING.value)

    def _read(self, where: Any) -> Sequence[Row[Any]]:  # noqa: ANN401 - a condition
        column = shared.outbox.c
        query = select(shared.outbox).where(column.exchange_id == self._followed.id, where)
        with self._store.read() as connection:
            return connection.execute(query.order_by(column.id).limit(BATCH)).all()


def _waits(number: int, reason: str) -> Unavailable:
    return Unavailable(
        f"statement {number} waits in the outbox: {reason}",
        advice="Do not say it again: `tocsin sync` sends it, or a node that serves.",
    )


def _sealed(row: Row[Any]) -> Parcel:
    return Parcel(Envelope.parse(row.leaf), row.nonce, row.payload)
