"""The pool: entries that wait for the next batch. While one is committed, the next one gathers."""

import threading
from concurrent.futures import Future
from dataclasses import dataclass, field

from tocsin.exchange.bundles import check_entry
from tocsin.exchange.errors import Malformed, Overloaded, Unavailable

MAX_BATCH_ENTRIES = 4096
"""Bounds how long the first of a batch waits for the last."""

MAX_BATCH_BYTES = 16 * 2**20
GATHER_S = 0.002
"""How long a batch waits for those who were just answered, and may submit again at once.

Without it they fall into two crowds that wait for each other, and each commit serves half of them.
"""

MAX_POOL_BYTES = 64 * 2**20
"""What may wait; beyond it submitters are told to come back."""


@dataclass(frozen=True, slots=True)
class Submission:
    """Entries that are to stand next to each other; `future` ends with the index of the first."""

    entries: tuple[bytes, ...]
    future: "Future[int]" = field(default_factory=Future)

    @property
    def size(self) -> int:
        """The bytes of all entries."""
        return sum(map(len, self.entries))


class Pool:
    """Thread-safe: many put, one takes."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        # All owned by _changed.
        self._waiting: list[Submission] = []
        self._bytes = 0
        self._answered = 0
        self._closed = False

    def put(self, entries: tuple[bytes, ...]) -> "Future[int]":
        """Add a submission. Raises Malformed, Overloaded, Unavailable."""
        if not entries:
            raise Malformed("a submission has at least one entry")
        for entry in entries:
            check_entry(entry)
        submission = Submission(entries)
        with self._changed:
            if self._closed:
                raise Unavailable("the log is closed")
            if self._bytes + submission.size > MAX_POOL_BYTES:
                raise Overloaded(f"{self._bytes} bytes of entries are waiting already")
            self._waiting.append(submission)
            self._bytes += submission.size
            self._changed.notify()
        return submission.future

    def take(self, timeout_s: float) -> list[Submission]:
        """Return the next batch, or nothing once the time is over. What is returned was removed."""
        with self._changed:
            expected = len(self._waiting) + self._answered
            if self._changed.wait_for(lambda: self._waiting or self._closed, timeout_s):
                self._changed.wait_for(lambda: len(self._waiting) >= expected, GATHER_S)
            count = entries = size = 0
            for submission in self._waiting:
                entries, size = entries + len(submission.entries), size + submission.size
                if count and (entries > MAX_BATCH_ENTRIES or size > MAX_BATCH_BYTES):
                    break
                count += 1
            batch, self._waiting = self._waiting[:count], self._waiting[count:]
            self._bytes -= sum(submission.size for submission in batch)
            self._answered = len(batch)
        return [one for one in batch if one.future.set_running_or_notify_cancel()]

    @property
    def exhausted(self) -> bool:
        """Whether nothing waits and nothing will come."""
        with self._changed:
            return self._closed and not self._waiting

    def close(self) -> None:
        """Accept no more; what waits can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
