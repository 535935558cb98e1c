"""When is it a flood? Counting matches in windows of time, in little memory and without a clock."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TypeVar


@dataclass(frozen=True, slots=True)
class Limit:
    """How often something may match.

    It is a flood above `matches` from above `accounts` within `window_s`; or above `share` of the
    uploads of a period, once `screened` were and above `share_matches` of them matched: without
    that, the second copy among 1,000 uploads would be a flood.
    """

    matches: int
    accounts: int
    share: float
    share_matches: int
    window_s: float = 600.0
    screened: int = 1000


@dataclass(frozen=True, slots=True)
class Figures:
    """The settings of a breaker, for one item and for all of an issuer's items on a list.

    Shares are counted anew every `period_s`. What a person has confirmed is spared for `pardon_s`.
    At most `tracked` items and issuers are counted, those that matched last.
    """

    item: Limit = Limit(matches=20, accounts=10, share=0.001, share_matches=10)
    issuer: Limit = Limit(matches=200, accounts=100, share=0.01, share_matches=100)
    period_s: float = 86_400.0
    pardon_s: float = 86_400.0
    tracked: int = 10_000


V = TypeVar("V")

Key = tuple[int, int | str]
"""A list's id, and on it an item's id or an issuer's name."""


@dataclass(slots=True)
class _Window:
    """The latest matches of one key, one more than its limit allows, and no more accounts.

    Both map to the second of the latest match, oldest first: if the oldest of limit + 1 lies within
    the window, they all do. `matches` counts those of the period.
    """

    uploads: OrderedDict[str, float] = field(default_factory=OrderedDict)
    accounts: OrderedDict[str, float] = field(default_factory=OrderedDict)
    period: int = -1
    matches: int = 0

    def add(self, upload: str, account: str, at_s: float, limit: Limit) -> None:
        self.matches += 1
        for latest, name, most in (
            (self.uploads, upload, limit.matches + 1),
            (self.accounts, account, limit.accounts + 1),
        ):
            latest[name] = at_s
            latest.move_to_end(name)
            if len(latest) > most:
                latest.popitem(last=False)

    def overflows(self, at_s: float, limit: Limit) -> bool:
        since = at_s - limit.window_s
        return (
            len(self.uploads) > limit.matches
            and len(self.accounts) > limit.accounts
            and next(iter(self.uploads.values())) >= since
            and next(iter(self.accounts.values())) >= since
        )


class FloodCounter:
    """Counts matches by key. Not thread-safe: its owner has a lock. Times are Unix seconds."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._windows: OrderedDict[Key, _Window] = OrderedDict()
        self._spared: OrderedDict[Key, float] = OrderedDict()
        self._period = -1
        self._screened = 0

    def screened(self, at_s: float) -> None:
        """Count an upload, matched or not."""
        self._enter(at_s)
        self._screened += 1

    def match(self, key: Key, limit: Limit, upload: str, account: str, at_s: float) -> int:
        """Count a match, each upload once; return how many there were if it is a flood, else 0."""
        if self._spared.get(key, at_s) > at_s:
            return 0
        self._enter(at_s)
        window = self._window(key)
        if upload in window.uploads:
            return 0
        window.add(upload, account, at_s, limit)
        if window.overflows(at_s, limit):
            return len(window.uploads)
        large = self._screened >= limit.screened and window.matches > limit.share_matches
        return window.matches if large and window.matches > limit.share * self._screened else 0

    def forget(self, key: Key) -> None:
        """Count a key from nothing again."""
        self._windows.pop(key, None)

    def spare(self, key: Key, at_s: float) -> None:
        """Leave a key alone for a while."""
        self.forget(key)
        remember(self._spared, key, at_s + self._figures.pardon_s, self._figures.tracked)

    def _enter(self, at_s: float) -> None:
        period = int(at_s // self._figures.period_s)
        if period != self._period:
            self._period, self._screened = period, 0

    def _window(self, key: Key) -> _Window:
        window = self._windows.get(key) or _Window()
        remember(self._windows, key, window, self._figures.tracked)
        if window.period != self._period:
            window.period, window.matches = self._period, 0
        return window


def remember(known: OrderedDict[Key, V], key: Key, value: V, most: int) -> None:
    """Put a value in, and let the one go that was put in longest ago where there are too many."""
    known[key] = value
    known.move_to_end(key)
    if len(known) > most:
        known.popitem(last=False)
