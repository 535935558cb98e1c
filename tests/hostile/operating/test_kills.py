"""An exchange killed at any moment keeps all it acknowledged, makes nothing twice, and goes on."""

import random
import subprocess
import sys
from contextlib import closing

import pytest

from exchanges import Clock
from tocsin.entries.statements import GroupSaid
from tocsin.operating.exchange import Exchange
from tocsin.operating.folder import Folder, open_settings


def kill_over_and_over(submitters, survives, folder, rounds, every, seed):
    """Kill children at random moments; return how large the log became."""
    draw = random.Random(seed)
    size = 0
    for trial in range(1, rounds + 1):
        submitters.kill(folder, draw.uniform(0.01, 0.25), speaks=trial % 2 == 1)
        if trial % every == 0:
            size = survives(folder)
    return size


def test_an_exchange_killed_fifty_times_keeps_its_word(submitters, survives, folder):
    assert kill_over_and_over(submitters, survives, folder, 50, 10, seed=1) > 50


@pytest.mark.slow
def test_an_exchange_killed_many_times_keeps_its_word(submitters, survives, folder):
    assert kill_over_and_over(submitters, survives, folder, 500, 10, seed=2) > 500


def test_an_exchange_that_was_killed_with_its_signer_process_starts_again(folder):
    for _ in range(2):
        program = [sys.executable, "-c", STARTED, str(folder / "exchange")]
        with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "open\n"
            process.kill()
    assert open_settings(Folder(folder / "exchange")).operator == "operator"


def test_a_signer_process_that_is_killed_is_started_anew(folder):
    clock = Clock()
    with closing(Exchange.open(folder / "exchange", clock=clock, unsafe_network=True)) as exchange:
        before = exchange.register().size
        said = GroupSaid(audience="few", members=("operator",))
        for _ in range(3):
            exchange.say(said).result()
            process = exchange._opened.parts.signer._process
            process.kill()
            process.wait()
        exchange.say(said).result()
        assert exchange.register().size == before + 4
        exchange.check()


STARTED = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from tocsin.operating.exchange import Exchange
clock = lambda: datetime.now(UTC)
Exchange.open(Path(sys.argv[1]), clock=clock, unsafe_network=True)
print("open", flush=True)
time.sleep(60)
"""
