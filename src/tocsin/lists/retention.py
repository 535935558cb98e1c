"""What time brings about: hashes of uploads, actions and sightings go, items begin and end."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, exists, insert, or_, select, update

from tocsin.errors import TocsinError
from tocsin.lists.items import renew_in
from tocsin.recording import tables
from tocsin.recording.actions import purge_in
from tocsin.recording.events import Event, Tag
from tocsin.recording.store import Store, next_revision, record_in

BATCH = 10_000
PAUSE_S = 3600.0

ACTION_DAYS = 30.0
"""How long actions that are done are kept where no hashes of uploads are; else as long as those,
so that nothing which a look-back could plan again is forgotten before it."""

_BEGUN = "begun"
"""The counter that says up to which moment items that began to count were given to look-back."""


class Retention:
    """Deletes and retires what has had its time. Thread-safe; may run in several processes."""

    def __init__(self, store: Store, clock: Callable[[], datetime], *, seen_days: float) -> None:
        self._store = store
        self._clock = clock
        self._seen_days = seen_days
        self._action_days = seen_days or ACTION_DAYS
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
        jobs = (
            self._purge_seen,
            self._purge_actions,
            self._purge_sightings,
            self._retire_items,
            self._begin_items,
            self._purge_idempotency,
        )
        for job in jobs:
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

    def _purge_actions(self, connection: Connection) -> int:
        now = self._clock()
        count = purge_in(connection, now - timedelta(days=self._action_days), BATCH)
        if count:
            body = {"actions": count}
            record_in(connection, Event(now, Tag.ACTIONS_PURGED, "node", "actions", body))
        return count

    def _purge_sightings(self, connection: Connection) -> int:
        """Delete where items were found that have been off their lists as long as actions are kept.

        Of an item that is listed they all stay: by them a correction finds, however late, every
        decision that rested on it, and they are evidence for where it stands.
        """
        now = self._clock()
        before = now - timedelta(days=self._action_days)
        sighting, item, standing = tables.sightings.c, tables.items.c, tables.standings.c
        ends = (item.removed_at, item.expires_at, tables.lists.c.removed_at)
        gone = select(item.id).join(tables.lists).where(or_(*(end < before for end in ends)))
        corrected = exists().where(
            standing.item_id == sighting.item_id, standing.corrected_at >= sighting.at
        )
        waits = sighting.acted & ~sighting.reopened & corrected
        old = (sighting.at < before) & sighting.item_id.in_(gone) & ~waits
        some = select(sighting.id).where(old).limit(BATCH)
        count = connection.execute(delete(tables.sightings).where(sighting.id.in_(some))).rowcount
        if count:
            body = {"sightings": count}
            record_in(connection, Event(now, Tag.SIGHTINGS_PURGED, "node", "sightings", body))
        return count

    def _begin_items(self, connection: Connection) -> int:
        """Have look-back pass over the items whose `active_from` came since the last round."""
        now, item, counter = self._clock(), tables.items.c, tables.counters
        time, mine = tables.UtcTime(), counter.c.name == _BEGUN
        stored = connection.execute(select(counter.c.value).where(mine)).scalar()
        since = time.process_result_value(stored or 0, connection.dialect)
        began = select(item.id).where(item.active_from > since, item.active_from <= now)
        if connection.execute(began.limit(1)).first() is None:
            return 0
        renew_in(connection, began)
        value = time.process_bind_param(now, connection.dialect)
        if not connection.execute(update(counter).where(mine).values(value=value)).rowcount:
            connection.execute(insert(counter).values(name=_BEGUN, value=value))
        return 1

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
