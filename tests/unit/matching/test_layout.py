"""The reasoning behind the search, tried on every case that can be tried."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.matching import layout


@pytest.mark.parametrize("radius", range(layout.TABLES_RADIUS + 1))
def test_chunk_radii_sum_to_what_the_pigeonhole_needs(radius):
    radii = layout.chunk_radii(radius)
    assert len(radii) == 16
    assert sum(radii) == radius - 15


@pytest.mark.parametrize("radius", range(1, layout.TABLES_RADIUS + 1))
def test_chunk_radii_are_spread_evenly(radius):
    radii = layout.chunk_radii(radius)
    assert max(radii) - min(radii) <= 1


def test_radius_0_needs_only_the_first_table():
    assert layout.chunk_radii(0) == (0,) + (-1,) * 15


@given(st.integers(0, layout.TABLES_RADIUS), st.lists(st.integers(0, 16), min_size=16, max_size=16))
def test_some_start_keeps_the_balance_below_zero_all_round(radius, apart):
    """For whatever distances in the chunks that sum to the radius or less."""
    while sum(apart) > radius:
        apart = [max(0, bits - 1) for bits in apart]
    steps = [
        bits - chunk - 1 for bits, chunk in zip(apart, layout.chunk_radii(radius), strict=True)
    ]
    turns = [[sum((steps * 2)[start : start + n]) for n in range(1, 17)] for start in range(16)]
    assert any(max(balances) < 0 for balances in turns)


@pytest.mark.parametrize("bits", [8, 11, 16])
def test_probes_are_the_buckets_within_each_radius(bits):
    probes = layout.probes(bits)
    for radius, count in enumerate(probes.upto):
        flips = {int(flip) & 0xFFFF for flip in probes.flips[:count]}
        near = {
            sum(1 << bit for bit in chosen)
            for size in range(radius + 1)
            for chosen in combinations(range(bits), size)
        }
        assert flips == near
        assert len(flips) == count


def test_probes_say_how_many_bits_they_flip():
    for flip in layout.probes(9).flips:
        assert int(flip) >> 16 == (int(flip) & 0xFFFF).bit_count()


def test_there_are_probes_for_every_chunk_radius():
    assert len(layout.probes(16).upto) == 1 + max(layout.chunk_radii(layout.TABLES_RADIUS))


@pytest.mark.parametrize(
    ("rows", "bits"), [(1, 8), (4096, 9), (65_536, 13), (1_000_000, 16), (10**9, 16)]
)
def test_buckets_hold_eight_rows_or_more_once_there_are_enough(rows, bits):
    assert layout.bucket_bits(rows) == bits


def test_few_rows_get_no_tables_and_exact_types_one():
    assert [layout.tables(rows, 31) for rows in (1, 4095, 4096, 10**8)] == [0, 0, 16, 16]
    assert [layout.tables(rows, 0) for rows in (4095, 4096)] == [0, 1]


def test_a_larger_radius_and_more_rows_take_longer():
    times = [layout.expected_ns(10**6, 16, radius) for radius in range(15, 65)]
    assert times == sorted(times)
    assert layout.expected_ns(10**7, 16, 31) > layout.expected_ns(10**6, 16, 31)


def test_tables_are_preferred_where_they_are_clearly_quicker():
    assert layout.expected_ns(10**6, 16, 31) * 30 < layout.scan_ns(10**6, 1)
    assert layout.expected_ns(4096, 9, 64) > layout.scan_ns(4096, 1)


@pytest.mark.parametrize("queries", [0, 1, 3, 4, 8, 9, 1000])
def test_a_scan_for_many_takes_less_for_each(queries):
    assert 0 < layout.scan_ns(1000, queries) <= layout.scan_ns(1000, 1)
