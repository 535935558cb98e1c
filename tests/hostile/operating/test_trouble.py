"""A log that fails under the exchange: no answer is untrue, and nothing is doubled."""

import os
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from exchanges import NOW, Clock, Running, an_item
from tocsin.entries.envelope import Envelope
from tocsin.errors import Conflict, TocsinError, Unavailable
from tocsin.exchange import errors, log, recovering
from tocsin.operating import desk
from tocsin.operating.checking import check_folder


class Failing:
    """A signer or storage that fails once, before or after it has done what it was asked."""

    def __init__(self, real, method, *, after, error=errors.Unavailable):
        self._real, self._method, self._after, self._error = real, method, after, error
        self.armed = True

    def __getattr__(self, name):
        found = getattr(self._real, name)
        if name != self._method or not self.armed:
            return found

        def failing(*args):
            self.armed = False
            if self._after:
                found(*args)
            raise self._error("it broke")

        return failing


def broken(running, part, method, *, after, error=errors.Unavailable):
    """Let one part of the log fail once."""
    log = running.exchange._log
    failing = Failing(getattr(log._parts, part), method, after=after, error=error)
    parts = {name: getattr(log._parts, name) for name in ("storage", "locks", "signer")}
    log._parts = type(log._parts)(**parts | {part: failing})


CASES = [
    ("signer", "sign", False),
    ("signer", "sign", True),
    ("locks", "swap", False),
    ("locks", "swap", True),
    ("storage", "replace", False),
    ("storage", "replace", True),
    ("storage", "put", False),
]


@pytest.mark.parametrize(("part", "method", "after"), CASES)
def test_an_entry_whose_commit_failed_is_in_the_log_once_or_not_at_all(
    running, alice, part, method, after
):
    broken(running, part, method, after=after)
    parcel = alice.seal(an_item(1))
    try:
        (first,) = alice.submit(parcel)
    except Unavailable:
        first = None
    (again,) = alice.submit(parcel)
    assert first in {None, again}
    assert again.index == 2
    assert alice.say(an_item(2)) == [3]
    assert running.exchange.health().trouble == ""
    running.close()
    assert check_folder(running.folder, clock=running.clock).clean
    running.open()


def test_a_batch_that_came_to_nothing_leaves_no_content_behind(running, alice):
    broken(running, "storage", "put", after=False)
    parcel = alice.seal(an_item(1))
    with pytest.raises(Unavailable):
        alice.submit(parcel)
    assert running.exchange._contents.size == 2
    assert running.exchange.register().size == 2


def test_an_entry_logged_after_its_submitter_gave_up_is_found_when_asked_again(
    running, alice, monkeypatch
):
    monkeypatch.setattr(desk, "SETTLE_S", 0.0)
    gave_up = threading.Event()

    def later(parts):
        gave_up.wait(30)
        return recovering.recover(parts)

    monkeypatch.setattr(log, "recover", later)
    broken(running, "locks", "swap", after=True)
    parcel = alice.seal(an_item(1))
    with pytest.raises(Unavailable) as caught:
        alice.submit(parcel)
    assert caught.value.code == "uncertain"
    gave_up.set()
    until = time.monotonic() + 30
    while running.exchange.health().trouble and time.monotonic() < until:
        time.sleep(0.02)
    assert [one.index for one in alice.submit(parcel)] == [2]
    assert running.exchange.head.checkpoint.size == 3


def test_an_exchange_that_was_overtaken_says_so_and_takes_nothing_more(running, alice):
    broken(running, "locks", "swap", after=False, error=errors.Overtaken)
    for number in (1, 2):
        with pytest.raises(Conflict) as caught:
            alice.say(an_item(number))
        assert caught.value.code == "overtaken"
    with pytest.raises(Unavailable) as caught:
        running.exchange.check()
    assert caught.value.code == "not_ready"


def test_many_who_repeat_themselves_at_once_make_each_entry_once(running):
    people = [running.join(f"member-{number}") for number in range(6)]
    chains = {one: one.chain(*(an_item(n, note=one.name) for n in range(12))) for one in people}

    def press(person):
        """Submit every entry until it is answered, in no good order."""
        waiting = list(reversed(chains[person]))
        answers = set()
        while waiting:
            parcel = waiting.pop(0)
            try:
                answers.add(person.submit(parcel)[0].index)
            except Conflict:
                waiting.append(parcel)
        return answers

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(press, [*people, *people]))
    assert answers[:6] == answers[6:]
    assert set().union(*answers) == set(range(7, 7 + 6 * 12))
    leaves = running.exchange._log.tree().entries(0, 7 + 6 * 12)
    commitments = [Envelope.parse(leaf).commitment for leaf in leaves]
    assert len(set(commitments)) == len(commitments)


def test_a_clock_set_back_by_hours_changes_no_order_and_reopens_nothing(running, alice):
    (first,) = alice.submit(alice.seal(an_item(1)))
    running.clock.move(hours=-5)
    (second,) = alice.submit(alice.seal(an_item(2)))
    assert Envelope.parse(second.leaf).received_at == Envelope.parse(first.leaf).received_at
    assert running.exchange.health().clock_behind_s == timedelta(hours=5).total_seconds()
    running.reopen()
    (third,) = alice.submit(alice.seal(an_item(3)))
    assert Envelope.parse(third.leaf).received_at == NOW
    running.clock.move(hours=6)
    (fourth,) = alice.submit(alice.seal(an_item(4)))
    assert Envelope.parse(fourth.leaf).received_at == NOW + timedelta(hours=1)
    assert [one.index for one in (first, second, third, fourth)] == [2, 3, 4, 5]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own with 3 MB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", disk], check=False)
    if made.returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_disk_that_fills_up_stops_writing_and_nothing_else(small_disk, monkeypatch):
    monkeypatch.setattr(desk, "SETTLE_S", 0.2)
    running = Running(small_disk / "exchange", clock=Clock())
    alice = running.join("alice")
    filler = small_disk / "filler"
    filler.write_bytes(bytes(1_500_000))
    acknowledged, refused = [], []
    while len(refused) < 5:
        parcel = alice.seal(an_item(note="n" * 1900))
        try:
            acknowledged += alice.submit(parcel)
        except TocsinError as error:
            refused.append(error)
    # 1. Errors that may pass, and no false answer. 2. Reading goes on.
    assert all(isinstance(one, Unavailable) for one in refused)
    (some,) = running.exchange.payloads(2, 3, member="alice")
    assert b"nnn" in some
    assert running.exchange.proof(2)
    # 3. With room again it goes on by itself.
    filler.unlink()
    last = []
    until = time.monotonic() + 60
    while not last and time.monotonic() < until:
        try:
            last = alice.submit(alice.seal(an_item(note="after")))
        except (Unavailable, Conflict):  # Conflict: what was uncertain turned out to be logged.
            time.sleep(0.1)
    leaves = list(running.exchange._log.tree().entries(0, running.exchange.register().size))
    assert all(leaves[one.index] == one.leaf for one in [*acknowledged, *last])
    running.close()
    assert check_folder(running.folder, clock=running.clock).clean
