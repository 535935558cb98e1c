"""Servers of our own, each in a process of its own, for the demo."""

import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from tocsin.cli.clock import now
from tocsin.cli.options import ACTOR
from tocsin.cli.output import say
from tocsin.cli.records import open_records
from tocsin.errors import Unavailable
from tocsin.keys import Scope

STOP_S = 30


def show(*words: str) -> None:
    """Show the command that does what comes next."""
    say(f"   $ tocsin {shlex.join(words)}\n")


@contextmanager
def serving(*words: str, key: str) -> Iterator[str]:
    """Run a command that serves until the block ends, and yield the address that it announces.

    `key` is under which its line of JSON has it. Raises Unavailable when it does not start.
    """
    command = [sys.executable, "-m", "tocsin.cli.main", *words, "--json"]
    with subprocess.Popen(  # noqa: S603 - this program itself, with arguments of our own
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as server:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            line = server.stdout.readline() if server.stdout else b""
            if not line:
                raise Unavailable("a server did not start", advice="Its own words are above.")
            yield json.loads(line)[key]
        finally:
            server.terminate()
            server.wait(STOP_S)


def make_key(data: Path) -> str:
    """Make an API key that may screen for a day."""
    with open_records(data) as records:
        end = now() + timedelta(days=1)
        return records.keys.create("demo", [Scope.SCREEN], actor=ACTOR, expires_at=end).token
