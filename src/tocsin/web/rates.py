"""How often a key may ask: one bucket of tokens a key, filled evenly, a minute's worth deep.

Counted in this process alone: several replicas let a key through that many times. Reaching for the
database at every request was rejected; it would cost more than most requests do.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

WINDOW_S = 60

MAX_SHARES = 100_000
"""Shares that are remembered at a time. Addresses are free to whoever has a network of them."""


@dataclass(frozen=True, slots=True)
class Share:
    """What is left of a key's share: requests, and seconds until it is whole again.

    `wait_s` is 0 for a request that is let in, else the seconds until one will be.
    """

    limit: int
    left: int
    whole_in_s: int
    wait_s: int = 0

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the headers of the IETF's draft-ietf-httpapi-ratelimit-headers."""
        return [
            (b"ratelimit-policy", b'"key";q=%d;w=%d' % (self.limit, WINDOW_S)),
            (b"ratelimit", b'"key";r=%d;t=%d' % (self.left, self.whole_in_s)),
        ]


class Rates:
    """The shares of all keys. Used by the event loop's thread alone."""

    def __init__(self, per_minute: int, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._limit = per_minute
        self._per_s = per_minute / WINDOW_S
        self._monotonic = monotonic
        self._levels: dict[str, tuple[float, float]] = {}

    def take(self, who: str) -> Share:
        """Count one request."""
        now = self._monotonic()
        if who not in self._levels and len(self._levels) >= MAX_SHARES:
            self._forget(now)
        level, at = self._levels.get(who, (float(self._limit), now))
        level = min(float(self._limit), level + (now - at) * self._per_s)
        if level < 1:
            self._levels[who] = (level, now)
            wait_s = max(1, math.ceil((1 - level) / self._per_s))
            return Share(self._limit, 0, WINDOW_S, wait_s)
        level -= 1
        self._levels[who] = (level, now)
        return Share(self._limit, int(level), math.ceil((self._limit - level) / self._per_s))

    def _forget(self, now: float) -> None:
        """Make room: forget the shares that are whole again, or all of them where few are."""
        full = float(self._limit)
        kept = {
            who: (level, at)
            for who, (level, at) in self._levels.items()
            if level + (now - at) * self._per_s < full
        }
        self._levels = kept if len(kept) < MAX_SHARES // 2 else {}
