"""Where every item stands that others asserted, and why; what moves it is recorded.

`sharing` tells what comes in: an item received, an opinion, a retraction. Each call stores it and
places the item anew in one transaction. `review` does what time alone brings about. The same call
twice leaves the same state.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, or_, select, update

from tocsin.model import Reason, Stage
from tocsin.recording import tables
from tocsin.recording.store import Job, Store, T
from tocsin.trust.benign import BenignCorpus
from tocsin.trust.breaker import Trip
from tocsin.trust.evidence import Case, RuleOf, gather
from tocsin.trust.opinions import Opinion, Stance
from tocsin.trust.placing import place_all
from tocsin.trust.receiving import Received, check_all, receive_in
from tocsin.trust.reopening import reopen_in, unfinished
from tocsin.trust.rows import (
    CHUNK,
    chunks,
    forget,
    item_row,
    opinion_columns,
    replaced_by,
    require_standing,
)
from tocsin.trust.stages import Evidence, Placed
from tocsin.trust.structure import Structure
from tocsin.trust.tripping import clear_in, demote_in


@dataclass(frozen=True, slots=True)
class Stood:
    """Where an item stands: on which list, since when, on what evidence, and why."""

    item_id: int
    list: str
    exchange: str
    since: datetime
    evidence: Evidence
    placed: Placed


@dataclass(frozen=True, slots=True)
class Review:
    """What a review did: items looked at, items moved, decisions reopened."""

    seen: int
    moved: int
    reopened: int


class Standing:
    """The standing of items on this node's lists. Thread-safe.

    `rule_of` names the rule of an exchange. Without a `benign` corpus nothing is harmless.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        rule_of: RuleOf,
        *,
        structure: Structure | None = None,
        benign: BenignCorpus | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._rule_of = rule_of
        self._structure = structure or Structure()
        self._benign = benign

    def received(self, one: Received, *, actor: str = "node") -> Placed:
        """Take an item in; see `received_many`."""
        return self.received_many([one], actor=actor)[0]

    def received_many(self, received: Sequence[Received], *, actor: str = "node") -> list[Placed]:
        """Check items and place them, answers in the same order.

        What the node's own operator listed stays as it is. Another organisation that asserts an
        item anew confirms it. An item that was retracted and is asserted again starts over. Raises
        NotFound for an item on no list, Unavailable.
        """
        checks = check_all(received, self._structure, self._benign)

        def job(connection: Connection) -> list[Placed]:
            own = receive_in(connection, received, checks, self._clock())
            ids = [one.item_id for one in received]
            placed = self._placed(connection, ids, actor)
            return [own.get(number) or placed[number] for number in ids]

        return self._store.write(job).result()

    def opinion(self, item_id: int, opinion: Opinion, *, actor: str = "node") -> Placed:
        """Hear an opinion on an item; see `opinions`."""
        return self.opinions([(item_id, opinion)], actor=actor)[0]

    def opinions(
        self, heard: Sequence[tuple[int, Opinion]], *, actor: str = "node"
    ) -> list[Placed]:
        """Hear opinions, answers in the same order. A dispute reopens what rested on the item.

        A member that confirms takes its dispute back, and the other way round. Raises NotFound for
        an item that nobody else asserted, Unavailable.
        """

        def job(connection: Connection) -> dict[int, Placed]:
            require_standing(connection, *(item_id for item_id, _ in heard))
            for item_id, opinion in heard:
                forget(connection, item_id, opinion.party.member, replaced_by(opinion.stance))
                row = opinion_columns(item_id, opinion)
                connection.execute(insert(tables.opinions).values(row))
            return self._placed(connection, [item_id for item_id, _ in heard], actor)

        ids = [item_id for item_id, _ in heard]
        placed = self._and_reopen(job, ids)
        return [placed[item_id] for item_id in ids]

    def withdrawn(
        self, item_id: int, member: str, stance: Stance | None = None, *, actor: str = "node"
    ) -> Placed:
        """Forget what a member said, all of it or one stance. Raises NotFound, Unavailable."""
        stances = tuple(Stance) if stance is None else (stance,)

        def job(connection: Connection) -> Placed:
            require_standing(connection, item_id)
            forget(connection, item_id, member, stances)
            return self._placed(connection, [item_id], actor)[item_id]

        return self._and_reopen(job, [item_id])

    def retracted(self, item_id: int, *, actor: str = "node") -> Placed:
        """Let an item act no longer and reopen what rested on it; it stays on its list.

        Raises NotFound, Unavailable.
        """

        def job(connection: Connection) -> Placed:
            now = self._clock()
            require_standing(connection, item_id)
            these = (tables.standings.c.item_id == item_id) & tables.standings.c.retracted.is_(
                False
            )
            fields = {"retracted": True, "corrected_at": now}
            connection.execute(update(tables.standings).where(these).values(fields))
            return self._placed(connection, [item_id], actor)[item_id]

        return self._and_reopen(job, [item_id])

    def pin(self, item_id: int, stage: Stage | None, *, actor: str) -> Placed:
        """Set an item's stage by hand, or with None let the evidence decide again.

        Clears the breaker: whoever decides has seen what tripped it. Raises NotFound, Unavailable.
        """

        def job(connection: Connection) -> Placed:
            require_standing(connection, item_id)
            these = tables.standings.c.item_id == item_id
            pinned = "" if stage is None else stage.value
            connection.execute(update(tables.standings).where(these).values(pinned=pinned))
            item, now = item_row(connection, item_id), self._clock()
            trip = Trip(item_id, item.list_id, item.issuer, 0, now)
            clear_in(connection, trip, now, actor=actor)
            return self._placed(connection, [item_id], actor)[item_id]

        return self._store.write(job).result()

    def get(self, item_id: int) -> Stood:
        """Return where an item stands. Raises NotFound, Unavailable."""
        with self._store.read() as connection:
            require_standing(connection, item_id)
            cases = gather(connection, [item_id], self._rule_of, self._clock())
        return _stood(cases[item_id])

    def waiting(self, *, after: int = 0, limit: int = 100) -> list[Stood]:
        """Return the items with ids above `after` that do not act in full, in order of id.

        Their reasons say what each waits for. What was retracted is left out. Raises Unavailable.
        """
        standing = tables.standings.c
        short = or_(standing.stage != Stage.ENFORCED.value, standing.disputed)
        query = select(standing.item_id).where(
            standing.item_id > after, short, standing.retracted.is_(False)
        )
        stood: list[Stood] = []
        with self._store.read() as connection:
            ids = connection.execute(query.order_by(standing.item_id).limit(limit)).scalars().all()
            for some in chunks(ids):
                cases = gather(connection, some, self._rule_of, self._clock())
                stood += map(_stood, cases.values())
        return stood

    def review(self, *, everything: bool = False) -> Review:
        """Place anew what is due, or all after a change of rules; finish what a crash cut off.

        Raises Unavailable.
        """
        seen = moved = after = 0
        while ids := self._due(after, everything=everything):
            now = self._clock()

            def job(
                connection: Connection, ids: Sequence[int] = ids, now: datetime = now
            ) -> dict[int, tuple[Placed, bool]]:
                return place_all(connection, ids, self._rule_of, now=now, actor="node")

            placed = self._store.write(job).result()
            seen, after = seen + len(ids), ids[-1]
            moved += sum(one_moved for _, one_moved in placed.values())
        return Review(seen, moved, self._reopen())

    def tripped(self, trip: Trip) -> bool:
        """Demote what the breaker found to be a flood; False where a person has spared it.

        For `Breaker(demote=...)`. Raises Unavailable.
        """

        def job(connection: Connection) -> bool:
            demoted = demote_in(connection, trip, self._clock())
            if demoted and trip.item_id is not None:
                self._placed(connection, [trip.item_id], "node")
            return demoted

        return self._store.write(job).result()

    def cleared(self, item_id: int, *, actor: str) -> None:
        """Let an item act again that the breaker held back: a person confirmed what it matches.

        It also spares the item for a day, tripped or not. Raises NotFound, Unavailable.
        """

        def job(connection: Connection) -> None:
            row = item_row(connection, item_id)
            now = self._clock()
            trip = Trip(item_id, row.list_id, row.issuer, 0, now)
            clear_in(connection, trip, now, actor=actor)
            self._placed(connection, [item_id], actor)

        self._store.write(job).result()

    def cleared_issuer(self, list_id: int, issuer: str, *, actor: str) -> None:
        """Let an issuer's items on a list act again; the next `review` places them.

        Raises Unavailable.
        """

        def job(connection: Connection) -> None:
            now = self._clock()
            clear_in(connection, Trip(None, list_id, issuer, 0, now), now, actor=actor)

        self._store.write(job).result()

    def _placed(
        self, connection: Connection, item_ids: Sequence[int], actor: str
    ) -> dict[int, Placed]:
        now = self._clock()
        answers = place_all(connection, item_ids, self._rule_of, now=now, actor=actor)
        return {item_id: placed for item_id, (placed, _) in answers.items()}

    def _and_reopen(self, job: Job[T], item_ids: Sequence[int]) -> T:
        """Run a job that may correct these items, then reopen what rested on them."""
        answer = self._store.write(job).result()
        self._reopen(item_ids)
        return answer

    def _reopen(self, item_ids: Sequence[int] | None = None) -> int:
        """Reopen what rests on corrected items, these or all, and is not reopened yet."""
        with self._store.read() as connection:
            due = unfinished(connection, item_ids)
        total = 0
        for item_id, until, retracted in due:
            because = "retracted" if retracted else "disputed"

            def job(
                connection: Connection,
                item_id: int = item_id,
                until: datetime = until,
                because: str = because,
            ) -> int:
                now = self._clock()
                return reopen_in(connection, item_id, until=until, because=because, now=now)

            while count := self._store.write(job).result():
                total += count
        return total

    def _due(self, after: int, *, everything: bool) -> Sequence[int]:
        """Return some ids above `after` that are to be placed anew."""
        standing = tables.standings.c
        query = select(standing.item_id).where(standing.item_id > after)
        if not everything:
            query = query.where(standing.due_at <= self._clock())
        with self._store.read() as connection:
            return connection.execute(query.order_by(standing.item_id).limit(CHUNK)).scalars().all()


def _stood(case: Case) -> Stood:
    row = case.row
    reasons = tuple(Reason(code, text) for code, text in row.reasons)
    placed = Placed(Stage(row.stage), row.disputed, reasons, row.due_at)
    return Stood(row.item_id, row.list_name, row.exchange, row.since, case.evidence, placed)
