"""Entries wait in order, and in no greater number than can be held."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tocsin.exchange.errors import Malformed, Overloaded, Unavailable
from tocsin.exchange.pool import MAX_BATCH_ENTRIES, MAX_POOL_BYTES, Pool


def taken(pool):
    return [one.entries for one in pool.take(0)]


def test_what_was_put_is_taken_once_and_in_order():
    pool = Pool()
    for entry in (b"a", b"b", b"c"):
        pool.put((entry,))
    assert taken(pool) == [(b"a",), (b"b",), (b"c",)]
    assert taken(pool) == []


def test_taking_waits_for_the_first_entry():
    pool = Pool()
    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(pool.take, 30)
        pool.put((b"a",))
        assert [one.entries for one in waiting.result(30)] == [(b"a",)]


def test_a_batch_is_bounded_and_nothing_is_lost_at_its_end():
    pool = Pool()
    for _ in range(MAX_BATCH_ENTRIES + 10):
        pool.put((b"a",))
    assert [len(taken(pool)) for _ in range(3)] == [MAX_BATCH_ENTRIES, 10, 0]


def test_a_submission_larger_than_a_batch_goes_alone():
    pool = Pool()
    pool.put((b"a",))
    pool.put((b"b",) * (MAX_BATCH_ENTRIES + 1))
    assert [len(taken(pool)[0]) for _ in range(2)] == [1, MAX_BATCH_ENTRIES + 1]


def test_a_full_pool_asks_submitters_to_come_back():
    pool = Pool()
    large = (bytes(65_535),) * (MAX_POOL_BYTES // 65_535)
    pool.put(large)
    with pytest.raises(Overloaded):
        pool.put((bytes(65_535),))
    taken(pool)
    pool.put((bytes(65_535),))


@pytest.mark.parametrize("entries", [(), (bytes(65_536),), (b"a", bytes(65_536))])
def test_nothing_and_too_much_are_refused_at_once(entries):
    with pytest.raises(Malformed):
        Pool().put(entries)


def test_a_submission_that_was_cancelled_is_not_taken():
    pool = Pool()
    pool.put((b"a",)).cancel()
    pool.put((b"b",))
    assert taken(pool) == [(b"b",)]


def test_a_closed_pool_gives_out_what_waits_and_takes_nothing():
    pool = Pool()
    pool.put((b"a",))
    pool.close()
    with pytest.raises(Unavailable):
        pool.put((b"b",))
    assert not pool.exhausted
    assert taken(pool) == [(b"a",)]
    assert pool.exhausted
