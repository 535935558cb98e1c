"""A log that becomes smaller: frozen at once, and until all that was accepted is shown again.

Passed if a cache that lags behind costs no more than its lag, and an exchange that lost entries, or
comes back with others, stays frozen.
"""

import pytest

from ledger import item
from tocsin.exchange.tiles import CHECKPOINT
from victims import NAME


@pytest.fixture
def grown(ledger, place, victim):
    """A victim that followed to a second size; returns the first checkpoint."""
    ledger.said("tube", item(note="one"))
    place.publish()
    old = place.get(CHECKPOINT)
    ledger.said("tube", item(note="two"))
    place.publish()
    assert victim.take() == "done"
    return old


def test_a_cache_that_lags_behind_freezes_for_as_long_as_it_does(ledger, place, victim, grown):
    new = place.get(CHECKPOINT)
    place.objects[CHECKPOINT] = grown
    assert [victim.take(), victim.take()] == ["Frozen", "Frozen"]
    assert victim.status.frozen
    place.objects[CHECKPOINT] = new
    ledger.said("tube", item(note="three"))
    place.publish()
    assert victim.take() == "done"
    assert not victim.status.frozen
    assert len(victim.stages()) == 3
    assert [one.kind for one in victim.following.dossier.evidence(NAME)] == ["rolled_back"]
