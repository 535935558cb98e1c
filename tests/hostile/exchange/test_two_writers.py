"""Two processes that write one log never make two histories, and lose nothing they acknowledged."""

import os
import signal
import time

from tocsin.exchange.signing import started

CANNOT_OPEN = 3


def test_a_second_writer_with_the_same_key_cannot_start(appenders, others, copied, survives):
    folder = copied()
    pid = appenders.start(folder, [1] * 100_000)
    while not (folder / "acknowledged").read_text():
        time.sleep(0.01)
    others.start(folder, [1])
    assert others.end() == CANNOT_OPEN
    os.kill(pid, signal.SIGKILL)
    appenders.end()
    survives(folder)


def test_writers_of_one_signer_take_turns_or_stop(appenders, others, copied, survives, tmp_path):
    folder, socket = copied(), tmp_path / "socket"
    with started(folder / "key", folder / "signer", socket, "--unsafe-network"):
        for trial in range(3):
            for one in (appenders, others):
                one.start(folder, [1 + trial] * 20, socket=socket)
            assert [one.end() for one in (appenders, others)] != [CANNOT_OPEN] * 2
    assert len(survives(folder)) > 254
