"""A commit that fails at any of its steps, before or after the work, loses and doubles nothing."""

import contextlib
from collections import Counter

import pytest

from logs import Faulty, an_entry
from tocsin.exchange.checkpoint import Checkpoint
from tocsin.exchange.committing import Parts, commit, create, tidy
from tocsin.exchange.errors import (
    Damaged,
    ExchangeError,
    Overtaken,
    Refused,
    Unavailable,
    Uncertain,
)
from tocsin.exchange.recovering import recover
from tocsin.exchange.staging import decode_staging, encode_staging

STEPS = 12
"""More calls of storage, locks and signer than a commit makes."""


def faulty(watched, fail_at, after):
    count = Counter()
    wrapped = {
        name: Faulty(getattr(watched, name), fail_at=fail_at, after=after, count=count)
        for name in ("storage", "locks", "signer")
    }
    return Parts(**wrapped), count


def test_a_log_is_created_once(watched):
    with pytest.raises(Overtaken):
        create(watched.parts)


def test_a_commit_makes_fewer_calls_than_the_tests_below_let_fail(watched):
    head = recover(watched.parts)
    parts, count = faulty(watched, 0, False)
    commit(parts, head, [an_entry(0)])
    assert 5 < count["calls"] < STEPS


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", range(1, STEPS))
def test_a_fault_at_any_step_is_recovered_from(watched, step, after):
    watched.fill(255)
    head = recover(watched.parts)
    parts, count = faulty(watched, step, after)
    batch = [an_entry(255), an_entry(256)]
    try:
        new = commit(parts, head, batch)
        watched.acknowledged |= {255: batch[0], 256: batch[1]}
        tidy(parts, new)
    except ExchangeError:
        assert count["calls"] >= step
    entries = watched.check()
    assert entries[255:] in ([], batch)
    head = commit(watched.parts, recover(watched.parts), [an_entry(300)])
    assert head.checkpoint.size == len(entries) + 1


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", range(1, 18))
def test_a_fault_while_recovering_from_a_fault_is_recovered_from(watched, step, after):
    watched.fill(255)
    parts, _ = faulty(watched, 4, True)
    with pytest.raises(Uncertain):
        commit(parts, recover(watched.parts), [an_entry(255), an_entry(256)])
    parts, _ = faulty(watched, step, after)
    with contextlib.suppress(ExchangeError):
        recover(parts)
    assert watched.check()[255:] == [an_entry(255), an_entry(256)]


def test_an_error_before_the_signature_concerns_the_batch_alone(watched):
    head = recover(watched.parts)
    parts, _ = faulty(watched, 1, False)
    with pytest.raises(Unavailable):
        commit(parts, head, [an_entry(0)])
    assert commit(watched.parts, head, [an_entry(1)]).checkpoint.size == 1


def test_an_error_from_the_signature_on_leaves_the_outcome_open(watched):
    head = recover(watched.parts)
    count = Counter()
    signer = Faulty(watched.signer, fail_at=1, after=True, count=count)
    with pytest.raises(Uncertain):
        commit(Parts(watched.storage, watched.locks, signer), head, [an_entry(0)])
    with pytest.raises(Refused):
        commit(watched.parts, head, [an_entry(1)])
    assert watched.check() == [an_entry(0)]


class Flipping:
    """A storage that flips a bit of one object on its way into the staging file."""

    def __init__(self, storage, kind):
        self.get, self.names, self.delete = storage.get, storage.names, storage.delete
        self.replace, self._put, self._kind = storage.replace, storage.put, kind

    def put(self, objects):
        for path, data in objects.items():
            staged = decode_staging(data)
            hit = next(one for one in staged if one.startswith(self._kind))
            staged[hit] = staged[hit][:-2] + bytes([staged[hit][-2] ^ 1]) + staged[hit][-1:]
            self._put({path: encode_staging(staged)})


@pytest.mark.parametrize("kind", ["tile/0/000", "tile/0/001", "tile/1", "tile/entries"])
def test_a_bit_that_flips_in_memory_after_hashing_is_never_signed(watched, kind):
    head = recover(watched.parts)
    signed = len(watched.signer.signed)
    batch = [an_entry(number) for number in range(300)]
    with pytest.raises(Damaged):
        commit(watched.replaced(storage=Flipping(watched.storage, kind)), head, batch)
    assert len(watched.signer.signed) == signed


def test_a_batch_that_another_process_recovered_meanwhile_is_committed(watched):
    class Overtaking:
        read = watched.locks.read

        def swap(self, *arguments):
            recover(watched.parts)
            watched.locks.swap(*arguments)

    head = recover(watched.parts)
    head = commit(watched.replaced(locks=Overtaking()), head, [an_entry(0)])
    assert head.checkpoint.size == 1
    watched.acknowledged[0] = an_entry(0)


def test_a_signer_that_signs_something_else_is_found_out(watched):
    class Lying:
        verifier, last = watched.signer.verifier, watched.signer.last

        def sign(self, head, old_size, proof):
            empty = Checkpoint.parse(watched.head().note.decode().split("\n\n")[0] + "\n")
            return watched.key_signer.sign(empty, 0, ())

    with pytest.raises(Uncertain, match="something else"):
        commit(watched.replaced(signer=Lying()), recover(watched.parts), [an_entry(0)])
