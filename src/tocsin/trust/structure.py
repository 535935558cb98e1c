"""Structural checks: what a signal betrays without its media.

A PDQ hash of something rich has as many ones as zeros; that of a blank page has not. The checks are
necessary, not sufficient: text cards and crafted hashes pass them.
"""

from collections.abc import Sequence

import numpy as np

from tocsin.hashing.exact import file_signals
from tocsin.hashing.host import registrable
from tocsin.hashing.url import canonical
from tocsin.matching.tail import Tail
from tocsin.model import PDQ_QUALITY_FLOOR, PDQ_RADIUS, Codes, Signal, SignalType, Unhashable
from tocsin.trust.degenerate import FEWEST_ONES, MOST_ONES, TABLE
from tocsin.trust.hosts import HOSTING, SHORTENERS, WELL_KNOWN
from tocsin.trust.outcome import Outcome, Sound, doubtful, joined, rejected

_FEWEST_HEALTHY, _MOST_HEALTHY = 124, 132
"""Of 604 photos with quality 50 or more 597 had exactly 128 ones."""

_TRIFLES = {
    signal for trifle in (b"", b"\n", b"\r\n", b" ", b"\0") for signal in file_signals(trifle)
}
_PATTERNS = Tail().extended(np.arange(len(TABLE), dtype=np.int64), TABLE)


class Structure:
    """The checks, with an operator's own hosts beside the built-in ones. Pure; thread-safe."""

    def __init__(
        self, *, quality_floor: int = PDQ_QUALITY_FLOOR, hosts: frozenset[str] = frozenset()
    ) -> None:
        self._quality_floor = quality_floor
        self._well_known = WELL_KNOWN | hosts

    def check(self, signals: Sequence[Signal]) -> list[Outcome]:
        """Judge each signal, answers in the same order. A million PDQ hashes take seconds."""
        answers = [_SOUND if one.type.perceptual else self._plain(one) for one in signals]
        places = [place for place, one in enumerate(signals) if one.type.perceptual]
        hashes = [signals[place] for place in places]
        for place, outcome in zip(places, self._pictures(hashes), strict=True):
            answers[place] = outcome
        return answers

    def _pictures(self, signals: Sequence[Signal]) -> list[Outcome]:
        if not signals:
            return []
        codes = np.frombuffer(b"".join(one.value for one in signals), np.uint8).reshape(-1, 32)
        ones = np.bitwise_count(codes).sum(axis=1, dtype=np.int64)
        empty = _near_patterns(codes)
        sound: list[Outcome] = [_SOUND] * len(signals)
        # Most have nothing wrong with them; the others are looked at one by one.
        rich = np.array([(one.quality or 0) >= max(self._quality_floor, 1) for one in signals])
        healthy = (ones >= _FEWEST_HEALTHY) & (ones <= _MOST_HEALTHY) & rich
        for place in {*np.flatnonzero(~healthy).tolist(), *empty}:
            degenerate = place in empty
            sound[place] = self._picture(signals[place], int(ones[place]), degenerate=degenerate)
        return sound

    def _picture(self, signal: Signal, ones: int, *, degenerate: bool) -> Outcome:
        found: list[Outcome] = []
        if not FEWEST_ONES <= ones <= MOST_ONES:
            found.append(rejected("unbalanced", f"{ones} of 256 bits are set; a photo has 128"))
        elif not _FEWEST_HEALTHY <= ones <= _MOST_HEALTHY:
            found.append(doubtful("off_balance", f"{ones} of 256 bits are set; a photo has 128"))
        if degenerate:
            found.append(rejected("degenerate", "like a blank page, a gradient or a pattern"))
        if signal.quality is None:
            found.append(doubtful("quality_unknown", "nobody says how rich the picture is"))
        elif signal.quality < self._quality_floor:
            text = f"quality {signal.quality} is below {self._quality_floor}"
            found.append(rejected("low_quality", text))
        return joined(found)

    def _plain(self, signal: Signal) -> Outcome:
        if signal.type is SignalType.URL:
            return self._link(signal.text)
        if signal in _TRIFLES:
            return rejected("empty_file", f"the {signal.type} of a file with nothing in it")
        if len(set(signal.value)) == 1:
            return rejected("placeholder", f"no file has this {signal.type}")
        return Sound()

    def _link(self, text: str) -> Outcome:
        link = canonical(text)
        if isinstance(link, Unhashable):
            return rejected("no_link", link.reason)
        place, _, path = link.partition("/")
        host = place.partition(":")[0]
        if not path and host in self._well_known | HOSTING | SHORTENERS:
            return rejected("well_known_site", f"the whole of {host}, which everybody uses")
        if host in SHORTENERS:
            return doubtful("shortener", f"where a link of {host} leads may change")
        if not path and registrable(host) in self._well_known:
            return doubtful("part_of_well_known_site", f"the whole of {host}")
        return Sound()


_SOUND = Sound()


def _near_patterns(codes: Codes) -> set[int]:
    """Return which of the codes lie within a PDQ radius of a picture that shows nothing."""
    return set(_PATTERNS.search(codes, PDQ_RADIUS)[:, 0].tolist())
