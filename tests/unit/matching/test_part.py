"""What segments and the tail share."""

import numpy as np

from codes import random_codes
from tocsin.matching.hamming import scan
from tocsin.matching.part import Part


def test_the_kernels_find_keys_of_either_width_from_the_first_key_on():
    codes, dead = random_codes(3), np.zeros(3, np.bool_)
    for width in (np.uint32, np.uint64):
        part = Part(codes, np.array([0, 5, 9], width), dead, first_key=2**40)
        assert scan(codes, part.address, 0)[:, 2].tolist() == [2**40, 2**40 + 5, 2**40 + 9]
        assert part.keys_of(np.array([1])).tolist() == [2**40 + 5]


def test_dead_rows_do_not_count_among_the_living():
    part = Part(random_codes(3), np.arange(3, dtype=np.uint64), np.zeros(3, np.bool_))
    part.buried = 1
    assert (len(part), part.living) == (3, 2)
