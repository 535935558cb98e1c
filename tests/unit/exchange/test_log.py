"""A log answers with an index only when the entry is there for everyone and for good."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from logs import Faulty, WatchedLog, an_entry
from tocsin.exchange.errors import Malformed, Overtaken, Refused, Unavailable, Uncertain
from tocsin.exchange.locking import open_locks
from tocsin.exchange.log import Log


@pytest.fixture
def log(watched):
    log = watched.open()
    yield log
    log.close()


def lost(log, *entries):
    """Append what cannot be appended, and return the error."""
    return log.append(*entries).exception(30)


def test_entries_get_the_indices_of_their_order(watched, log):
    assert [watched.append(log, an_entry(n)) for n in range(5)] == [0, 1, 2, 3, 4]


def test_entries_of_one_call_stand_next_to_each_other(watched, log):
    def append(number):
        return watched.append(log, *(an_entry(100 * number + n) for n in range(7)))

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(append, range(20))) == list(range(0, 140, 7))


def test_an_answered_entry_is_published_already(watched, log):
    index = watched.append(log, an_entry(0))
    assert watched.head().checkpoint.size == 1
    assert next(watched.tree().entries(index, index + 1)) == an_entry(0)


def test_many_submitters_share_a_commit(watched, log):
    signed = len(watched.signer.signed)
    with ThreadPoolExecutor(32) as pool:
        list(pool.map(lambda n: watched.append(log, an_entry(n)), range(320)))
    assert len(watched.signer.signed) - signed < 320


def test_a_log_goes_on_where_it_was_closed(watched):
    for start in (0, 200, 255, 256, 300):
        log = watched.open()
        assert watched.append(log, an_entry(start)) == log.head.checkpoint.size - 1
        log.close()


def test_closing_commits_what_waits(watched):
    log = watched.open()
    waiting = [log.append(an_entry(n)) for n in range(50)]
    log.close()
    assert [one.result(0) for one in waiting] == list(range(50))
    with pytest.raises(Unavailable):
        log.append(an_entry(50))


def test_one_entry_too_long_does_not_hold_up_the_others(watched, log):
    with pytest.raises(Malformed):
        log.append(bytes(65_536))
    assert watched.append(log, an_entry(0)) == 0


def test_the_tree_of_the_log_proves_each_entry(watched, log):
    watched.append(log, *(an_entry(n) for n in range(300)))
    tree = log.tree()
    assert tree.head == log.head.checkpoint
    assert len(tree.inclusion(299)) > 0


def test_a_batch_that_could_not_be_staged_fails_alone(watched):
    calls = Counter()
    log = watched.open(storage=Faulty(watched.storage, fail_at=0, count=calls))
    log._parts.storage._fail_at = calls["calls"] + 1
    assert isinstance(lost(log, an_entry(0)), Unavailable)
    assert log.trouble is None
    assert watched.append(log, an_entry(1)) == 0
    log.close()


@pytest.mark.parametrize("part", ["storage", "locks", "signer"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_log_recovers_by_itself_from_a_commit_of_unknown_outcome(watched, part, after):
    faulty = Faulty(getattr(watched, part), fail_at=0, after=after)
    log = watched.open(**{part: faulty})
    # Storage: staging, its two readings, then the tiles. Locks: swap. Signer: signature.
    faulty._fail_at = faulty.count["calls"] + {"storage": 3, "locks": 1, "signer": 1}[part]
    error = lost(log, an_entry(0))
    assert isinstance(error, Uncertain)
    assert watched.append(log, an_entry(1)) in {0, 1}
    assert log.trouble is None
    log.close()


def test_a_log_whose_checkpoint_could_not_be_published_says_so_and_goes_on(watched):
    faulty = Faulty(watched.storage, fail_at=0)
    log = watched.open(storage=faulty)
    faulty._fail_at = faulty.count["calls"] + 4
    assert isinstance(lost(log, an_entry(0)), Uncertain)
    assert watched.append(log, an_entry(1)) == 1
    log.close()


def test_a_fault_of_the_program_is_answered_and_recovered_from(watched):
    class Broken:
        def __init__(self, locks):
            self.read, self._swap, self.healthy = locks.read, locks.swap, False

        def swap(self, *arguments):
            if not self.healthy:
                raise MemoryError
            self._swap(*arguments)

    locks = Broken(watched.locks)
    log = watched.open(locks=locks)
    assert isinstance(lost(log, an_entry(0)), MemoryError)
    locks.healthy = True
    assert watched.append(log, an_entry(1)) == 1
    log.close()


def test_of_two_writers_one_loses_and_stops(watched: WatchedLog):
    first, second = (
        watched.open(),
        watched.open(locks=open_locks(f"sqlite:///{watched.folder / 'lock.db'}")),
    )
    watched.append(first, an_entry(0))
    assert isinstance(lost(second, an_entry(1)), Refused | Overtaken | Uncertain)
    assert isinstance(lost(second, an_entry(2)), Refused | Overtaken)
    watched.append(first, an_entry(3))
    first.close()
    second.close()
    assert watched.check() == [an_entry(0), an_entry(3)]


def test_two_writers_at_once_never_make_two_histories(watched: WatchedLog):
    for trial in range(10):
        writers = [watched.open(), watched.open()]

        def append(writer, trial=trial, writers=writers):
            number = 1000 * trial + 100 * writers.index(writer)
            outcomes = [writer.append(an_entry(number + n)) for n in range(20)]
            return [one.exception(30) for one in outcomes]

        with ThreadPoolExecutor(2) as pool:
            errors = list(pool.map(append, writers))
        assert any(None in one for one in errors)
        for writer in writers:
            writer.close()
        watched.check()


def test_a_lock_record_on_either_database_serves(tmp_path, empty_store_url):
    watched = WatchedLog(tmp_path, open_locks(empty_store_url))
    log = Log(watched.parts)
    assert [watched.append(log, an_entry(n)) for n in range(3)] == [0, 1, 2]
    log.close()
    watched.check()
