import os

import pytest

from tocsin.decoding import kernel


def test_a_call_that_fails_says_why():
    with pytest.raises(OSError, match=os.strerror(22)):
        kernel.prctl(2**20)


def test_an_answer_is_returned():
    assert kernel.prctl(kernel.PR_GET_NO_NEW_PRIVS) in (0, 1)


def test_a_call_that_no_kernel_has_is_an_error():
    with pytest.raises(OSError, match=os.strerror(38)):
        kernel.syscall(2**20)


def test_the_heap_ends_above_what_it_holds():
    assert kernel.heap_end() > 0
