"""One index, as its owner sees it."""

import threading

import numpy as np
import pytest

from codes import altered, brute_force, clustered, filled, flipped, found, numbers, random_codes
from tocsin.errors import InvalidInput
from tocsin.matching.index import Index

NO_CODES = np.empty((0, 32), np.uint8)


def queries_for(codes, seed=7):
    """Near, at the edge, just beyond, and strangers."""
    near = [
        altered(codes[i % len(codes)], distance, i) for i, distance in enumerate(range(0, 80, 5))
    ]
    edge = [altered(codes[-1], distance, distance) for distance in (30, 31, 32)]
    return np.concatenate([np.array(near + edge), random_codes(8, seed)])


@pytest.mark.parametrize("count", [1, 2, 3, 16, 100, 5000, 70_000])
@pytest.mark.parametrize("merged", [False, True])
def test_every_size_is_searched_exactly(tmp_path, count, merged):
    codes = random_codes(count)
    index = filled(tmp_path, codes, merged=merged)
    queries = queries_for(codes)
    assert found(index, queries, 31) == brute_force(codes, range(count), queries, 31)


@pytest.mark.parametrize(
    "radius", [0, 1, 7, 14, 15, 16, 30, 31, 32, 46, 47, 48, 60, 64, 65, 130, 256]
)
def test_every_radius_is_exact_whatever_the_layout(tmp_path, radius):
    codes = random_codes(6000)
    queries = queries_for(codes)[:12]
    expected = brute_force(codes, range(6000), queries, radius)
    for layout in (0, 31, 64):
        index = filled(tmp_path / str(layout), codes, radius=layout)
        assert found(index, queries, radius) == expected


@pytest.mark.parametrize("radius", [0, 5, 31, 50])
def test_clusters_of_copies_are_searched_exactly(tmp_path, radius):
    codes = clustered(9000)
    index = filled(tmp_path, codes)
    queries = np.concatenate([codes[:3], queries_for(codes)[:6]])
    assert found(index, queries, radius) == brute_force(codes, range(9000), queries, radius)


@pytest.mark.parametrize("count", [1, 2, 3, 16, 5000])
def test_identical_codes_are_all_found(tmp_path, count):
    codes = np.repeat(random_codes(1), count, axis=0)
    index = filled(tmp_path, codes)
    assert found(index, codes[:1], 31) == [(0, 0, key) for key in range(count)]


def test_no_queries_find_nothing(tmp_path):
    assert found(filled(tmp_path, random_codes(10)), NO_CODES, 31) == []


def test_an_empty_index_finds_nothing(tmp_path):
    index = Index.open(tmp_path, radius=31, writer=True)
    assert (len(index), index.revision, found(index, random_codes(3), 256)) == (0, 0, [])


def test_what_was_added_is_found_by_the_next_search(tmp_path):
    index = filled(tmp_path, random_codes(5000))
    code = random_codes(1, seed=9)
    index.apply(revision=2, keys=numbers(9000), codes=code, removed=numbers())
    assert found(index, code, 31) == [(0, 0, 9000)]


@pytest.mark.parametrize("merged", [False, True])
def test_what_was_removed_is_not_found_by_the_next_search(tmp_path, merged):
    codes = random_codes(5000)
    index = filled(tmp_path, codes, merged=merged)
    index.apply(revision=2, keys=numbers(), codes=NO_CODES, removed=numbers(7, 123_456))
    assert found(index, codes[6:8], 0) == [(0, 0, 6)]
    assert len(index) == 4999


def test_a_key_that_comes_back_is_found_once(tmp_path):
    codes = random_codes(5000)
    index = filled(tmp_path, codes)
    index.apply(revision=2, keys=numbers(), codes=NO_CODES, removed=numbers(7))
    index.apply(revision=3, keys=numbers(7), codes=codes[7:8], removed=numbers())
    assert found(index, codes[7:8], 31) == [(0, 0, 7)]
    index.merge()
    assert found(index, codes[7:8], 31) == [(0, 0, 7)]


def test_an_old_revision_changes_nothing(tmp_path):
    index = filled(tmp_path, random_codes(10))
    index.apply(revision=1, keys=numbers(99), codes=random_codes(1), removed=numbers(3))
    assert (len(index), index.revision) == (10, 1)


def test_a_key_that_is_there_keeps_its_code(tmp_path):
    codes, others = random_codes(10), random_codes(3, seed=2)
    index = filled(tmp_path, codes)
    index.apply(revision=2, keys=numbers(9, 11, 11), codes=others, removed=numbers())
    assert found(index, others, 0) == [(1, 0, 11)]
    assert found(index, codes[9:], 0) == [(0, 0, 9)]


def test_a_key_both_added_and_removed_is_removed(tmp_path):
    index = filled(tmp_path, random_codes(3))
    index.apply(revision=2, keys=numbers(5), codes=random_codes(1, 4), removed=numbers(5))
    assert len(index) == 3


def test_keys_may_come_in_any_order_and_be_huge(tmp_path):
    codes, keys = random_codes(5000), np.random.default_rng(1).permutation(5000)
    keys = np.where(keys % 2, keys, 2**62 + keys).astype(np.int64)
    index = Index.open(tmp_path, radius=31, writer=True)
    index.apply(revision=1, keys=keys, codes=codes, removed=numbers())
    index.merge()
    assert found(index, codes[:50], 31) == brute_force(codes, keys, codes[:50], 31)


def test_the_arrays_handed_in_stay_the_callers(tmp_path):
    codes = random_codes(3)
    index = Index.open(tmp_path, radius=31, writer=True)
    given = codes.copy()
    index.apply(revision=1, keys=numbers(1, 2, 3), codes=given, removed=numbers())
    given[:] = 0
    index.merge()
    assert found(index, codes, 0) == [(0, 0, 1), (1, 0, 2), (2, 0, 3)]


def test_matches_are_sorted_by_query_distance_and_key(tmp_path):
    base = random_codes(1)[0]
    codes = np.array([altered(base, distance) for distance in (3, 0, 3, 9, 0)])
    index = filled(tmp_path, codes[:3])
    index.apply(revision=2, keys=numbers(3, 4), codes=codes[3:], removed=numbers())
    assert found(index, np.array([base, base]), 31) == [
        (query, distance, key)
        for query in (0, 1)
        for distance, key in ((0, 1), (0, 4), (3, 0), (3, 2), (9, 3))
    ]


def test_matches_have_the_promised_types(tmp_path):
    codes = random_codes(5)
    for matches in (filled(tmp_path, codes).search(each, radius=31) for each in (codes, NO_CODES)):
        assert [each.dtype for each in (matches.query, matches.key, matches.distance)] == [
            np.int32,
            np.int64,
            np.int16,
        ]


def test_read_only_codes_can_be_searched_for(tmp_path):
    codes = random_codes(5)
    query = np.frombuffer(codes[:1].tobytes(), np.uint8).reshape(1, 32)
    assert found(filled(tmp_path, codes), query, 0) == [(0, 0, 0)]


@pytest.mark.parametrize(
    "codes",
    [
        np.zeros((2, 31), np.uint8),
        np.zeros(32, np.uint8),
        np.zeros((2, 32), np.int8),
        np.zeros((2, 64), np.uint8)[:, ::2],
    ],
)
def test_codes_of_the_wrong_form_are_refused(tmp_path, codes):
    index = Index.open(tmp_path, radius=31, writer=True)
    with pytest.raises(InvalidInput):
        index.search(codes, radius=31)
    with pytest.raises(InvalidInput):
        index.apply(revision=1, keys=numbers(1, 2), codes=codes, removed=numbers())


@pytest.mark.parametrize("radius", [-1, 257])
def test_a_radius_that_no_code_can_have_is_refused(tmp_path, radius):
    with pytest.raises(InvalidInput):
        Index.open(tmp_path, radius=31, writer=True).search(random_codes(1), radius=radius)


@pytest.mark.parametrize(
    "keys", [numbers(1), numbers(-1, 1), np.zeros(2, np.int32), np.zeros((2, 1), np.int64)]
)
def test_keys_of_the_wrong_form_are_refused(tmp_path, keys):
    index = Index.open(tmp_path, radius=31, writer=True)
    with pytest.raises(InvalidInput):
        index.apply(revision=1, keys=keys, codes=random_codes(2), removed=numbers())


def test_a_merge_asks_to_be_made_after_enough_changes(tmp_path):
    index = filled(tmp_path, random_codes(5000), merged=False)
    assert not index.needs_merge
    keys = np.arange(5000, 10_000)
    index.apply(revision=2, keys=keys, codes=random_codes(5000, 2), removed=numbers())
    assert index.needs_merge
    assert index.merge()
    assert not index.needs_merge


def test_a_merge_with_nothing_to_do_says_so(tmp_path):
    index = filled(tmp_path, random_codes(10))
    assert not index.merge()


def test_a_merge_drops_dead_rows_once_a_quarter_is_dead(tmp_path):
    index = filled(tmp_path, random_codes(20_000))
    removed = np.arange(6000)
    index.apply(revision=2, keys=numbers(), codes=NO_CODES, removed=removed)
    assert index.stats().tombstones == 6000
    index.merge()
    assert (index.stats().tombstones, index.stats().signals, len(index)) == (0, 14_000, 14_000)


def test_an_index_whose_rows_are_all_dead_can_be_merged_and_opened(tmp_path):
    index = filled(tmp_path, random_codes(5000))
    index.apply(revision=2, keys=numbers(), codes=NO_CODES, removed=np.arange(5000))
    index.merge()
    index.close()
    again = Index.open(tmp_path, radius=31, writer=True)
    assert (len(again), again.persisted_revision) == (0, 2)


def test_searches_never_miss_what_is_there_while_others_apply_and_merge(tmp_path):
    codes = random_codes(12_000)
    index = filled(tmp_path, codes[:5000])
    acknowledged, stop, missed = [5000], threading.Event(), []

    def search():
        rng = np.random.default_rng()
        while not stop.is_set():
            sure = acknowledged[0]
            keys = rng.integers(0, sure, 16)
            matches = index.search(codes[keys], radius=31)
            missed.extend(set(keys.tolist()) - set(matches.key.tolist()))

    threads = [threading.Thread(target=search) for _ in range(2)]
    threads.append(
        threading.Thread(target=lambda: [index.merge() for _ in iter(stop.is_set, True)])
    )
    for thread in threads:
        thread.start()
    for first in range(5000, 12_000, 100):
        keys = np.arange(first, first + 100)
        index.apply(revision=first, keys=keys, codes=codes[keys], removed=numbers())
        acknowledged[0] = first + 100
    stop.set()
    for thread in threads:
        thread.join()
    assert missed == []
    assert found(index, codes[::100], 31) == brute_force(codes, range(12_000), codes[::100], 31)


def test_statistics_say_where_the_rows_are(tmp_path):
    index = filled(tmp_path, random_codes(5000))
    index.apply(revision=2, keys=numbers(6000), codes=random_codes(1, 2), removed=numbers(1))
    stats = index.stats()
    assert (stats.signals, stats.segments, stats.tail, stats.tombstones) == (5000, 1, 1, 1)
    assert stats.persisted_revision == 1
    assert stats.mapped_bytes == sum(path.stat().st_size for path in tmp_path.glob("*.segment"))


def test_a_code_at_the_edge_of_every_chunk_is_found_through_each(tmp_path):
    codes = random_codes(6000)
    index = filled(tmp_path, codes)
    for chunk in range(16):
        bits = {16 * each + i for each in range(16) for i in (14, 15)} - {16 * chunk + 14}
        assert (0, 31, 77) in found(index, flipped(codes[77], bits)[None], 31)


def on_disk(folder, code):
    """Whether the bytes of a code stand in any file of the folder."""
    return any(code.tobytes() in path.read_bytes() for path in folder.iterdir())


def test_what_is_erased_leaves_the_disk_with_the_next_merge_and_nothing_else_does(tmp_path):
    codes = random_codes(20_000)
    index = filled(tmp_path, codes)
    change = {"keys": numbers(), "codes": NO_CODES, "removed": numbers(7, 9)}
    index.apply(revision=2, **change, erased=numbers(7))
    assert index.erasing
    assert index.merge()
    assert not index.erasing
    assert [on_disk(tmp_path, codes[row]) for row in (7, 8)] == [False, True]
    assert (len(index), index.stats().tombstones) == (19_998, 0)


def test_a_code_removed_long_ago_can_still_be_erased(tmp_path):
    codes = random_codes(20_000)
    index = filled(tmp_path, codes)
    change = {"keys": numbers(), "codes": NO_CODES, "removed": numbers(7)}
    index.apply(revision=2, **change)
    index.merge()
    assert on_disk(tmp_path, codes[7])
    index.apply(revision=3, **change, erased=numbers(7))
    index.merge()
    assert not on_disk(tmp_path, codes[7])


def test_an_erasure_that_no_merge_followed_is_asked_for_again_after_a_restart(tmp_path):
    codes = random_codes(20_000)
    index = filled(tmp_path, codes)
    change = {"keys": numbers(), "codes": NO_CODES, "removed": numbers(7), "erased": numbers(7)}
    index.apply(revision=2, **change)
    index.close()
    again = Index.open(tmp_path, radius=31, writer=True)
    assert (again.erasing, again.persisted_revision) == (False, 1)
    again.apply(revision=2, **change)
    assert again.erasing


def test_only_what_is_removed_can_be_erased(tmp_path):
    index = filled(tmp_path, random_codes(10))
    with pytest.raises(InvalidInput):
        index.apply(
            revision=2, keys=numbers(), codes=NO_CODES, removed=numbers(), erased=numbers(1)
        )
