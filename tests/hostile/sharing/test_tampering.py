"""Between log and member: whoever serves, mirrors or carries the bytes can withhold, and no more.

Passed if a flipped bit in every tile, bundle and bundle of contents is rejected before any of it
is applied, and rings that are repeated, reordered, delayed or altered leave the state of the log.
"""

import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import Ledger, item
from logs import ORIGIN
from shares import LedgerPlace
from tocsin.entries.statements import Opinion, Retract, View
from tocsin.errors import TocsinError
from tocsin.exchange.tiles import BUNDLE, levels_of, tile_at, tiles_of
from tocsin.recording.store import Store
from tocsin.sharing.verifying import Batch, Finding, check, keys_in
from victims import victim_of

ENTRIES = 700
"""A log of many one-bits: full and partial tiles on two levels."""


@pytest.fixture(scope="module")
def large():
    """A log with full and partial tiles, and one item in every entry."""
    ledger = Ledger.of_all()
    while ledger.size < ENTRIES:
        ledger.said("tube", item(note=f"number {ledger.size}"))
    place = LedgerPlace(ledger, "rights")
    place.publish()
    return place


class Altered:
    """The same log with one object altered."""

    def __init__(self, place, path, data) -> None:
        self._place, self._path, self._data = place, path, data
        self.ledger, self.policy = place.ledger, place.policy
        self.used = False

    def get(self, path):
        self.used = self.used or path == self._path
        return self._data if path == self._path else self._place.get(path)

    def payloads(self, index, width):
        return self._place.payloads(index, width)

    def close(self):
        pass


def flipped(data, draw):
    at = draw.randrange(len(data) * 8)
    altered = bytearray(data)
    altered[at // 8] ^= 1 << at % 8
    return bytes(altered)


def served():
    """The paths of all objects of the log at its size."""
    return sorted(
        tile_at(level, tile.index, ENTRIES).path
        for level in (BUNDLE, *levels_of(ENTRIES))
        for tile in tiles_of(level, ENTRIES)
    )


def test_one_flipped_bit_in_any_object_of_the_log_is_rejected(large, tmp_path):
    draw = random.Random(1)
    used = set()
    for number, path in enumerate(served()):
        altered = Altered(large, path, flipped(large.objects[path], draw))
        store = Store(f"sqlite:///{tmp_path / f'{number}.db'}")
        victim = victim_of(altered, store, tmp_path / str(number))
        # What is not needed is not fetched: full bundles are held against level 1.
        assert victim.take() == ("Frozen" if altered.used else "done"), path
        # What lies before the altered object may stand already: it was verified by itself.
        assert len(victim.stages()) <= victim.status.size <= ENTRIES
        used |= {path} if altered.used else set()
        victim.following.close()
        store.close()
    assert {path for path in served() if "entries" in path} <= used
    assert {"tile/1/000.p/2", "tile/0/002.p/188"} <= used


def test_a_flipped_bit_in_the_checkpoint_is_rejected(large, sqlite_store, tmp_path):
    draw = random.Random(2)
    altered = Altered(large, "checkpoint", large.objects["checkpoint"])
    victim = victim_of(altered, sqlite_store, tmp_path)
    for _ in range(20):
        altered._data = flipped(large.objects["checkpoint"], draw)
        assert victim.take() in {"Frozen", "Unavailable"}  # The second: it is no note any more.
        assert victim.status.size == 0
        victim.following.resume("hub", actor="cli")
        victim.follower.reload()
    victim.following.close()


def test_a_flipped_bit_in_any_content_is_rejected(large):
    draw = random.Random(3)
    keys = tuple(keys_in(large.leaves, large.contents).values())
    for index, content in enumerate(large.contents):
        altered = flipped(content, draw)
        batch = Batch(ORIGIN, keys, [large.leaves[index]], [altered])
        assert check(batch) == bytes([Finding.NOT_OPENING])


def test_a_flipped_bit_in_any_leaf_is_rejected_where_only_the_log_s_key_protected_it(large):
    draw = random.Random(4)
    keys = tuple(keys_in(large.leaves, large.contents).values())
    found = set()
    for leaf, content in zip(large.leaves, large.contents, strict=True):
        altered = bytearray(flipped(leaf, draw))
        altered[4:12] = leaf[4:12]  # The time is the exchange's own to write.
        if bytes(altered) != leaf:
            found |= set(check(Batch(ORIGIN, keys, [bytes(altered)], [content])))
    assert found <= {Finding.MALFORMED, Finding.UNKNOWN_KEY, Finding.BAD_SIGNATURE}


def test_contents_that_were_exchanged_for_each_other_have_no_effect(ledger, place, victim):
    place.publish()
    first, second = ledger.said("tube", item(note="one")), ledger.said("tube", item(note="two"))
    place.publish()
    place.contents[first], place.contents[second] = place.contents[second], place.contents[first]
    assert victim.take() == "done"
    assert victim.faults() == {first: "not_opening", second: "not_opening"}
    assert victim.stages() == {}


@pytest.fixture(scope="module")
def rung():
    """A log that grew in small steps, with the ring of each."""
    ledger = Ledger.of_all()
    place = LedgerPlace(ledger, "rights")
    rings = [place.publish()]
    for number in range(12):
        of = ledger.said("tube", item(note=f"number {number}"))
        if number % 3 == 0:
            ledger.said("chat", Opinion(of=of, opinion=View.DISPUTE))
        if number % 4 == 0:
            ledger.said("tube", Retract(of=of, reason="wrong"))
        rings.append(place.publish())
    return place, rings


@pytest.fixture(scope="module")
def truth(rung, tmp_path_factory):
    """The state of who just reads the log."""
    folder = tmp_path_factory.mktemp("truth")
    store = Store(f"sqlite:///{folder / 'truth.db'}")
    victim = victim_of(rung[0], store, folder)
    victim.take()
    yield victim.digest
    victim.following.close()
    store.close()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_rings_in_any_order_and_number_lead_to_the_state_of_the_log(
    rung, truth, tmp_path_factory, data
):
    place, rings = rung
    order = data.draw(st.lists(st.sampled_from(range(len(rings))), max_size=20))
    folder = tmp_path_factory.mktemp("rings")
    store = Store(f"sqlite:///{folder / 'node.db'}")
    victim = victim_of(place, store, folder)
    for number in order:
        victim.follower.ring(rings[number])
    assert victim.take() == "done"
    assert (victim.status.frozen, victim.faults()) == ("", {})
    assert victim.digest == truth
    victim.following.close()
    store.close()


def altered_rings(ring):
    """A ring in all the ways in which who carries it can alter it."""
    leaf = ring.leaves[-1]
    yield replace(ring, leaves=ring.leaves[:-1])
    yield replace(ring, leaves=(*ring.leaves[:-1], leaf[:-1] + bytes([leaf[-1] ^ 1])))
    yield replace(ring, leaves=(), contents=())
    yield replace(ring, leaves=(b"", *ring.leaves))
    yield replace(ring, old=ring.old + 1, leaves=ring.leaves[1:], contents=ring.contents[1:])
    yield replace(ring, old=0)
    yield replace(ring, contents=tuple(one[:-1] for one in ring.contents))
    yield replace(ring, contents=tuple(reversed(ring.contents)))


@pytest.mark.parametrize("number", range(8))
def test_what_was_altered_in_a_ring_is_not_what_is_applied(number, ledger, place, victim):
    place.publish()
    assert victim.take() == "done"
    for count in range(3):
        ledger.said("tube", item(note=f"number {count}"))
    ring = list(altered_rings(place.publish()))[number]
    try:
        victim.follower.ring(ring)
    except (TocsinError, ValueError):
        victim.follower.reload()
    assert victim.take() == "done"
    assert victim.status.frozen == ""
    assert victim.status.size == ledger.size
    assert len(victim.stages()) == 3 - len(victim.faults())
