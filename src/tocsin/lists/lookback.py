"""Look-back: a signal added today finds yesterday's upload.

Nothing is kept of an upload but its hashes, for a limited time. After a change of the lists, the
hashes seen so far are matched against the new signals alone. The watermark (the revision up to
which this was done) and everything found are stored in one transaction that applies only if the
watermark is still the one that was read: two processes, or a crash, neither lose nor double a
finding.
"""

import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, func, insert, select, update

from tocsin.deciding import decide
from tocsin.errors import TocsinError
from tocsin.lists.indices import grouped
from tocsin.lists.recognising import Recogniser
from tocsin.lists.rules import Rules
from tocsin.matching.index import Index, Matches
from tocsin.model import (
    PDQ_RADIUS,
    Action,
    Codes,
    Hit,
    ListRule,
    Screening,
    SignalType,
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

_WATERMARK = "lookback"

Plan = Callable[[Screening], Sequence[Action]]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a look-back is: uploads looked at, of how many, and how many matched."""

    done: int
    total: int
    matched: int


class Newcomers:
    """The signals that changed after one revision, up to another; what a look-back searches."""

    def __init__(self, store: Store, rules: Rules, folder: Path, since: int, until: int) -> None:
        self.rules = rules.all()
        self._until = until
        signal = tables.signals.c
        query = select(tables.signals).where(
            signal.revision > since, signal.revision <= until, signal.removed.is_(False)
        )
        self._open: dict[tuple[int, SignalType], Index] = {}
        with store.read() as connection:
            for key, (keys, codes, removed) in grouped(connection.execute(query)).items():
                radius = PDQ_RADIUS if key[1].perceptual else 0
                index = Index.open(folder / f"{key[0]}-{key[1]}", radius=radius, writer=True)
                index.apply(revision=until, keys=keys, codes=codes, removed=removed)
                self._open[key] = index

    def __len__(self) -> int:
        return sum(map(len, self._open.values()))

    def refresh(self) -> int:
        """Return the revision: a look-back searches one state of the lists."""
        return self._until

    def has(self, rule: ListRule, type: SignalType) -> bool:
        """Whether a list got new signals of this type."""
        return (rule.id, type) in self._open

    def search(self, rule: ListRule, type: SignalType, codes: Codes) -> Matches:
        """Search the new signals of a list."""
        return self._open[rule.id, type].search(codes, radius=rule.radius if type.perceptual else 0)


class Lookback:
    """Matches the uploads of the past against the signals of today. Thread-safe."""

    def __init__(
        self, store: Store, rules: Rules, clock: Callable[[], datetime], plan: Plan
    ) -> None:
        self._store = store
        self._rules = rules
        self._clock = clock
        self._plan = plan
        self._one_at_a_time = threading.Lock()
        self._wanted = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._forever, name="lookback", daemon=True)
        self.problem = ""

    def start(self) -> None:
        """Look back by itself after every change of the lists, in a thread."""
        self._thread.start()

    def wake(self) -> None:
        """Say that a list changed."""
        self._wanted.set()

    def close(self) -> None:
        """Stop; a look-back that is cut off starts again next time."""
        self._closing = True
        self._wanted.set()
        if self._thread.is_alive():
            self._thread.join()

    def run(self, *, everything: bool = False) -> Iterator[Progress]:
        """Look back over the changes not yet covered, or over all signals; yield progress.

        Raises Unavailable. What was found is stored at the end, at once.
        """
        with self._one_at_a_time:
            mark = self._watermark()
            since, until = (0 if everything else mark), self._store.revision()
            if since >= until:
                return
            found: list[Screening] = []
            total = self._seen()
            if total:
                with tempfile.TemporaryDirectory(prefix="tocsin-lookback-") as folder:
                    newcomers = Newcomers(self._store, self._rules, Path(folder), since, until)
                    if len(newcomers):
                        yield from self._search(newcomers, found, since, total)
            self._store.write(self._finish(found, mark, until)).result()

    def again(self, screening: Screening, *, actor: str) -> None:
        """Match one upload that was under way while a list changed.

        A look-back may have passed before the upload's hashes were stored; so whoever stores them
        looks once more. What both find is stored once.
        """
        until = self._store.revision()
        with tempfile.TemporaryDirectory(prefix="tocsin-lookback-") as folder:
            newcomers = Newcomers(self._store, self._rules, Path(folder), screening.revision, until)
            recogniser = Recogniser(self._store, newcomers, self._clock)
            hits = recogniser.recognise(screening.views).hits if len(newcomers) else ()
        if hits:
            found = self._judged(screening.upload, hits, until)
            self._store.write(lambda one: self._store_found(one, found, actor)).result()

    def _search(
        self, newcomers: Newcomers, found: list[Screening], since: int, total: int
    ) -> Iterator[Progress]:
        recogniser = Recogniser(self._store, newcomers, self._clock)
        seen = tables.seen.c
        done = after = 0
        yield Progress(0, total, 0)
        while True:
            query = select(tables.seen).where(seen.id > after).order_by(seen.id).limit(CHUNK)
            with self._store.read() as connection:
                rows = connection.execute(query).all()
            if not rows or self._closing:
                return
            uploads = [screenings.seen_views(row) for row in rows]
            for row, recognised in zip(rows, recogniser.recognise_many(uploads), strict=True):
                # The upload was matched against signals up to its own revision when it came.
                fresh = [hit for hit in recognised.hits if hit.revision > max(since, row.revision)]
                if fresh:
                    upload = Upload(row.upload_id, UploadKind.HASHES, "")
                    found.append(self._judged(upload, fresh, recognised.revision))
            done, after = done + len(rows), rows[-1].id
            yield Progress(done, max(total, done), len(found))

    def _judged(self, upload: Upload, hits: Sequence[Hit], revision: int) -> Screening:
        now = self._clock()
        judgement = decide(upload, hits, now=now, draw=0.0)
        return Screening(upload.id, now, upload, (), tuple(hits), judgement, revision)

    def _finish(
        self, found: Sequence[Screening], mark: int, until: int
    ) -> Callable[[Connection], None]:
        def job(connection: Connection) -> None:
            if not _advance(connection, mark, until):
                return  # Another process covered these changes first.
            for screening in found:
                self._store_found(connection, screening, "node")
            body = {"since": mark, "until": until, "matched": len(found)}
            happened = Event(self._clock(), Tag.LOOKBACK_COMPLETED, "node", "lookback", body)
            record_in(connection, happened)

        return job

    def _store_found(self, connection: Connection, screening: Screening, actor: str) -> None:
        """Store one finding, unless the same one is stored already."""
        body = screenings.body(screening, keep_name=False)
        columns = tables.events.c
        known = connection.execute(
            select(columns.body).where(
                columns.subject == screening.upload.id, columns.tag == Tag.LOOKBACK_MATCHED.value
            )
        ).scalars()
        if any(one["hits"] == body["hits"] for one in known):
            return
        tag = Tag.LOOKBACK_MATCHED
        record_in(connection, Event(screening.at, tag, actor, screening.upload.id, body))
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
        while not self._closing:
            self._wanted.wait(PAUSE_S)
            self._wanted.clear()
            try:
                for _ in self.run():
                    pass
                self.problem = ""
            except TocsinError as error:
                self.problem = str(error)


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
