"""Members, opinions, signals and evidence to test trust with: a test names what it is about."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np

from samples import NOW
from tocsin.model import Signal, SignalType
from tocsin.trust.opinions import Opinion, Party, Stance
from tocsin.trust.outcome import Sound
from tocsin.trust.rule import Claim
from tocsin.trust.stages import Evidence

ISSUER = Party("dana", "Video Site", "platform", "DE")
ALICE = Party("alice", "Photo Site", "platform", "FR")
BOB = Party("bob", "Forum", "platform", "US")
POLICE = Party("bka", "Police", "authority", "DE")

_EVIDENCE = Evidence(ISSUER, Claim(), NOW - timedelta(days=2), Sound(), Sound())


def says(party: Party, stance: Stance, *, own_media: bool = True) -> Opinion:
    return Opinion(party, stance, NOW, own_media)


CONFIRMED = (says(ALICE, Stance.CONFIRM), says(BOB, Stance.CONFIRM))
"""What meets the quorum of the default rule."""


def evidence(*opinions: Opinion, **changes: Any) -> Evidence:
    """Evidence on a sound item whose wait is over, with these opinions."""
    return replace(_EVIDENCE, opinions=opinions, **changes)


def photo(number: int, flips: int = 0) -> Signal:
    """A PDQ hash like a photo's, half of it ones, with its first `flips` bits inverted."""
    bits = np.random.default_rng(number).permutation(np.repeat(np.array([0, 1], np.uint8), 128))
    bits[:flips] ^= 1
    return Signal(SignalType.PDQ, np.packbits(bits).tobytes(), 100)
