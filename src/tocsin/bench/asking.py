"""A client that asks as fast as it is answered, over many connections, in one process.

The usual clients take longer to make a request than the node takes to answer it; this one writes
requests that were made beforehand and reads no more of an answer than its status and length.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import uvloop

_LENGTH = b"content-length: "


@dataclass
class Answers:
    """What came back: seconds that each answer took, and how many of each status."""

    took_s: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)


class _Connection(asyncio.Protocol):
    """Asks one request after the other until the time is over."""

    def __init__(self, requests: Sequence[bytes], until: float, answers: Answers) -> None:
        self.closed = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._until = until
        self._answers = answers
        self._asked = 0
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no common class.
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._got += data
        head = self._got.find(b"\r\n\r\n")
        if head < 0 or len(self._got) < head + 4 + _length(self._got[:head]):
            return
        self._answers.took_s.append(time.perf_counter() - self._began)
        self._answers.statuses[int(self._got[9:12])] += 1
        self._got = b""
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set_result(None)

    def _ask(self) -> None:
        self._began = time.perf_counter()
        if self._began >= self._until:
            self._transport.close()
            return
        self._transport.write(self._requests[self._asked % len(self._requests)])
        self._asked += 1


def ask(
    host: str, port: int, requests: Sequence[bytes], *, connections: int, seconds: float
) -> Answers:
    """Ask for some seconds, each connection its own share of the requests, over and over."""
    return uvloop.run(_ask_all(host, port, requests, connections, seconds))


async def _ask_all(
    host: str, port: int, requests: Sequence[bytes], connections: int, seconds: float
) -> Answers:
    loop, answers = asyncio.get_running_loop(), Answers()
    until = time.perf_counter() + seconds
    opened = []
    for number in range(connections):
        share = requests[number::connections] or requests
        make = partial(_Connection, share, until, answers)
        _, one = await loop.create_connection(make, host, port)
        opened.append(one.closed)
    await asyncio.gather(*opened)
    return answers


def _length(head: bytes) -> int:
    start = head.lower().find(_LENGTH)
    if start < 0:
        return 0
    return int(head[start + len(_LENGTH) :].split(b"\r\n", 1)[0])
