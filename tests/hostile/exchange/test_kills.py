"""A log killed at any moment, any number of times, keeps all it acknowledged and goes on."""

import os
import random
import signal
import time

import pytest


@pytest.mark.slow
def test_a_log_killed_over_and_over_loses_nothing(appenders, copied, survives):
    draw = random.Random(7)
    folder = copied()
    killed = 0
    for trial in range(200):
        pid = appenders.start(folder, [draw.choice((1, 2, 5, 40, 300)) for _ in range(500)])
        time.sleep(draw.uniform(0.005, 0.25))
        os.kill(pid, signal.SIGKILL)
        killed += appenders.end() == -signal.SIGKILL
        if trial % 10 == 9:
            survives(folder)
    assert killed > 190
    assert len(survives(folder)) > 1000


def test_a_log_killed_once_loses_nothing(appenders, copied, survives):
    folder = copied()
    pid = appenders.start(folder, [7] * 100_000)
    while not (folder / "acknowledged").read_text():
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    assert appenders.end() == -signal.SIGKILL
    assert len(survives(folder)) > 254
