"""The line to one exchange: a thread that connects, catches up, listens, and begins again.

When the exchange is not reached it waits, ever longer and never as long as others do, so that a
thousand nodes do not come back in the same second.
"""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tocsin.errors import Conflict, TocsinError
from tocsin.exchange.errors import ExchangeError
from tocsin.sharing.follower import Follower, Frozen
from tocsin.sharing.place import Place
from tocsin.sharing.publishing import Publisher

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 60.0
POST_S = 5.0
"""How often the outbox is looked at without being told."""

WITNESS_S = 60.0
"""How often the log is asked for without being rung for, and the witnesses' copy compared with
ours; and how long a quorum may be missing."""


class Standing(StrEnum):
    """How it stands with an exchange."""

    CONNECTING = "connecting"
    CATCHING_UP = "catching up"
    FOLLOWING = "following"
    UNREACHABLE = "unreachable"
    FROZEN = "frozen"


@dataclass(frozen=True, slots=True)
class Health:
    """How the line is right now.

    `contact_at`: the last sign of life. `witnessed_at`: the last time that the quorum of witnesses
    had signed what we follow, None where none is asked for. `target`: how many entries there are,
    while they are being caught up with, else 0.
    """

    standing: Standing
    contact_at: datetime | None
    witnessed_at: datetime | None
    error: str
    advice: str
    target: int


class Line:
    """Keeps one exchange followed until it is closed. `health` may be read from any thread."""

    def __init__(
        self,
        follower: Follower,
        place: Place,
        publisher: Publisher | None,
        clock: Callable[[], datetime],
    ) -> None:
        self._follower = follower
        self._place = place
        self._clock = clock
        self._closing = threading.Event()
        self._woken = threading.Event()
        self._posting = threading.Event()
        self._failures = 0
        self._compared_at: datetime | None = None
        # Replaced as a whole by the line's thread.
        self.health = Health(Standing.CONNECTING, None, None, "", "", 0)
        # Why what is to be published does not go out; the outbox's thread alone sets it.
        self.unsent = ""
        self._threads = [threading.Thread(target=self._run, name="line", daemon=True)]
        if publisher is not None:
            post = threading.Thread(
                target=self._post, args=(publisher,), name="outbox", daemon=True
            )
            self._threads.append(post)

    def start(self) -> None:
        """Follow, and send what is in the outbox, in threads."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Try at once: something is to be published, or the exchange may go on."""
        self._woken.set()
        self._posting.set()

    def close(self) -> None:
        """Stop after what is under way. May be called twice."""
        self._closing.set()
        self.wake()
        self._place.close()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _run(self) -> None:
        """Top loop of the thread: whatever goes wrong is shown, and tried again."""
        while not self._closing.is_set():
            try:
                self._follow()
                continue
            except Frozen as error:
                self._fail(Standing.FROZEN, error)
            except Conflict as error:
                # Another process was faster, or a person changed something.
                self._fail(self.health.standing, error)
                self._follower.reload()
            except (TocsinError, ExchangeError) as error:
                self._fail(Standing.UNREACHABLE, error)
            except Exception as error:  # noqa: BLE001 - one exchange must not end the others
                self._fail(Standing.UNREACHABLE, TocsinError(f"{type(error).__name__}: {error}"))
                self._follower.reload()
            self._wait()

    def _follow(self) -> None:
        self._show(Standing.CATCHING_UP)
        self._follower.catch_up(self._progress)
        self._heard()
        for ring in self._place.rings(self._follower.size, self._closing, self._heard):
            self._follower.ring(ring)
            self._follower.settle()
            self._heard()

    def _progress(self, done: int, total: int) -> None:
        self._show(Standing.CATCHING_UP, target=total)
        if self._closing.is_set():
            raise Conflict("this node is stopping")

    def _heard(self) -> None:
        """Note a sign of life, and use it for what else is due."""
        self._failures = 0
        witnessed = self.health.witnessed_at
        now = self._clock()
        last = self._compared_at
        # In either direction: a clock that is set back must not put it off until it caught up.
        if last is None or abs((now - last).total_seconds()) >= WITNESS_S:
            self._compared_at = now
            if last is not None:  # A bell that beats may still keep its rings to itself.
                self._follower.catch_up(self._progress)
            witnessed = now if self._follower.witnessed() else witnessed
        self.health = Health(Standing.FOLLOWING, now, witnessed, "", "", 0)

    def _post(self, publisher: Publisher) -> None:
        """Top loop of the other thread: sends what is in the outbox."""
        while not self._closing.is_set():
            try:
                publisher.send()
                self.unsent = ""
            except (TocsinError, ExchangeError) as error:
                self.unsent = str(error)
            except Exception as error:  # noqa: BLE001 - or nothing would be sent until a restart
                self.unsent = f"{type(error).__name__}: {error}"
            self._posting.wait(POST_S)
            self._posting.clear()

    def _show(self, standing: Standing, *, target: int = 0) -> None:
        old = self.health
        contact = self._clock() if target else old.contact_at
        self.health = Health(standing, contact, old.witnessed_at, old.error, old.advice, target)

    def _fail(self, standing: Standing, error: TocsinError | ExchangeError) -> None:
        old = self.health
        self._failures += 1
        self.health = Health(
            standing, old.contact_at, old.witnessed_at, str(error), error.advice, old.target
        )

    def _wait(self) -> None:
        longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(self._failures, 10))
        self._woken.wait(random.uniform(longest / 2, longest))
        self._woken.clear()
