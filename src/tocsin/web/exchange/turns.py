"""Turns: what costs memory is done for each who asks only so often at a time; the rest waits."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

Release = Callable[[], None]


class Turns:
    """Used by the event loop's thread alone."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._free: dict[str, asyncio.Semaphore] = {}
        self._present: Counter[str] = Counter()

    async def take(self, who: str) -> Release:
        """Wait for a turn; return what ends it, to be called once."""
        free = self._free.setdefault(who, asyncio.Semaphore(self._at_once))
        self._present[who] += 1
        with ExitStack() as undo:
            undo.callback(self._leave, who)
            await free.acquire()
            undo.pop_all()
        return partial(self._release, who)

    def _release(self, who: str) -> None:
        self._free[who].release()
        self._leave(who)

    def _leave(self, who: str) -> None:
        """Forget who has no turn and waits for none."""
        self._present[who] -= 1
        if not self._present[who]:
            del self._present[who], self._free[who]
