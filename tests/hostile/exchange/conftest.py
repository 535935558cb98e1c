"""A log that children append to, and the processes that make them."""

import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from logs import WatchedLog, an_entry

APPENDER = Path(__file__).parent / "appender.py"
PROGRAMS = Path(__file__).parents[2] / "go"
GO_LIBRARIES = Path("/usr/share/gocode")
PREFILLED = 254
"""Two entries before the first bundle is full: the batches of the trials cross that edge."""


class Appenders:
    """Runs children one after the other."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, APPENDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, folder, batches, *, waits=False, file_bytes=0, socket="") -> int:
        """Start a child and return its process id."""
        request = {
            "folder": str(folder),
            "batches": batches,
            "waits": waits,
            "file_bytes": file_bytes,
            "socket": str(socket),
        }
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def end(self) -> int:
        """Wait for the child; return its exit code, or minus the signal that killed it."""
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(60)


@pytest.fixture(scope="module")
def appenders():
    appenders = Appenders()
    yield appenders
    appenders.close()


@pytest.fixture
def others():
    """A second maker of children, so that two run at once."""
    others = Appenders()
    yield others
    others.close()


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A log that is closed, to be copied for each trial."""
    folder = tmp_path_factory.mktemp("template")
    watched = WatchedLog(folder)
    watched.fill(PREFILLED)
    watched.check()
    watched.close()
    (folder / "acknowledged").touch()
    return folder


@pytest.fixture
def copied(template, tmp_path):
    """Make a fresh copy of the template."""

    def copy(name="log"):
        folder = tmp_path / str(name)
        shutil.copytree(template, folder)
        return folder

    return copy


@pytest.fixture
def survives():
    """Recover a log as a restart would and check all of it, with what was acknowledged."""

    def check(folder) -> list[bytes]:
        watched = WatchedLog(folder)
        try:
            watched.acknowledged = {n: an_entry(n) for n in range(PREFILLED)}
            for line in (folder / "acknowledged").read_text().splitlines():
                index, entry = line.split()
                watched.acknowledged[int(index)] = bytes.fromhex(entry)
            entries = watched.check()
            log = watched.open()
            assert watched.append(log, b"after %d" % len(entries)) == len(entries)
            log.close()
            return entries
        finally:
            watched.close()

    return check


@pytest.fixture(scope="module")
def go(tmp_path_factory):
    """Build programs when asked for, offline, against Debian's x/mod; return how to run them."""
    if shutil.which("go") is None or not (GO_LIBRARIES / "src/golang.org/x/mod/sumdb").exists():
        pytest.skip("no Go verifier here: apt install golang-go golang-golang-x-mod-dev")
    folder = tmp_path_factory.mktemp("go")
    where = {"GO111MODULE": "off", "GOFLAGS": "", "GOPATH": str(GO_LIBRARIES)}
    environment = os.environ | where | {"GOCACHE": str(folder / "cache")}

    @functools.cache
    def built(name):
        sources = sorted((PROGRAMS / name).glob("*.go")) or [PROGRAMS / f"{name}.go"]
        command = ["go", "build", "-o", folder / name, *sources]
        subprocess.run(command, check=True, env=environment, capture_output=True)
        return folder / name

    def run(name, *arguments, told=""):
        command = [built(name), *map(str, arguments)]
        ran = subprocess.run(command, input=told, capture_output=True, text=True, check=False)
        return ran.returncode, ran.stdout.splitlines()

    return run
