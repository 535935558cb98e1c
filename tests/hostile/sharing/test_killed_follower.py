"""A node that is killed again and again while it catches up ends as one that never was."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tocsin.bench.catchup import Maker, Mirror
from tocsin.recording.store import Store
from tocsin.sharing.digest import state_digest

ENTRIES = 4000

CHILD = """
import sys
sys.path.insert(0, {tests!r})
import follower_on_trial
follower_on_trial.follow({log!r}, {data!r}, {policy!r})
"""


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    place = Mirror(tmp_path_factory.mktemp("log"))
    Maker(place).fill(ENTRIES)
    return place


def test_a_killed_follower_ends_where_an_undisturbed_one_does(log, tmp_path):
    chance = random.Random(7)
    rounds = 0
    for _ in range(8):
        process = start(log, tmp_path / "killed")
        try:
            process.wait(chance.uniform(0.3, 2.5))
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            rounds += 1
    assert start(log, tmp_path / "killed").wait() == 0
    assert start(log, tmp_path / "whole").wait() == 0
    assert digest(tmp_path / "killed") == digest(tmp_path / "whole")
    assert rounds


def start(log, data):
    data.mkdir(exist_ok=True)
    text = CHILD.format(
        tests=str(Path(__file__).parent), log=str(log.folder), data=str(data), policy=log.policy
    )
    return subprocess.Popen([sys.executable, "-c", text])


def digest(data):
    store = Store(f"sqlite:///{data / 'tocsin.db'}")
    try:
        return state_digest(store, 1)
    finally:
        store.close()
