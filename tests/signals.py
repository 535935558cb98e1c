"""Signals for tests: made from a number, so that a test says which are alike."""

import numpy as np
from sqlalchemy import Connection, update

from tocsin.model import Signal, SignalType
from tocsin.recording import tables
from tocsin.recording.store import Store, next_revision


def pdq(seed: int, flips: int = 0, quality: int | None = 80) -> Signal:
    """A random PDQ hash, with its first `flips` bits inverted."""
    bits = np.random.default_rng(seed).integers(0, 2, 256, dtype=np.uint8)
    bits[:flips] ^= 1
    return Signal(SignalType.PDQ, np.packbits(bits).tobytes(), quality)


def md5(number: int) -> Signal:
    """An MD5 that is just the number."""
    return Signal(SignalType.MD5, number.to_bytes(16, "big"))


def url(text: str) -> Signal:
    """A link in canonical form."""
    return Signal(SignalType.URL, text.encode())


def erase(store: Store, item_id: int) -> None:
    """Take an item off its list and overwrite its signals, as an erasure does."""

    def job(connection: Connection) -> None:
        of_item = tables.signals.c.item_id == item_id
        gone = {"value": b"", "removed": True, "revision": next_revision(connection)}
        connection.execute(update(tables.signals).where(of_item).values(gone))

    store.write(job).result()
