"""The kernels beside plain numpy."""

import os
import subprocess
import sys

import numpy as np
import pytest

from codes import altered, brute_force, random_codes
from tocsin.matching.hamming import kernel, scan
from tocsin.matching.tail import Tail


def scanned(codes, queries, radius):
    keys = np.arange(len(codes)) * 3
    tail = Tail().extended(keys, codes)
    matches = scan(queries, tail.address, radius)
    return sorted((int(query), int(distance), int(key)) for query, distance, key in matches)


@pytest.mark.parametrize("rows", [0, 1, 7, 8, 9, 500, 9001])
@pytest.mark.parametrize("queries", [0, 1, 3, 4, 5, 8, 9, 17])
def test_a_flat_scan_finds_what_numpy_finds(rows, queries):
    codes = random_codes(rows)
    wanted = random_codes(queries, seed=2)
    for number in range(0, queries if rows else 0, 2):
        wanted[number] = altered(codes[number % rows], 30 + number, number)
    expected = brute_force(codes, np.arange(rows) * 3, wanted, 38)
    assert scanned(codes, wanted, 38) == expected


@pytest.mark.parametrize("radius", [0, 43, 44, 45, 46, 64, 128, 255, 256])
def test_a_flat_scan_is_exact_on_both_sides_of_its_shortcut(radius):
    """Up to a radius of 44 half of a code is compared first; here all the distance lies in one."""
    code = random_codes(1)[0]
    codes = np.array([code ^ np.array([0xFF] * n + [0] * (32 - n), np.uint8) for n in range(33)])
    for queries in (code[None], np.repeat(code[None], 9, axis=0)):
        expected = [n for n in range(33) if 8 * n <= radius]
        found = scanned(codes, queries, radius)
        assert [key // 3 for query, _, key in found if query == 0] == expected
        assert len(found) == len(queries) * len(expected)


def test_more_hits_than_there_is_room_for_are_all_kept_in_order():
    codes = np.repeat(random_codes(1), 3000, axis=0)
    assert scanned(codes, codes[:2], 0) == [(q, 0, 3 * n) for q in (0, 1) for n in range(3000)]


def test_dead_rows_are_not_found():
    codes = random_codes(20)
    tail = Tail().extended(np.arange(20), codes)
    tail.dead[5] = True
    assert scan(codes[4:7].copy(), tail.address, 0)[:, 2].tolist() == [4, 6]


def test_a_kernel_works_where_no_machine_code_can_be_kept(tmp_path):
    """As in a container with a read-only file system and no home."""
    code = (
        "import numba.core.caching as c\n"
        "c.CacheImpl._locator_classes = []\n"
        "from tocsin.matching.hamming import kernel\n"
        "exec(compile('def add(a, b): return a + b', 'nowhere.py', 'exec'))\n"
        "print(kernel()(add)(2, 3))\n"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    assert done.stdout == "5\n", done.stderr


def test_a_kernel_without_a_signature_takes_what_it_is_given():
    @kernel()
    def twice(value):
        return 2 * value

    assert (twice(3), twice(1.5)) == (6, 3.0)
