"""Look-ups that arrive at the same moment are judged in one pass and recorded in one group.

A pass and its commit cost little more for fifty look-ups than for one, so under load the node does
more work per second and not less, while a look-up that comes alone is judged at once. One thread
does it: those that come while it waits for a group to be durable are the next group. Several
threads were slower, since they shared the look-ups out over more and smaller groups. The event loop
only parses and answers; it is never held up by a search, a database or a disk.
"""

import asyncio
import queue
import threading
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from tocsin.errors import Unavailable
from tocsin.model import Screening, Upload
from tocsin.screening import Road

LIMIT = 256
"""Most look-ups of one pass: bounds how long the first waits for the last."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """One look-up, and where its answer goes."""

    upload: Upload
    only: tuple[str, ...]
    actor: str
    loop: asyncio.AbstractEventLoop
    answer: "asyncio.Future[Screening]"


_Outcome = tuple[_Asked, Screening | Exception]


class Gathering:
    """Screens look-ups in groups. `screen` is for one event loop's thread."""

    def __init__(self, road: Road) -> None:
        self._road = road
        self._waiting: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="gathering", daemon=True)
        self._thread.start()

    async def screen(self, upload: Upload, *, actor: str, only: Sequence[str] = ()) -> Screening:
        """Screen an upload whose views need no decoding; its record is durable on return.

        Raises NotFound for an unknown list, Unavailable.
        """
        if self._closed:
            raise Unavailable("the node is shutting down")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Screening] = loop.create_future()
        self._waiting.put(_Asked(upload, tuple(only), actor, loop, answer))
        return await answer

    def close(self) -> None:
        """Finish what was asked for and end the thread. May be called twice."""
        self._closed = True
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        """Top loop of the thread."""
        while group := self._take():
            by_lists: dict[tuple[str, ...], list[_Asked]] = defaultdict(list)
            for asked in group:
                by_lists[asked.only].append(asked)
            outcomes = [one for same in by_lists.values() for one in self._screened(same)]
            group[0].loop.call_soon_threadsafe(_answer, outcomes)

    def _take(self) -> list[_Asked]:
        """Wait for a look-up and take it with all that wait behind it; empty at the end."""
        first = self._waiting.get()
        if first is None:
            return []
        group = [first]
        while len(group) < LIMIT:
            try:
                following = self._waiting.get_nowait()
            except queue.Empty:
                break
            if following is None:
                self._waiting.put(None)
                break
            group.append(following)
        return group

    def _screened(self, group: list[_Asked]) -> list[_Outcome]:
        """Judge and record look-ups that name the same lists."""
        uploads = [asked.upload for asked in group]
        try:
            readings = [self._road.read(upload) for upload in uploads]
            screenings = self._road.judge_many(uploads, readings, only=group[0].only)
            records = [
                self._road.record(screening, actor=asked.actor)
                for asked, screening in zip(group, screenings, strict=True)
            ]
            outcomes = [
                (asked, _recorded(screening, record))
                for asked, screening, record in zip(group, screenings, records, strict=True)
            ]
            self._road.settle(*[one for _, one in outcomes if isinstance(one, Screening)])
        except Exception as error:  # noqa: BLE001 - top loop; each waiter is told
            return [(asked, error) for asked in group]
        return outcomes


def _recorded(screening: Screening, record: "Future[None]") -> Screening | Exception:
    """Wait until a screening is durable; return it, or what went wrong."""
    failure = record.exception()
    if isinstance(failure, Exception):
        return failure
    record.result()
    return screening


def _answer(outcomes: list[_Outcome]) -> None:
    """Hand out answers, in the event loop's thread; who gave up waiting gets none."""
    for asked, outcome in outcomes:
        if asked.answer.done():
            continue
        if isinstance(outcome, Screening):
            asked.answer.set_result(outcome)
        else:
            asked.answer.set_exception(outcome)
