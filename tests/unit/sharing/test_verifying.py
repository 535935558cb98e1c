"""What is said of an entry by itself, here or in another process, is the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import ORIGIN, Ledger, item
from tocsin.errors import Unavailable
from tocsin.sharing.checkers import FEW, Checkers
from tocsin.sharing.leaves import BLOCK, Leaves, brief
from tocsin.sharing.verifying import Batch, Finding, check, keys_in


@pytest.fixture(scope="module")
def parcels():
    ledger = Ledger("industry", "tube")
    for number in range(FEW + 10):
        ledger.say("tube", item(note=str(number)))
    return ledger.parcels


def batch_of(parcels, leaves=None, contents=None):
    leaves = leaves or [one.envelope.encode() for one in parcels]
    contents = contents or [one.nonce + one.payload for one in parcels]
    keys = tuple(keys_in(leaves, [one.nonce + one.payload for one in parcels]).values())
    return Batch(ORIGIN, keys, leaves, contents)


@pytest.fixture(scope="module")
def checkers():
    with Checkers(2) as checkers:
        yield checkers


def test_good_entries_are_found_good_by_another_process(parcels, checkers):
    batch = batch_of(parcels)
    assert checkers.check(batch).result() == check(batch) == bytes(len(parcels))


def test_another_process_finds_the_same_faults(parcels, checkers):
    leaves = [one.envelope.encode() for one in parcels]
    contents = [one.nonce + one.payload for one in parcels]
    leaves[3], leaves[4] = b"", leaves[4][:-1] + bytes([leaves[4][-1] ^ 1])
    contents[5], contents[6] = b"", contents[6][:-1]
    batch = batch_of(parcels, leaves, contents)
    found = checkers.check(batch).result()
    expected = [Finding.MALFORMED, Finding.BAD_SIGNATURE, Finding.CLOSED, Finding.NOT_OPENING]
    assert list(found[3:7]) == expected
    assert found == check(batch)


def test_a_process_that_dies_is_replaced(parcels, checkers):
    batch = batch_of(parcels)
    checkers.check(batch).result()
    for process in checkers._all:
        process.kill()
        process.wait()
    try:
        found = checkers.check(batch).result()
    except Unavailable:
        found = checkers.check(batch).result()
    assert found == bytes(len(parcels))


def test_an_unknown_key_is_told_from_a_bad_signature(parcels):
    batch = batch_of(parcels[:3])
    assert set(check(Batch(ORIGIN, (), batch.leaves, batch.contents))) == {Finding.UNKNOWN_KEY}


def test_an_entry_for_another_log_is_not_signed_for_this_one(parcels):
    batch = batch_of(parcels[:3])
    other = Batch("other.example/log", batch.keys, batch.leaves, batch.contents)
    assert set(check(other)) == {Finding.BAD_SIGNATURE}


@given(st.integers(0, 163), st.integers(1, 255))
def test_no_changed_byte_of_a_leaf_goes_unseen(parcels, place, change):
    leaf = bytearray(parcels[-1].envelope.encode())
    leaf[place] ^= change
    batch = batch_of([parcels[1], parcels[-1]])
    found = check(Batch(ORIGIN, batch.keys, [bytes(leaf)], [batch.contents[-1]]))
    received = range(4, 12)  # The time of arrival is the exchange's word, and not signed.
    assert (found == b"\0") <= (place in received)


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_bytes_of_any_kind_have_a_finding(leaf, content):
    (found,) = check(Batch(ORIGIN, (), [leaf], [content]))
    assert found != Finding.GOOD


@given(st.lists(st.integers(1, 700), min_size=1, max_size=6))
def test_leaves_are_remembered_over_restarts(sizes):
    stored: dict[int, bytes] = {}

    def load(number):
        return stored.get(number, b"")

    leaves = Leaves(0, load)
    for size in sizes:
        rows = [
            brief(b"\1\x10" + bytes(18) + at.to_bytes(16), malformed=False) for at in range(size)
        ]
        stored.update(leaves.extend(rows))
        leaves = Leaves(leaves.size, load)
    assert leaves.size == sum(sizes)
    assert int.from_bytes(leaves.find(leaves.size - 1).key_id) == sizes[-1] - 1
    assert leaves.find(leaves.size) is None
    assert max(map(len, stored.values())) <= BLOCK * 17


def test_a_malformed_leaf_is_no_entry_to_speak_about():
    leaves = Leaves(0, lambda _: b"")
    leaves.extend([brief(b"?", malformed=True)])
    assert leaves.find(0) is None
