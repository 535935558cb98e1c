"""What all routes share: the node, who may come in, and the threads that work for them."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from tocsin.app import Node, now
from tocsin.errors import Unavailable
from tocsin.model import Screening, Upload
from tocsin.web.auth import Guard
from tocsin.web.bodies import HELD_FACTOR, JSON_BYTES, Room
from tocsin.web.gathering import Gathering
from tocsin.web.idempotency import Idempotency
from tocsin.web.metrics import Metrics
from tocsin.web.rates import Rates

THREADS_PER_CHILD = 2
"""Threads that wait for decoders: one for the file in it, one to have the next file ready."""

QUEUE_PER_CHILD = 50
"""Files that may wait for a decoder before the node says that it is too busy."""

IMPORTS = 4
"""Imports at a time: each may take a thread for as long as its client likes to send."""

T = TypeVar("T")


class Serving:
    """Built once for an application; `close` ends its threads."""

    def __init__(self, node: Node) -> None:
        settings = node.settings
        self.node = node
        self.metrics = Metrics(node)
        self.guard = Guard(node.keys, Rates(settings.rate_per_minute))
        self.gathering = Gathering(node.road)
        self.idempotency = Idempotency(node.store, now)
        self.room = Room(HELD_FACTOR * max(settings.max_upload_bytes, JSON_BYTES))
        self._files = ThreadPoolExecutor(THREADS_PER_CHILD * settings.children, "files")
        self._imports = ThreadPoolExecutor(IMPORTS, "imports")
        self._importing = 0
        self._waiting = 0
        self._most_waiting = QUEUE_PER_CHILD * settings.children

    async def look_up(self, upload: Upload, *, actor: str, lists: list[str]) -> Screening:
        """Screen hashes or a link, together with whatever else is asked at this moment."""
        return self.counted(await self.gathering.screen(upload, actor=actor, only=lists))

    async def screen(self, upload: Upload, *, actor: str, lists: list[str]) -> Screening:
        """Screen a file. Raises NotFound, Unavailable."""
        screen = partial(self.node.road.screen, upload, actor=actor, only=lists)
        return self.counted(await self.with_file(screen))

    def counted(self, screening: Screening, uploads: int = 1) -> Screening:
        """Count a screening's verdict in the metrics."""
        self.metrics.screened(screening, uploads)
        return screening

    async def with_file(self, work: Callable[[], T]) -> T:
        """Do what needs a decoder, in a thread. Raises Unavailable when too many wait for one."""
        if self._waiting >= self._most_waiting:
            raise Unavailable("too many files wait to be decoded")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._files, work)
        finally:
            self._waiting -= 1

    async def with_import(self, work: Callable[[], T]) -> T:
        """Import a list, in a thread. Raises Unavailable when too many are under way."""
        if self._importing >= IMPORTS:
            raise Unavailable(f"{IMPORTS} imports are under way, which is as many as can be")
        self._importing += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._imports, work)
        finally:
            self._importing -= 1

    def close(self) -> None:
        """End the threads; what they have begun is finished."""
        self.gathering.close()
        self._files.shutdown()
        self._imports.shutdown()
