import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.cli.parallel import AHEAD, in_parallel
from waiting import WAIT_S


@given(st.lists(st.integers(), max_size=30), st.integers(1, 4))
def test_answers_come_in_the_order_of_the_work(work, threads):
    assert list(in_parallel(threads, str, work)) == [str(one) for one in work]


def test_work_is_taken_only_a_little_ahead_of_the_answers():
    taken = []
    answers = in_parallel(2, str, (taken.append(one) or one for one in range(100)))
    next(answers)
    assert len(taken) <= AHEAD * 2


def test_several_are_done_at_the_same_time():
    both = threading.Barrier(2, timeout=WAIT_S)
    assert len(list(in_parallel(2, lambda _: both.wait(), range(2)))) == 2


def test_what_goes_wrong_is_raised_when_its_turn_comes():
    answers = in_parallel(2, lambda divisor: 6 // divisor, [3, 0])
    assert next(answers) == 2
    with pytest.raises(ZeroDivisionError):
        next(answers)
