"""The road. Read this first: one upload from arrival to record, and what is done about it.

    intake -> decode -> hash -> match -> decide -> record -> act -> record

`judge` is the road up to the verdict and stores nothing; `screen` walks all of it. What we are
about to do is stored before it is done (`record`), by a dispatcher that stores the outcome after.
"""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from tocsin.acting.planning import plan
from tocsin.deciding import decide
from tocsin.decoding.base import Decoder
from tocsin.dispatching import Dispatcher
from tocsin.hashing.url import url_views
from tocsin.hashing.views import file_views, plane_views
from tocsin.lists.lookback import Lookback
from tocsin.lists.recognising import Recognised, Recogniser
from tocsin.model import (
    Screening,
    Undecodable,
    Unhashable,
    Upload,
    UploadKind,
    Verdict,
    View,
)
from tocsin.recording import screenings
from tocsin.recording.store import Store
from tocsin.trust.breaker import Breaker


@dataclass(frozen=True, slots=True)
class Reading:
    """What could be read of an upload: its views, its format, and what stood in the way."""

    views: tuple[View, ...]
    format: str = ""
    obstacle: Undecodable | Unhashable | None = None


@dataclass(frozen=True, slots=True)
class Road:
    """The stages of the road, built by `app.py`. Thread-safe, as each of them is.

    `beside` starts a call in another thread, as an executor's `submit` does.
    """

    store: Store
    decoder: Decoder
    recogniser: Recogniser
    lookback: Lookback
    dispatcher: Dispatcher
    breaker: Breaker
    connectors: Sequence[str]
    beside: Callable[[Callable[[bytes], tuple[View, ...]], bytes], Future[tuple[View, ...]]]
    clock: Callable[[], datetime]
    draw: Callable[[], float] = random.random
    keep_seen: bool = True
    keep_name: bool = False

    def screen(self, upload: Upload, *, actor: str, only: Sequence[str] = ()) -> Screening:
        """Screen one upload; when this returns, its record is durable and the action under way.

        `only` names the block lists to match against, all when empty. Raises NotFound for an
        unknown list, Unavailable when the record could not be stored: then nothing was done.
        """
        screening = self.judge(upload, only=only)
        self.record(screening, actor=actor).result()
        self.settle(screening)
        return screening

    def judge(self, upload: Upload, *, only: Sequence[str] = ()) -> Screening:
        """Go from upload to verdict. Raises NotFound, Unavailable."""
        (screening,) = self.judge_many([upload], [self.read(upload)], only=only)
        return screening

    def read(self, upload: Upload) -> Reading:
        """Decode and hash. A file that cannot be decoded still has its file hashes."""
        if upload.kind is UploadKind.HASHES:
            return Reading(tuple(View("given", signal) for signal in upload.signals))
        if upload.kind is UploadKind.LINK:
            return _read_link(upload)
        # Hashing a large file takes as long as decoding it, so it is done beside, not before.
        hashing = self.beside(file_views, upload.content)
        decoded = self.decoder.decode(upload.content)
        views = hashing.result()
        if isinstance(decoded, Undecodable):
            return Reading(views, obstacle=decoded)
        return Reading((*views, *plane_views(decoded.planes)), decoded.format)

    def judge_many(
        self, uploads: Sequence[Upload], readings: Sequence[Reading], *, only: Sequence[str] = ()
    ) -> list[Screening]:
        """Match and decide for several uploads at once. Raises NotFound, Unavailable."""
        recognised = self.recogniser.recognise_many([one.views for one in readings], only)
        triples = zip(uploads, readings, recognised, strict=True)
        return [self._judge(*one) for one in triples]

    def record(self, screening: Screening, *, actor: str) -> "Future[None]":
        """Store the screening and what is about to be done about it."""
        return screenings.record(
            self.store,
            screening,
            plan(screening, self.connectors),
            actor=actor,
            keep_seen=self.keep_seen,
            keep_name=self.keep_name,
        )

    def settle(self, *recorded: Screening) -> None:
        """Count floods, wake the dispatcher, look again where a list changed meanwhile."""
        self.breaker.seen(recorded)
        if self.connectors and any(one.judgement.verdict is not Verdict.ALLOW for one in recorded):
            self.dispatcher.wake()
        revision = self.store.revision()
        if overtaken := [one for one in recorded if one.revision != revision]:
            self.lookback.again(overtaken)

    def _judge(self, upload: Upload, reading: Reading, found: Recognised) -> Screening:
        now = self.clock()
        judged = partial(
            decide,
            upload,
            now=now,
            draw=self.draw(),
            obstacle=reading.obstacle,
            low_quality=found.low_quality,
        )
        judgement = judged(found.hits)
        hits = self.breaker.temper(upload, found.hits, judgement, now)
        if hits is not found.hits:
            judgement = judged(hits)
        of_media = (reading.views, hits, judgement, found.revision, reading.format)
        return Screening(upload.id, now, upload, *of_media)


def _read_link(upload: Upload) -> Reading:
    hashed = url_views(upload.content.decode("utf-8", "replace"))
    if isinstance(hashed, Unhashable):
        return Reading((), obstacle=hashed)
    return Reading(hashed.views)
