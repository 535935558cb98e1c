"""Carrying out what was intended: take one action, deliver it, store the outcome, over and over.

Delivery is at least once. A node that dies between delivering and storing the outcome delivers
again when the lease is over; the receiver knows the action's id and acts once. Never delivering
would be the worse fault: an upload that a verdict refused would stay up without anybody knowing.
"""

import random
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from tocsin.acting.base import Connector, Delivered, Failed
from tocsin.model import Action
from tocsin.recording import actions
from tocsin.recording.actions import ActionState, StoredAction
from tocsin.recording.store import Store

MAX_ATTEMPTS = 12
FIRST_DELAY_S = 5.0
LONGEST_DELAY_S = 3600.0
LEASE_S = 120.0
"""How long one delivery may take. Longer than any connector's own limit, or two would send."""

POLL_S = 1.0
"""How often to look without being woken: other processes write intents too."""

LONGEST_PAUSE_S = 30.0
"""Longest pause while the database does not answer."""


class Dispatcher:
    """Carries out actions in threads of its own; several processes may share one database.

    `problem` says why nothing is carried out at the moment, in a sentence; "" when all is well.
    """

    def __init__(
        self,
        store: Store,
        connectors: Sequence[Connector],
        clock: Callable[[], datetime],
        *,
        workers: int = 4,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._connectors = {connector.name: connector for connector in connectors}
        self._clock = clock
        self._jitter = jitter
        self.problem = ""
        self._closed = threading.Event()
        self._woken = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, name=f"dispatcher-{number}", daemon=True)
            for number in range(workers)
        ]

    def start(self) -> None:
        """Start the threads. Call once."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Say that something was intended. Never blocks."""
        self._woken.set()

    def close(self) -> None:
        """Finish the deliveries under way and end the threads. May be called twice."""
        self._closed.set()
        self._woken.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def run_due(self) -> int:
        """Try everything that is due now, in this thread; return how many. Raises Unavailable."""
        tried = 0
        while not self._closed.is_set() and self._run_one():
            tried += 1
        return tried

    def dead(self, limit: int = 100) -> tuple[StoredAction, ...]:
        """Return the actions that were given up, newest first. Raises Unavailable."""
        with self._store.read() as connection:
            return actions.read_dead(connection, limit)

    def counts(self) -> dict[ActionState, int]:
        """Count the actions in each state. Raises Unavailable."""
        with self._store.read() as connection:
            return actions.count(connection)

    def retry(self, action_id: str, *, actor: str) -> StoredAction:
        """Put a dead or failed action back at once. Raises NotFound, Conflict, Unavailable."""
        now = self._clock()
        stored = self._store.write(lambda c: actions.retry_in(c, action_id, now, actor)).result()
        self.wake()
        return stored

    def _work(self) -> None:
        """Top loop of each thread."""
        pause_s = POLL_S
        while not self._closed.is_set():
            try:
                self.run_due()
            except Exception as error:  # noqa: BLE001 - top loop: the intents are stored, it waits
                self.problem = f"{type(error).__name__}: {error}"
                self._closed.wait(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                continue
            self.problem, pause_s = "", POLL_S
            self._woken.wait(POLL_S)
            if not self._closed.is_set():
                self._woken.clear()

    def _run_one(self) -> bool:
        now = self._clock()
        with self._store.read() as connection:
            if not actions.any_due(connection, now):
                return False
        lease_end = now + timedelta(seconds=LEASE_S)
        taken = self._store.write(lambda c: actions.take_in(c, now, lease_end)).result()
        for one in taken:
            self._settle(one, self._deliver(one.action))
        return bool(taken)

    def _deliver(self, action: Action) -> Delivered | Failed:
        if action.attempts > MAX_ATTEMPTS:
            return Failed("the node died while delivering this, too often", permanent=True)
        connector = self._connectors.get(action.connector)
        if connector is None:
            return Failed(f"there is no connector {action.connector} here", permanent=True)
        try:
            return connector.deliver(action)
        except Exception as error:  # noqa: BLE001 - a connector's fault must not stop the others
            return Failed(f"the connector broke: {type(error).__name__}: {error}", permanent=False)

    def _settle(self, taken: StoredAction, outcome: Delivered | Failed) -> None:
        now = next_at = self._clock()
        if isinstance(outcome, Delivered):
            state, text = ActionState.DONE, outcome.detail
        else:
            over = outcome.permanent or taken.action.attempts >= MAX_ATTEMPTS
            state, text = (ActionState.DEAD if over else ActionState.FAILED), outcome.reason
            next_at += timedelta(seconds=delay_s(taken.action.attempts, self._jitter()))
        self._store.write(
            lambda connection: actions.settle_in(
                connection, taken, state, now=now, next_at=next_at, outcome=text
            )
        ).result()


def delay_s(attempts: int, draw: float) -> float:
    """Return the seconds to wait after so many attempts; `draw` in [0, 1) takes off up to half.

    The jitter spreads the repetitions of what failed together, so that a receiver which comes
    back is not struck down again.
    """
    doubled = FIRST_DELAY_S * 2.0 ** min(attempts - 1, MAX_ATTEMPTS)
    return min(doubled, LONGEST_DELAY_S) * (1 - draw / 2)
