"""The benign corpus: hashes of media that a member knows to be harmless.

A signal that comes near one of them would act on harmless uploads, so it is not used. Nothing is
kept of the media but hashes. The corpus is a folder with two indices, so it survives a crash as
they do: what was added in the last batch may be missing, and adding it again puts it right.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tocsin.closing import Closing
from tocsin.errors import Damaged
from tocsin.matching.index import Index
from tocsin.model import (
    PDQ_QUALITY_FLOOR,
    PDQ_RADIUS,
    Codes,
    Reason,
    Signal,
    SignalType,
    View,
)
from tocsin.trust.outcome import Doubtful, Sound

NEAR_RADIUS = 45
"""Bits within which a benign picture casts doubt: beyond the matching radius, with some room."""

BATCH = 1000
"""Media written together."""


@dataclass(frozen=True, slots=True)
class Benign:
    """The signal matches something harmless; `distance` in bits, 0 for the same file."""

    distance: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a build is: media taken so far, and how many of them were new."""

    media: int
    fresh: int


class BenignCorpus(Closing):
    """A folder of hashes of harmless media. Any thread may check; one thread at a time adds."""

    def __init__(self, folder: Path, *, writer: bool) -> None:
        """Open the corpus, or begin one. One process is the writer.

        Raises Unavailable, or Damaged where pictures were lost: a check would then miss them.
        """
        self._pictures = Index.open(folder / "pdq", radius=NEAR_RADIUS, writer=writer)
        self._files = Index.open(folder / "sha256", radius=0, writer=writer)
        if self._pictures.revision < self._files.revision:
            self.close()
            raise Damaged(
                f"the benign corpus {folder} has lost its pictures",
                advice="Delete the folder and build the corpus again from the media.",
            )

    def close(self) -> None:
        """Let another process be the writer."""
        self._pictures.close()
        self._files.close()

    def __len__(self) -> int:
        """How many media are in it."""
        return len(self._files)

    @property
    def hashes(self) -> int:
        """How many PDQ hashes they have between them."""
        return len(self._pictures)

    @property
    def bound(self) -> float:
        """The false-match rate that a signal without a match here stays under, at 95 %.

        The rule of three: no hit in N independent trials leaves at most 3/N. It holds for media
        like those of the corpus, and says nothing about others.
        """
        return min(1.0, 3 / len(self)) if len(self) else 1.0

    def add(self, media: Iterable[Sequence[View]]) -> Iterator[Progress]:
        """Add media, each by its views (`file_views` and `plane_views`); yield progress.

        Media without a SHA-256 view cannot be told apart and are passed over, as are pictures too
        poor to match. Adding twice adds nothing. Raises Unavailable.
        """
        taken = fresh = 0
        rest = iter(media)
        while batch := list(islice(rest, BATCH)):
            taken += len(batch)
            fresh += self._add(batch)
            yield Progress(taken, fresh)

    def check(self, signals: Sequence[Signal]) -> list[Sound | Doubtful | Benign]:
        """Look each signal up, answers in the same order. Other hashes than these are sound.

        Raises Damaged.
        """
        for index in (self._pictures, self._files):
            index.refresh()
        answers: list[Sound | Doubtful | Benign] = [Sound()] * len(signals)
        for type_, index, radius in (
            (SignalType.PDQ, self._pictures, NEAR_RADIUS),
            (SignalType.SHA256, self._files, 0),
        ):
            places = [place for place, one in enumerate(signals) if one.type is type_]
            found = index.search(_codes([signals[place].value for place in places]), radius=radius)
            # Matches of a query are sorted by distance: the first of each is the nearest.
            queries, first = np.unique(found.query, return_index=True)
            for query, distance in zip(queries, found.distance[first].tolist(), strict=True):
                answers[places[query]] = _judged(distance)
        return answers

    def _add(self, media: Sequence[Sequence[View]]) -> int:
        files = [next((v for v in one if v.type is SignalType.SHA256), None) for one in media]
        known = _known(self._files, _codes([file.code for file in files if file]))
        named = {file.code: views for file, views in zip(files, media, strict=True) if file}
        fresh = {code: views for code, views in named.items() if code not in known}
        rich = [
            view.code
            for views in fresh.values()
            for view in views
            if view.type is SignalType.PDQ and (view.quality or 0) >= PDQ_QUALITY_FLOOR
        ]
        if fresh:
            # Pictures first: a file that is in counts as done, also after a crash between the two.
            revision = max(self._pictures.revision, self._files.revision) + 1
            _extend(self._pictures, rich, revision)
            _extend(self._files, list(fresh), revision)
        return len(fresh)


def _extend(index: Index, codes: Sequence[bytes], revision: int) -> None:
    unique = list(dict.fromkeys(codes))
    known = _known(index, _codes(unique))
    new = _codes([code for code in unique if code not in known])
    # Nothing is ever removed, so the number of codes is the first free key.
    keys: NDArray[np.int64] = np.arange(len(index), len(index) + len(new), dtype=np.int64)
    index.apply(revision=revision, keys=keys, codes=new, removed=np.empty(0, np.int64))
    index.merge()


def _known(index: Index, codes: Codes) -> set[bytes]:
    return {codes[query].tobytes() for query in index.search(codes, radius=0).query}


def _codes(values: Sequence[bytes]) -> Codes:
    return np.frombuffer(b"".join(values), np.uint8).reshape(-1, 32)


def _judged(distance: int) -> Doubtful | Benign:
    if distance <= PDQ_RADIUS:
        return Benign(distance)
    text = f"{distance} bits from something known to be harmless"
    return Doubtful((Reason("near_benign", text),))
