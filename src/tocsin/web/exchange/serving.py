"""What all routes of an exchange share: the exchange, who may come in, the bell, the figures."""

from collections.abc import Callable
from typing import TypeVar

import anyio
from anyio import to_thread

from tocsin.operating.exchange import Exchange
from tocsin.web.bodies import HELD_FACTOR, JSON_BYTES, Room
from tocsin.web.exchange.figures import Figures
from tocsin.web.exchange.guard import Guard, Limits
from tocsin.web.exchange.ringing import Hub
from tocsin.web.exchange.turns import Turns

BUNDLES_OF_ONE = 8
"""Bundles of contents on their way at a time to one member, or to one address: as many as a
follower fetches side by side. Each may have 8 MB."""

THREADS = 16
"""Requests that read the disk at a time; the others wait for their turn."""

T = TypeVar("T")


class Serving:
    """Built once for an application, in the thread of its event loop."""

    def __init__(self, exchange: Exchange, limits: Limits) -> None:
        self.exchange = exchange
        self.guard = Guard(exchange, limits)
        self.hub = Hub(exchange)
        self.room = Room(HELD_FACTOR * JSON_BYTES)
        self.bundles = Turns(BUNDLES_OF_ONE)
        self.figures = Figures(exchange, self.hub)
        self._threads: anyio.CapacityLimiter | None = None

    async def apart(self, work: Callable[[], T]) -> T:
        """Do what waits for a disk or a lock in a thread, so that the bell is not kept waiting."""
        if self._threads is None:
            self._threads = anyio.CapacityLimiter(THREADS)
        return await to_thread.run_sync(work, limiter=self._threads)
