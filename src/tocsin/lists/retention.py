"""What is kept only for a time: the hashes of seen uploads, and items past their end."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select, update

from tocsin.errors import TocsinError
from tocsin.recording import tables
from tocsin.recording.events import Event, Tag
from tocsin.recording.store import Store, next_revision, record_in

BATCH = 10_000
PAUSE_S = 3600.0


class Retention:
    """Deletes and retires what has had its time. Thread-safe; may run in several processes."""

    def __init__(self, store: Store, clock: Callable[[], datetime], *, seen_days: float) -> None:
        self._store = store
        self._clock = clock
        self._seen_days = seen_days
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._forever, name="retention", daemon=True)
        self.problem = ""

    def start(self) -> None:
        """Do a round now and every hour, in a thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop after the batch under way."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def run(self) -> int:
        """Do one round; return how many rows were touched. Raises Unavailable."""
        touched = 0
        for job in (self._purge_seen, self._retire_items, self._purge_idempotency):
            while not self._closing.is_set() and (count := self._store.write(job).result()):
                touched += count
        return touched

    def _forever(self) -> None:
        """Top loop of the thread: an outage is reported in health and tried again."""
        while not self._closing.is_set():
            try:
                self.run()
                self.problem = ""
            except TocsinError as error:
                self.problem = str(error)
            self._closing.wait(PAUSE_S)

    def _purge_seen(self, connection: Connection) -> int:
        now = self._clock()
        old = tables.seen.c.at < now - timedelta(days=self._seen_days)
        ids = connection.execute(select(tables.seen.c.id).where(old).limit(BATCH)).scalars().all()
        if ids:
            # Rows are numbered in order of arrival, so a range deletes the same rows.
            connection.execute(delete(tables.seen).where(old, tables.seen.c.id <= max(ids)))
            body = {"uploads": len(ids)}
            record_in(connection, Event(now, Tag.SEEN_PURGED, "node", "seen", body))
        return len(ids)

    def _retire_items(self, connection: Connection) -> int:
        """Take the signals of expired items out of the indices; the items stay on record."""
        now = self._clock()
        expired = select(tables.items.c.id).where(tables.items.c.expires_at <= now)
        due = tables.signals.c.item_id.in_(expired) & tables.signals.c.removed.is_(False)
        ids = connection.execute(select(tables.signals.c.id).where(due).limit(400)).scalars().all()
        if ids:
            revision = next_revision(connection)
            connection.execute(
                update(tables.signals)
                .where(tables.signals.c.id.in_(ids))
                .values(removed=True, revision=revision)
            )
        return len(ids)

    def _purge_idempotency(self, connection: Connection) -> int:
        old = tables.idempotency.c.created_at < self._clock() - timedelta(days=1)
        return connection.execute(delete(tables.idempotency).where(old)).rowcount
