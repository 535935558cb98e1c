"""Look-back: a signal added today finds yesterday's upload.

Nothing is kept of an upload but its hashes, for a limited time. After a change of the lists, the
hashes seen so far are matched against the new signals alone. The watermark (the revision up to
which this was done) and everything found are stored in one transaction that applies only if the
watermark is still the one that was read: two processes, or a crash, neither lose nor double a
finding.

Each look-back goes through all hashes that are kept, so a node rests after one in proportion to
the time it took; what changed meanwhile is looked back for together.

It acts as the node would have acted had the signal been there: a flood of the past is held, too.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from sqlalchemy import Connection, func, insert, select, update

from tocsin.deciding import decide
from tocsin.errors import TocsinError
from tocsin.lists.newcomers import Newcomers
from tocsin.lists.recognising import Recogniser
from tocsin.lists.rules import Rules
from tocsin.model import (
    Action,
    Hit,
    Judgement,
    Screening,
    Upload,
    UploadKind,
)
from tocsin.recording import screenings, tables
from tocsin.recording.actions import intend_in
from tocsin.recording.events import Event, Tag
from tocsin.recording.store import Store, record_in

CHUNK = 2000
"""Uploads matched together."""

PAUSE_S = 2.0
"""How often a node looks whether another process changed a list."""

REST = 6.0
"""How long a node rests after a look-back, in look-backs: at most a seventh of its time goes into
them, however often lists change."""

_WATERMARK = "lookback"

Plan = Callable[[Screening], Sequence[Action]]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a look-back is: uploads looked at, of how many, and how many matched."""

    done: int
    total: int
    matched: int


class Breaker(Protocol):
    """The flood breaker, as a look-back needs it: see `trust/breaker.py`."""

    def passed(self, at: datetime) -> None:
        """Count an upload, matched or not."""
        ...

    def temper(
        self, upload: Upload, hits: tuple[Hit, ...], judgement: Judgement, at: datetime
    ) -> tuple[Hit, ...]:
        """Count a verdict; return the hits that it may be given on."""
        ...

    def trip(self) -> None:
        """Demote what floods."""
        ...


class NoBreaker:
    """Counts nothing and lets everything act."""

    def passed(self, at: datetime) -> None:
        """Do nothing."""

    def temper(
        self, upload: Upload, hits: tuple[Hit, ...], judgement: Judgement, at: datetime
    ) -> tuple[Hit, ...]:
        """Return the hits."""
        return hits

    def trip(self) -> None:
        """Do nothing."""


class Lookback:
    """Matches the uploads of the past against the signals of today. Thread-safe.

    `breaker` makes a breaker for each look-back: it counts uploads at the times when they came, so
    it can neither be that of the present nor that of another look-back.
    """

    def __init__(
        self,
        store: Store,
        rules: Rules,
        clock: Callable[[], datetime],
        plan: Plan,
        breaker: Callable[[], Breaker] = NoBreaker,
    ) -> None:
        self._store = store
        self._rules = rules
        self._clock = clock
        self._plan = plan
        self._breaker = breaker
        self._one_at_a_time = threading.Lock()
        self._wanted = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._forever, name="lookback", daemon=True)
        self._covered_at = clock()
        self.problem = ""

    def start(self) -> None:
        """Look back by itself after every change of the lists, in a thread."""
        self._thread.start()

    def wake(self) -> None:
        """Say that a list changed."""
        self._wanted.set()

    def close(self) -> None:
        """Stop; a look-back that is cut off starts again next time."""
        self._closing.set()
        self._wanted.set()
        if self._thread.is_alive():
            self._thread.join()

    def run(self, *, everything: bool = False) -> Iterator[Progress]:
        """Look back over the changes not yet covered, or over all signals; yield progress.

        Raises Unavailable. What was found is stored at the end, at once.
        """
        with self._one_at_a_time:
            began, mark = self._clock(), self._watermark()
            since, until = (0 if everything else mark), self._store.revision()
            if since >= until:
                self._covered_at = began
                return
            found: list[Screening] = []
            total = self._seen()
            if total:
                many = total >= CHUNK
                with closing(
                    Newcomers(self._store, self._rules, since, until, many=many)
                ) as newcomers:
                    if len(newcomers):
                        yield from self._search(newcomers, found, since, total)
            if not self._closing.is_set():
                finish = self._finish(found, mark, until, everything=everything)
                self._store.write(finish).result()
                self._covered_at = began

    def lag_s(self) -> float:
        """Return for how many seconds changes may have waited for a look-back; 0 when none do.

        Counted from the last moment that this process knows of at which none did, or from its
        start. Raises Unavailable.
        """
        if self._watermark() >= self._store.revision():
            return 0.0
        return max(0.0, (self._clock() - self._covered_at).total_seconds())

    def again(self, screenings: Sequence[Screening]) -> None:
        """Match uploads that were under way while a list changed, all in one pass.

        A look-back may have passed before the uploads' hashes were stored; so whoever stores them
        looks once more. What both find is stored once. Raises Unavailable.
        """
        since, until = min(one.revision for one in screenings), self._store.revision()
        with closing(Newcomers(self._store, self._rules, since, until)) as newcomers:
            if not len(newcomers):
                return
            recogniser = Recogniser(self._store, newcomers, self._clock)
            recognised = recogniser.recognise_many([one.views for one in screenings])
        breaker = self._breaker()
        found = [
            self._judged(screening.upload, screening.at, fresh, until, breaker)
            for screening, one in zip(screenings, recognised, strict=True)
            if (fresh := _later(one.hits, screening.revision))
        ]
        if found:
            self._store.write(lambda connection: self._store_found(connection, found)).result()

    def _search(
        self, newcomers: Newcomers, found: list[Screening], since: int, total: int
    ) -> Iterator[Progress]:
        recogniser = Recogniser(self._store, newcomers, self._clock)
        breaker, seen = self._breaker(), tables.seen.c
        done = after = 0
        yield Progress(0, total, 0)
        while True:
            query = select(tables.seen).where(seen.id > after).order_by(seen.id).limit(CHUNK)
            with self._store.read() as connection:
                rows = connection.execute(query).all()
            if not rows or self._closing.is_set():
                return
            uploads = [screenings.seen_views(row) for row in rows]
            for row, recognised in zip(rows, recogniser.recognise_many(uploads), strict=True):
                breaker.passed(row.at)
                # The upload was matched against signals up to its own revision when it came.
                if fresh := _later(recognised.hits, max(since, row.revision)):
                    upload = Upload(row.upload_id, UploadKind.HASHES, "")
                    revision = recognised.revision
                    found.append(self._judged(upload, row.at, fresh, revision, breaker))
            done, after = done + len(rows), rows[-1].id
            yield Progress(done, max(total, done), len(found))

    def _judged(
        self, upload: Upload, came_at: datetime, hits: tuple[Hit, ...], revision: int, by: Breaker
    ) -> Screening:
        now = self._clock()
        judged = partial(decide, upload, now=now, draw=0.0)
        judgement = judged(hits)
        tempered = by.temper(upload, hits, judgement, came_at)
        if tempered is not hits:
            by.trip()  # At once: where a person has spared the item, all of it acts.
            tempered = by.temper(upload, hits, judgement, came_at)
            judgement = judged(tempered)
        return Screening(upload.id, now, upload, (), tempered, judgement, revision)

    def _finish(
        self, found: Sequence[Screening], mark: int, until: int, *, everything: bool
    ) -> Callable[[Connection], None]:
        def job(connection: Connection) -> None:
            # Another process may have covered these changes first, but not all signals.
            if not _advance(connection, mark, until) and not everything:
                return
            self._store_found(connection, found)
            body = {"since": mark, "until": until, "matched": len(found)}
            happened = Event(self._clock(), Tag.LOOKBACK_COMPLETED, "node", "lookback", body)
            record_in(connection, happened)

        return job

    def _store_found(self, connection: Connection, found: Sequence[Screening]) -> None:
        """Store findings, but none of which every hit is stored already."""
        columns = tables.events.c
        for screening in found:
            body = screenings.body(screening, keep_name=False)
            of_upload = columns.subject == screening.upload.id
            earlier = connection.execute(
                select(columns.body).where(of_upload, columns.tag == Tag.LOOKBACK_MATCHED.value)
            ).scalars()
            known = {_identity(hit) for one in earlier for hit in one["hits"]}
            if known.issuperset(map(_identity, body["hits"])):
                continue
            tag = Tag.LOOKBACK_MATCHED
            record_in(connection, Event(screening.at, tag, "node", screening.upload.id, body))
            if rows := [values for _, values in screenings.sightings(screening)]:
                connection.execute(insert(tables.sightings), rows)
            intend_in(connection, self._plan(screening), screening.at)

    def _seen(self) -> int:
        with self._store.read() as connection:
            return int(
                connection.execute(select(func.count()).select_from(tables.seen)).scalar_one()
            )

    def _watermark(self) -> int:
        counter = tables.counters.c
        with self._store.read() as connection:
            query = select(counter.value).where(counter.name == _WATERMARK)
            return int(connection.execute(query).scalar() or 0)

    def _forever(self) -> None:
        """Top loop of the thread: an outage is reported in health and tried again."""
        while not self._closing.is_set():
            self._wanted.wait(PAUSE_S)
            self._wanted.clear()
            began = time.monotonic()
            try:
                for _ in self.run():
                    pass
            except TocsinError as error:
                self.problem = str(error)
                continue
            self.problem = ""
            self._closing.wait(REST * (time.monotonic() - began))


def _later(hits: Sequence[Hit], revision: int) -> tuple[Hit, ...]:
    """Return the hits on signals that changed after a revision."""
    return tuple(hit for hit in hits if hit.revision > revision)


def _identity(hit: Mapping[str, Any]) -> str:
    """Return a recorded hit in a form that can be compared: one that changed is another."""
    return json.dumps(hit, sort_keys=True)


def _advance(connection: Connection, mark: int, until: int) -> bool:
    """Move the watermark if it is where we read it; say whether it was."""
    counter = tables.counters
    moved = connection.execute(
        update(counter)
        .where(counter.c.name == _WATERMARK, counter.c.value == mark)
        .values(value=until)
    )
    if moved.rowcount:
        return True
    present = connection.execute(
        select(counter.c.value).where(counter.c.name == _WATERMARK)
    ).scalar()
    if present is not None:
        return False
    connection.execute(insert(counter).values(name=_WATERMARK, value=until))
    return True
