"""Decoding behind walls: the decoder that the node uses.

    node  ->  zygote (lean, loaded, walled)  ->  children (walled further, soon dead)

The node never decodes media itself. What it gets back are sizes and bytes, checked in `wire.py`.
How long a child lives, and why: docs/decisions/0003-sandbox.md, with the figures.
"""

import os
import threading
import time
from collections import Counter
from collections.abc import Mapping

from tocsin.closing import Closing
from tocsin.decoding import walls
from tocsin.decoding.base import Limits, Wall
from tocsin.decoding.connection import ZygoteDied
from tocsin.decoding.magic import identify
from tocsin.decoding.nursery import Headcount, Nursery
from tocsin.decoding.wire import Refusal
from tocsin.errors import ConfigurationError, Unavailable
from tocsin.model import Decoded, Obstacle, Undecodable

REQUIRED = frozenset({"rlimits", "no_new_privs", "seccomp"})
"""The walls without which nothing is decoded by default: seccomp alone closes files, network,
programs and processes; Landlock and the namespaces close most of them a second time."""

DECODED = "decoded"
"""The outcome of a file that could be read; the others are obstacles, and `UNAVAILABLE`."""

UNAVAILABLE = "unavailable"
"""The outcome of a file for which no decoder became free."""

_ATTEMPTS = 2
_REST_S = 1.0
"""How long a sandbox that could not be started is left alone before it is tried again."""


class Sandbox(Closing):
    """A Decoder in child processes, safe to use from many threads.

    `children` stand ready at any moment, by default two for each core and two more. Each is given
    one file, or up to `files_per_child` small still pictures; 1 is the strictest.
    `refuse_without` names the walls that must stand for anything to be decoded; the empty set
    accepts whatever the machine has. A sandbox whose zygote dies starts another by itself.
    Raises ConfigurationError for a wall that does not exist.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        children: int | None = None,
        files_per_child: int = 16,
        refuse_without: frozenset[str] = REQUIRED,
    ) -> None:
        self._limits = limits or Limits()
        self._children = children or 2 * (os.cpu_count() or 1) + 2
        self._files = files_per_child
        self._required = refuse_without
        if unknown := refuse_without - walls.plan(self._limits).keys():
            raise ConfigurationError(f"there is no wall called {', '.join(sorted(unknown))}")
        self._lock = threading.Lock()
        self._nursery: Nursery | None = None
        self._open = True
        self._rest_until = 0.0
        self._failure = ""
        self._counting = threading.Lock()
        self._outcomes = Counter(dict.fromkeys((DECODED, UNAVAILABLE, *Obstacle), 0))
        self._ensure()

    def decode(self, data: bytes, *, exact: bool = False) -> Decoded | Undecodable:
        """Decode a file in a child: see `base.Decoder`. Raises Unavailable when too busy."""
        outcome = UNAVAILABLE
        try:
            answer = self._decode(data, exact=exact)
            outcome = DECODED if isinstance(answer, Decoded) else answer.obstacle.value
            return answer
        finally:
            with self._counting:
                self._outcomes[outcome] += 1

    def outcomes(self) -> Mapping[str, int]:
        """Count the files so far by what became of them: `DECODED`, an obstacle, `UNAVAILABLE`."""
        with self._counting:
            return dict(self._outcomes)

    def headcount(self) -> Headcount:
        """Count the children at this moment."""
        nursery = self._nursery
        return Headcount(0, 0) if nursery is None else nursery.headcount()

    def _decode(self, data: bytes, *, exact: bool) -> Decoded | Undecodable:
        form = identify(data)
        if isinstance(form, Refusal):
            return Undecodable(Obstacle(form.obstacle), form.detail)
        if len(data) > self._limits.file_bytes:
            allowed = self._limits.file_bytes
            return Undecodable(Obstacle.TOO_LARGE, f"{len(data)} bytes; the limit is {allowed}")
        for _ in range(_ATTEMPTS):
            nursery = self._ensure()
            if nursery is None or self._missing(nursery.walls):
                break
            try:
                return nursery.ask(data, form, exact=exact)
            except ZygoteDied:
                self._discard(nursery)
        return Undecodable(Obstacle.NO_SANDBOX, self._why_not())

    def walls(self) -> tuple[Wall, ...]:
        """Every wall, outermost first, and whether it stands on this machine."""
        nursery = self._ensure()
        if nursery is None:
            return tuple(Wall(name, False, self._failure) for name in walls.plan(self._limits))
        return nursery.walls

    def close(self) -> None:
        """End every process of the sandbox. Files under way end as not decodable."""
        with self._lock:
            self._open = False
            nursery, self._nursery = self._nursery, None
            self._failure = "the sandbox is closed"
        if nursery is not None:
            nursery.close()

    def _ensure(self) -> Nursery | None:
        """The running nursery, started anew where the last one died; None where that failed."""
        with self._lock:
            if self._nursery is None and self._open and time.monotonic() >= self._rest_until:
                try:
                    self._nursery = Nursery(self._limits, self._children, self._files)
                except (Unavailable, OSError) as error:
                    self._failure = str(error)
                    self._rest_until = time.monotonic() + _REST_S
            return self._nursery

    def _discard(self, nursery: Nursery) -> None:
        with self._lock:
            if self._nursery is nursery:
                self._nursery = None
                self._failure = "the sandbox was killed while decoding this file, twice"
        nursery.close()

    def _missing(self, standing: tuple[Wall, ...]) -> list[Wall]:
        return [wall for wall in standing if wall.name in self._required and not wall.stands]

    def _why_not(self) -> str:
        nursery = self._nursery
        if nursery is None:
            return self._failure
        missing = self._missing(nursery.walls)
        if not missing:
            return "the sandbox was killed while decoding this file, twice"
        return "; ".join(f"the wall {wall.name} does not stand: {wall.detail}" for wall in missing)
