"""The program `tocsin` for tests: inside the test's own process, or as a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-m", "tocsin.cli.main"]


@dataclass(frozen=True)
class Answer:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        """Every line of stdout, read as JSON."""
        return [json.loads(line) for line in self.out.splitlines()]


Program = Callable[..., Answer]


def environment(**changes: str) -> Mapping[str, str]:
    """This process's environment without settings of Tocsin that a developer may have."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("TOCSIN_")}
    return kept | changes


def run_apart(*arguments: object, folder: Path, **changes: str) -> Answer:
    """Run a command as a process of its own, in a folder, without a terminal."""
    ran = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=folder,
        env=environment(**changes),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return Answer(ran.returncode, ran.stdout, ran.stderr)
