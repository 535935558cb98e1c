"""Runs the transcripts beside this file against the real program, each in an empty folder.

A transcript reads like a session in a shell: a line after `$ ` is run by bash, the lines below it
are what that prints, stdout and stderr together. In them `…` stands for anything on a line, a line
`...` for any number of lines, and runs of spaces count as one. `[exit 2]` is the exit code where it
is not 0; lines after `#` are for the reader. `media/` holds the sample media.
"""

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from program import COMMAND, environment
from tocsin import sample

TRANSCRIPTS = sorted(Path(__file__).parent.glob("*.txt"))


@dataclass
class Step:
    """A command, the lines that it should print, and the exit code that it should have."""

    line: int
    command: str
    expected: list[str] = field(default_factory=list)
    code: int = 0

    def allows(self, printed: str) -> bool:
        """Whether this is what the transcript says."""
        pattern = "".join(map(_pattern, self.expected))
        return bool(re.fullmatch(pattern, "".join(map(_squeezed, printed.splitlines()))))


def _pattern(line: str) -> str:
    return r"(?:.*\n)*?" if line == "..." else re.escape(_squeezed(line)).replace("…", ".*")


def _squeezed(line: str) -> str:
    return " ".join(line.split()) + "\n"


def parse(text: str) -> list[Step]:
    steps: list[Step] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("$ "):
            steps.append(Step(number, line.removeprefix("$ ")))
        elif exit_code := re.fullmatch(r"\[exit (\d+)\]", line):
            steps[-1].code = int(exit_code[1])
        elif line.strip() and not line.startswith("#"):
            steps[-1].expected.append(line)
    return steps


@pytest.fixture(scope="session")
def media(tmp_path_factory):
    folder = tmp_path_factory.mktemp("media")
    sample.write(folder)
    return folder


@pytest.fixture
def shell(tmp_path, media):
    """Run a line as a person would: `tocsin` is on the path, the media are in the folder."""
    program, folder = tmp_path / "bin" / "tocsin", tmp_path / "folder"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {" ".join(COMMAND)} "$@"\n')
    program.chmod(0o755)
    folder.mkdir()
    (folder / "media").symlink_to(media)
    variables = environment(
        PATH=f"{program.parent}:{os.environ['PATH']}", TOCSIN_DATA="data", LC_ALL="C.UTF-8"
    )

    def run(line):
        return subprocess.run(
            ["bash", "-c", line],
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )

    return run


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda path: path.stem)
def test_the_program_does_what_the_transcript_says(transcript, shell):
    for step in parse(transcript.read_text()):
        ran = shell(step.command)
        place = f"{transcript.name}:{step.line}: {step.command}\n{ran.stdout}"
        assert ran.returncode == step.code, place
        assert step.allows(ran.stdout), place
