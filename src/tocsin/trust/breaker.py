"""The flood breaker: an item, or an issuer, that matches far above what can be expected is demoted.

Uploads without a match cost next to nothing, a match some microseconds. Each process counts what it
screened itself: with n processes a flood may act n times as often before the first of them trips;
the trip itself is stored and holds for all.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tocsin.errors import TocsinError
from tocsin.model import Hit, Judgement, ListKind, Screening, Stage, Upload
from tocsin.trust.flood import Figures, FloodCounter, Key, Limit, remember

GRACE_S = 60.0
"""How long a hit that was looked up before its demotion may be on its way to a verdict."""


@dataclass(frozen=True, slots=True)
class Trip:
    """What tripped: an item, or all of an issuer's items on a list where `item_id` is None.

    `matches` is how many were counted: in the window, or in the period where the share tripped.
    """

    item_id: int | None
    list_id: int
    issuer: str
    matches: int
    at: datetime


class Breaker:
    """Counts matches that act, and demotes what floods. Thread-safe.

    `demote` stores a trip and says whether it took effect; it does not where a person has spared
    the item. Those in `tell` hear of what did. A breaker counts the present, or in a look-back goes
    through the past once, never both; there `grace_s` is without end, since all that it judges
    together was looked up together, however far apart it came.
    """

    def __init__(
        self,
        demote: Callable[[Trip], bool],
        *,
        figures: Figures | None = None,
        tell: Sequence[Callable[[Trip], None]] = (),
        grace_s: float = GRACE_S,
    ) -> None:
        self._demote = demote
        self._listeners = tell
        self._figures = figures or Figures()
        self._grace_s = grace_s
        self._lock = threading.Lock()  # Guards the three below.
        self._counter = FloodCounter(self._figures)
        self._due: dict[Key, Trip] = {}
        self._demoted: OrderedDict[Key, float] = OrderedDict()
        self.problem = ""

    def temper(
        self, upload: Upload, hits: tuple[Hit, ...], judgement: Judgement, at: datetime
    ) -> tuple[Hit, ...]:
        """Count a verdict before it is given; return the hits that it may be given on.

        What is a flood by now comes back as advisory, and the upload is to be judged again;
        otherwise `hits` itself comes back. So no more than the limit acts, not in a large batch
        nor in many threads either.
        """
        if not judgement.rests_on:
            return hits
        with self._lock:
            floods = {
                one.item_id for one in _acting(hits, judgement) if self._count(upload, one, at)
            }
        if not floods:
            return hits
        return tuple(
            replace(one, stage=Stage.ADVISORY) if one.item_id in floods else one for one in hits
        )

    def seen(self, screenings: Sequence[Screening]) -> None:
        """Count what was recorded, then demote what floods. Never fails: see `problem`."""
        with self._lock:
            for one in screenings:
                self._counter.screened(one.at.timestamp())
                if one.judgement.rests_on:
                    for hit in _acting(one.hits, one.judgement):
                        self._count(one.upload, hit, one.at)
        self.trip()

    def passed(self, at: datetime) -> None:
        """Count an upload, matched or not, whose verdict went through `temper` if it did."""
        with self._lock:
            self._counter.screened(at.timestamp())

    def trip(self) -> None:
        """Demote what floods by what was counted so far. Never fails: see `problem`."""
        with self._lock:
            due = list(self._due.items())
        for key, trip in due:
            self._trip(key, trip)

    def confirmed(self, list_id: int, item_id: int, at: datetime) -> None:
        """Spare an item for a while: a person confirmed what it matches."""
        with self._lock:
            self._counter.spare((list_id, item_id), at.timestamp())
            self._due.pop((list_id, item_id), None)
            self._demoted.pop((list_id, item_id), None)

    def _count(self, upload: Upload, hit: Hit, at: datetime) -> bool:
        """Count a hit for its item and for its issuer; say whether either is a flood."""
        account = upload.source or upload.id
        floods = []
        for key, limit in self._keys(hit):
            if self._is_tripped(key, at.timestamp()):
                floods.append(key)
            elif matches := self._counter.match(key, limit, upload.id, account, at.timestamp()):
                item_id = hit.item_id if isinstance(key[1], int) else None
                self._due[key] = Trip(item_id, hit.rule.id, hit.issuer, matches, at)
                floods.append(key)
        return bool(floods)

    def _keys(self, hit: Hit) -> Iterator[tuple[Key, Limit]]:
        yield (hit.rule.id, hit.item_id), self._figures.item
        if hit.issuer:
            yield (hit.rule.id, hit.issuer), self._figures.issuer

    def _is_tripped(self, key: Key, at_s: float) -> bool:
        demoted_s = self._demoted.get(key)
        on_its_way = demoted_s is not None and at_s < demoted_s + self._grace_s
        return key in self._due or on_its_way

    def _trip(self, key: Key, trip: Trip) -> None:
        """Carry a trip out; what fails is tried again with the next screening."""
        try:
            demoted = self._demote(trip)
        except TocsinError as error:
            self.problem = f"a flood could not be demoted: {error}"
            return
        with self._lock:
            if self._due.pop(key, None) is None:
                return  # Another thread was faster, or a person confirmed it meanwhile.
            if demoted:
                self._counter.forget(key)
                remember(self._demoted, key, trip.at.timestamp(), self._figures.tracked)
            else:
                self._counter.spare(key, trip.at.timestamp())
        self.problem = ""
        if demoted:
            self._report(trip)

    def _report(self, trip: Trip) -> None:
        for listener in self._listeners:
            try:
                listener(trip)
            except Exception as error:  # noqa: BLE001 - whoever listens, a screening must not fail
                self.problem = f"a flood was demoted, but not reported: {error}"


def _acting(hits: Sequence[Hit], judgement: Judgement) -> Iterator[Hit]:
    """Yield one hit for each item that acts in full: of the others nothing is left to demote."""
    done: set[int] = set()
    for hit in hits:
        enforced = hit.stage is Stage.ENFORCED and hit.rule.kind is ListKind.BLOCK
        if enforced and hit.item_id in judgement.rests_on and hit.item_id not in done:
            done.add(hit.item_id)
            yield hit
