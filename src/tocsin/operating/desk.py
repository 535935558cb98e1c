"""The desk: the one thread that admits entries and has them logged, a batch at a time.

The order of a batch: judge each entry by the register as it will be; make the contents durable;
append the leaves; publish the register; erase what is to be erased; write down what changed about
members; answer; ring. A crash before the append leaves contents that the next start removes; a
crash after it leaves an entry that its submitter asks for again, and finds.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from tocsin.entries.envelope import Parcel
from tocsin.entries.register import Register
from tocsin.entries.translating import translate
from tocsin.errors import Conflict, Damaged, TocsinError, Unavailable
from tocsin.exchange.checkpoint import SignedCheckpoint
from tocsin.exchange.errors import ExchangeError, Malformed, Overtaken
from tocsin.exchange.errors import Refused as SignerRefused
from tocsin.exchange.errors import Unavailable as LogUnavailable
from tocsin.exchange.log import Log
from tocsin.operating.admission import Admission, Admitted, Tally
from tocsin.operating.contents import Contents

BATCH_ENTRIES = 1024
"""Bounds how long the first of a batch waits for the last."""

GATHER_S = 0.002
"""How long a batch waits for those who were just answered; see `exchange.pool`."""

CHORES_S = 0.5
"""How often the desk looks after what is not a submission."""

SETTLE_S = 10.0
"""How long submitters wait for a log in trouble before they are told to come back."""

_POLL_S = 0.02
_log = structlog.get_logger("tocsin.exchange")

Making = Callable[[Register], Sequence[Parcel]]


@dataclass(frozen=True, slots=True)
class Call:
    """One submission. `make` is called by the desk, with the register as it will be."""

    member: str
    make: Making
    entries: int
    future: "Future[list[Admitted]]" = field(default_factory=Future)

    def fail(self, error: TocsinError) -> None:
        """Answer that nothing of it was admitted, or that this is not known."""
        if not self.future.done():
            self.future.set_exception(error)


@dataclass(frozen=True, slots=True)
class Batch:
    """What was admitted together, with the answers that are due."""

    admission: Admission
    answers: list[tuple[Call, list[Admitted]]]

    @property
    def size(self) -> int:
        """The log's size once it is in."""
        return self.admission.register.size

    def fail(self, error: TocsinError) -> None:
        """Answer all that are still waiting."""
        for call, _ in self.answers:
            call.fail(error)


@dataclass(frozen=True, slots=True)
class State:
    """What is known after a commit. Never changed, only replaced."""

    register: Register
    tally: Tally
    latest: datetime


class Desk:
    """Thread-safe.

    Its thread calls, for each batch that is in the log, `keep` before it answers and `tell`
    afterwards; and `chores` often.
    """

    def __init__(
        self,
        log: Log,
        contents: Contents,
        state: State,
        *,
        clock: Callable[[], datetime],
        entries_per_day: int,
        waiting_entries: int,
        keep: Callable[[Batch], None],
        tell: Callable[[Batch, SignedCheckpoint], None],
        chores: Callable[[], None],
    ) -> None:
        self._ledger = log
        self._contents = contents
        self._clock = clock
        self._entries_per_day = entries_per_day
        self._most_waiting = waiting_entries
        self._keep = keep
        self._tell = tell
        self._chores = chores
        # All owned by the thread; others only read the references.
        self.state = state
        self._unsettled: Batch | None = None
        self._settle_by = 0.0
        self._chores_at = 0.0
        self._erasing = {one for one in state.register.erased if contents.has(one)}
        self._changed = threading.Condition()
        # All owned by _changed.
        self._waiting: list[Call] = []
        self._entries = 0
        self._answered = 0
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="desk", daemon=True)

    def start(self) -> None:
        """Finish the erasures that were cut short, then begin to admit."""
        self._try_to_erase()
        self._thread.start()

    def submit(self, call: Call) -> None:
        """Put a call in the queue. Raises Unavailable."""
        with self._changed:
            if self._closed:
                raise Unavailable("the exchange is shutting down", code="closing")
            if self._entries + call.entries > self._most_waiting:
                raise Unavailable(f"{self._entries} entries are waiting already", code="overloaded")
            self._waiting.append(call)
            self._entries += call.entries
            self._changed.notify()

    @property
    def waiting(self) -> int:
        """How many entries wait."""
        return self._entries

    @property
    def unsettled(self) -> bool:
        """Whether it is unknown if a batch is in the log."""
        return self._unsettled is not None

    @property
    def closed(self) -> bool:
        """Whether nothing is taken any more."""
        return self._closed

    @property
    def erasing(self) -> int:
        """How many contents are still to be destroyed."""
        return len(self._erasing)

    def close(self) -> None:
        """Admit what waits, then stop. May be called twice."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        """Top loop of the desk."""
        while True:
            calls = self._take()
            if calls:
                self._serve_or_fail(calls)
            elif self._closed:
                return
            if time.monotonic() >= self._chores_at:
                self._do_chores()

    def _do_chores(self) -> None:
        try:
            self._try_to_erase()
            self._settle()
            self._chores()
        except TocsinError as error:
            _log.warning("a chore of the exchange failed", reason=str(error))
        except Exception:  # noqa: BLE001 - top loop; the next chores may work
            _log.exception("a chore of the exchange failed")
        self._chores_at = time.monotonic() + CHORES_S

    def _take(self) -> list[Call]:
        """Return the next calls; none once it is time for chores."""
        with self._changed:
            expected = len(self._waiting) + self._answered
            if self._changed.wait_for(lambda: self._waiting or self._closed, CHORES_S):
                self._changed.wait_for(lambda: len(self._waiting) >= expected, GATHER_S)
            count = entries = 0
            for call in self._waiting:
                entries += call.entries
                if count and entries > BATCH_ENTRIES:
                    break
                count += 1
            calls, self._waiting = self._waiting[:count], self._waiting[count:]
            self._entries -= sum(call.entries for call in calls)
            self._answered = len(calls)
        return [call for call in calls if call.future.set_running_or_notify_cancel()]

    def _serve_or_fail(self, calls: list[Call]) -> None:
        """Answer every call, whatever happens."""
        try:
            self._settle()
            self._serve(calls)
        except TocsinError as error:
            for call in calls:
                call.fail(error)
        except Exception as error:  # noqa: BLE001 - top loop; each waiter is told
            _log.exception("the desk failed")
            for call in calls:
                call.fail(TocsinError(f"the exchange met a fault of its own: {error}"))

    def _serve(self, calls: list[Call]) -> None:
        state = self.state
        admission = Admission(
            state.register,
            self._contents.find,
            self._contents.at,
            tally=state.tally,
            entries_per_day=self._entries_per_day,
            # The time in the leaves never goes back, or what has ended could begin again.
            at=max(self._clock(), state.latest),
        )
        batch = Batch(admission, [])
        for call in calls:
            try:
                admitted = admission.admit(call.make(admission.register), call.member)
                batch.answers.append((call, admitted))
            except (Unavailable, Damaged):
                raise
            except TocsinError as error:
                call.fail(error)
        if admission.rows:
            self._commit(batch)
        else:
            _answer(batch)

    def _commit(self, batch: Batch) -> None:
        self._contents.put(batch.admission.rows)
        self._unsettled, self._settle_by = batch, time.monotonic() + SETTLE_S
        try:
            first = self._ledger.append(*(row.leaf for row in batch.admission.rows)).result()
        except (Malformed, LogUnavailable) as error:
            self._drop(batch, translate(error))  # Nothing was appended.
        except ExchangeError as error:
            _log.error("an append is uncertain", reason=str(error))
            self._settle()
        else:
            if first != batch.admission.old:
                raise Damaged(f"entry {batch.admission.old} was logged as {first}")
            self._finish(batch)

    def _settle(self) -> None:
        """Find out whether the last batch is in the log. Raises Unavailable while that is unknown.

        Its submitters wait no longer than `SETTLE_S`; who asks again gets the index of the entry
        that is there, or makes it.
        """
        batch = self._unsettled
        if batch is None:
            return
        while self._ledger.trouble is not None:
            self._check_lost(self._ledger.trouble, batch)
            if time.monotonic() >= self._settle_by or self._closed:
                unknown = Unavailable(
                    f"the log is in trouble: {self._ledger.trouble}", code="uncertain"
                )
                batch.fail(unknown)
                raise unknown
            time.sleep(_POLL_S)
        size = self._ledger.head.checkpoint.size
        if size == batch.admission.old:
            self._drop(batch, Unavailable("the entries were not logged; submit them again"))
        elif size == batch.size and self._is_logged(batch):
            self._finish(batch)
        else:
            raise Damaged(f"the log has {size} entries and none but this exchange may append")

    def _check_lost(self, trouble: BaseException, batch: Batch) -> None:
        """Raise what a log never recovers from by itself."""
        for error in (trouble, trouble.__cause__):
            if isinstance(error, Overtaken | SignerRefused):
                lost = Conflict(f"this exchange may not write: {error}", code="overtaken")
                batch.fail(lost)
                raise lost

    def _is_logged(self, batch: Batch) -> bool:
        leaves = [row.leaf for row in batch.admission.rows]
        return list(self._ledger.tree().entries(batch.admission.old, batch.size)) == leaves

    def _drop(self, batch: Batch, error: TocsinError) -> None:
        """Forget a batch of which nothing was appended."""
        self._unsettled = None
        # What stays stands beyond the log's end: the next batch takes its place, or the next start.
        with suppress(TocsinError):
            self._contents.cut(batch.admission.old)
        batch.fail(error)

    def _finish(self, batch: Batch) -> None:
        """Publish and answer what is in the log."""
        admission = batch.admission
        self._unsettled = None
        self.state = State(admission.register, admission.tally, admission.at)
        self._erasing.update(admission.erasures)
        self._try_to_erase()
        self._keep(batch)
        _answer(batch)
        self._tell(batch, self._ledger.head)

    def _try_to_erase(self) -> None:
        """Destroy what is to be erased; what cannot be now is tried again with the chores."""
        try:
            if self._erasing and self._contents.erase(sorted(self._erasing)):
                self._erasing.clear()
        except TocsinError as error:
            _log.error("an erasure is not finished", waiting=self.erasing, reason=str(error))


def _answer(batch: Batch) -> None:
    for call, admitted in batch.answers:
        if not call.future.done():
            call.future.set_result(admitted)
