"""The rows that no segment holds yet."""

import numpy as np

from codes import random_codes
from tocsin.matching.tail import Tail


def keys(*values):
    return np.array(values, np.int64)


def found(tail, codes):
    return tail.search(codes, 0)[:, 2].tolist()


def test_a_new_tail_is_empty():
    tail = Tail()
    assert (len(tail), tail.highest_key, found(tail, random_codes(2))) == (0, -1, [])


def test_an_older_tail_does_not_see_what_came_later():
    codes = random_codes(3)
    older = Tail().extended(keys(5), codes[:1])
    newer = older.extended(keys(9, 7), codes[1:])
    assert found(older, codes) == [5]
    assert found(newer, codes) == [5, 9, 7]
    assert (older.highest_key, newer.highest_key) == (5, 9)


def test_a_tail_grows_beyond_its_room_and_keeps_its_rows():
    codes, tail = random_codes(5000), Tail()
    for first in range(0, 5000, 500):
        tail = tail.extended(np.arange(first, first + 500), codes[first : first + 500])
    assert np.array_equal(tail.codes, codes)
    assert tail.keys_of(np.array([0, 4999])).tolist() == [0, 4999]


def test_rows_are_found_by_key_while_they_live():
    tail = Tail().extended(keys(5, 9, 7), random_codes(3))
    tail.bury(keys(9, 1000))
    here, rows = tail.rows_of(keys(7, 9, 5))
    assert (here.tolist(), sorted(rows.tolist())) == ([True, False, True], [0, 2])
    assert (tail.buried, tail.living) == (1, 2)


def test_dead_rows_stay_dead_when_the_tail_grows():
    codes = random_codes(3000)
    tail = Tail().extended(keys(1, 2), codes[:2])
    tail.bury(keys(1))
    tail = tail.extended(np.arange(3, 3001), codes[2:])
    assert found(tail, codes[:2]) == [2]
    assert tail.buried == 1


def test_a_key_that_died_may_come_again():
    codes = random_codes(1)
    tail = Tail().extended(keys(1), codes)
    tail.bury(keys(1))
    assert found(tail.extended(keys(1), codes), codes) == [1]
