"""An exchange that children submit to, and the check that it kept its word."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from exchanges import Clock, Running
from tocsin.entries.envelope import Envelope
from tocsin.operating.checking import check_folder
from waiting import wait_until

SUBMITTER = Path(__file__).parent / "submitter.py"
MEMBERS = ("alice", "bob", "carol", "dave")


class Submitters:
    """Runs children one after the other."""

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, SUBMITTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, folder):
        """Start a child and return its process id."""
        self._process.stdin.write(json.dumps({"folder": str(folder)}) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def end(self):
        """Wait for the child; return its exit code, or minus the signal that killed it."""
        return int(self._process.stdout.readline())

    def kill(self, folder, delay_s, *, speaks):
        """Start a child, and kill it after a while; `speaks`: once it has come to say something.

        However slow the machine is, a child that speaks was in the middle of it.
        """
        said = folder / "acknowledged"
        before = said.stat().st_size
        pid = self.start(folder)
        if speaks:
            wait_until(lambda: said.stat().st_size > before)
        time.sleep(delay_s)
        os.kill(pid, signal.SIGKILL)
        assert self.end() == -signal.SIGKILL

    def close(self):
        self._process.stdin.close()
        self._process.wait(60)


@pytest.fixture(scope="module")
def submitters():
    submitters = Submitters()
    yield submitters
    submitters.close()


@pytest.fixture
def running(tmp_path):
    """An exchange of one operator, on disk."""
    running = Running(tmp_path / "exchange")
    yield running
    running.close()


@pytest.fixture
def alice(running):
    """A platform that may assert items."""
    return running.join("alice")


@pytest.fixture
def folder(tmp_path):
    """An exchange with members, closed, and what children need to know of it."""
    running = Running(tmp_path / "exchange", entries_per_day=10**8)
    people = [running.join(name) for name in MEMBERS]
    keys = {one.name: one.key.private_bytes_raw().hex() for one in people}
    (tmp_path / "members.json").write_text(json.dumps(keys))
    (tmp_path / "acknowledged").touch()
    running.close()
    return tmp_path


@pytest.fixture
def survives():
    """Open the exchange as a restart would, and check all of it with what was acknowledged."""

    def check(folder):
        running = Running(folder / "exchange")
        size = running.exchange.register().size
        leaves = list(running.exchange._log.tree().entries(0, size))
        contents = [running.exchange.payloads(n, n + 1, member="alice")[0] for n in range(size)]
        running.close()
        erased = set()
        for line in (folder / "acknowledged").read_text().splitlines():
            words = line.split()
            if words[0] == "erased":
                erased.add(int(words[1]))
                assert contents[int(words[1])] == b""
                continue
            index, leaf, payload = int(words[0]), bytes.fromhex(words[1]), bytes.fromhex(words[2])
            assert leaves[index] == leaf
            # Erased, though that was not acknowledged, is erased.
            assert contents[index][32:] == payload or contents[index] == b""
        commitments = [Envelope.parse(leaf).commitment for leaf in leaves]
        assert len(set(commitments)) == len(commitments)
        found = check_folder(running.folder, clock=Clock())
        assert found.clean, found
        assert found.entries.erased >= len(erased)
        return size

    return check
