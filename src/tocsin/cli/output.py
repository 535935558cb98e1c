"""The one door to stdout: results leave here, and nothing but results.

Names of files and lists come from anybody, so whatever is not printable is written as an escape
before a terminal sees it.
"""

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

import typer

from tocsin.cli.exits import Exit


def write(text: str) -> None:
    """Write text as it is. Ends the command if nobody reads any more."""
    try:
        sys.stdout.write(text)
    except BrokenPipeError:
        hush()
        raise typer.Exit(Exit.READER_GONE) from None


def say(text: str) -> None:
    """Write one line for people."""
    write(plain(text) + "\n")


def say_json(content: Mapping[str, Any]) -> None:
    """Write one JSON object on a line of its own, at once: the next one may take a while."""
    write(json.dumps(content, default=str) + "\n")
    flush()


def tell(as_json: bool, text: str, **fields: object) -> None:
    """Say what was done: in a sentence for people, or as its fields for programs."""
    if as_json:
        say_json(fields)
    else:
        say(text)


def flush() -> None:
    """Hand over what was written. Ends the command if nobody reads any more."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        hush()
        raise typer.Exit(Exit.READER_GONE) from None


def warn(text: str) -> None:
    """Write a line on stderr."""
    sys.stderr.write(f"tocsin: {plain(text)}\n")


def counted(number: int, noun: str) -> str:
    """Return "1 item", "2 items"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def plain(text: str) -> str:
    """Return the text with everything unprintable escaped, line ends aside."""
    return "".join(
        one if one.isprintable() or one == "\n" else one.encode("unicode_escape").decode()
        for one in text
    )


def hush() -> None:
    """Send what is left of stdout nowhere, so that its end at exit does not fail once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
