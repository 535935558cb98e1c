"""The compiler's memory is given back, and the compiler still works."""

import sys
from pathlib import Path

import numpy as np
import pytest
from numba import njit

from tocsin import compiler
from tocsin.hashing.pdq import pdq
from tocsin.matching import building
from tocsin.matching.building import Rows
from tocsin.matching.header import HEADER_BYTES, decode

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads proc(5)")


def resident_kib() -> int:
    """Return how much of the compiler's code is in memory, by the system's own count."""
    mapped, total = False, 0
    for line in Path("/proc/self/smaps").read_text().splitlines():
        field, _, value = line.partition(":")
        if "-" in field.split()[0]:
            mapped = "libllvmlite" in line and " r-xp " in line
        elif mapped and field == "Rss":
            total += int(value.split()[0])
    return total


def test_its_memory_is_given_back() -> None:
    compiler.load_kernels()
    njit(lambda one: one + 1)(1)  # In case it was set aside before, by another test.
    before = resident_kib()
    given = compiler.set_aside()
    assert resident_kib() < before / 4
    assert given > 3 * (before << 10) / 4


def test_it_compiles_and_kernels_run_afterwards() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (200, 300), np.uint8)
    expected = pdq(picture).codes
    compiler.set_aside()
    assert njit(lambda one: 3 * one + 1)(7) == 22
    assert np.array_equal(pdq(picture).codes, expected)


def test_nothing_is_left_to_be_compiled_for_a_segment(tmp_path) -> None:
    compiler.load_kernels()
    loaded = {one: one.signatures for one in (building._rank, building._place)}
    codes = np.random.default_rng(1).integers(0, 256, (60_000, 32), np.uint8)
    numbers = np.arange(len(codes))
    building.build(tmp_path / "x", [Rows(numbers, numbers, codes)], radius=31)
    header, _ = decode((tmp_path / "x").read_bytes()[:HEADER_BYTES])
    assert header.link_bytes[0]
    assert {one: one.signatures for one in loaded} == loaded


def test_what_the_loader_wrote_to_is_kept() -> None:
    mappings = """7f00000000-7f00010000 r-xp 00000000 fe:00 1  /x/libllvmlite.so
Rss:                  64 kB
Anonymous:             0 kB
7f00010000-7f00020000 r--p 00000000 fe:00 1  /x/libllvmlite.so
Rss:                  64 kB
Anonymous:             4 kB
7f00020000-7f00030000 rw-p 00000000 fe:00 1  /x/libllvmlite.so
Rss:                  64 kB
Anonymous:             0 kB
7f00030000-7f00040000 r-xp 00000000 fe:00 1  /x/libother.so
Rss:                  64 kB
Anonymous:             0 kB
"""
    assert compiler._unchanged(mappings) == [(0x7F00000000, 0x10000, 64 << 10)]


def test_a_system_that_does_not_say_what_is_mapped_keeps_it(monkeypatch) -> None:
    monkeypatch.setattr(compiler, "_MAPS", Path("/nowhere"))
    assert compiler.set_aside() == 0
