"""Signals for tests: made from a number, so that a test says which are alike."""

import numpy as np

from tocsin.model import Signal, SignalType


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
