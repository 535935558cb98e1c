"""`tocsin hash` and `tocsin compare`: signals without lists."""

import os
from functools import partial
from itertools import product
from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli.exits import Exit
from tocsin.cli.options import AsJson, settings
from tocsin.cli.output import say, say_json, warn
from tocsin.cli.parallel import in_parallel
from tocsin.cli.reading import UploadFile, read_upload
from tocsin.cli.tables import show_table
from tocsin.decoding.base import Decoder, Limits
from tocsin.decoding.sandbox import REQUIRED, Sandbox
from tocsin.errors import InvalidInput
from tocsin.intake import walk
from tocsin.model import MAX_RADIUS, PDQ_RADIUS, Signal, SignalType, View

_HEX_DIGITS = 64
_THREADS = os.cpu_count() or 1


def hash_files(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files or folders.")],
    every: Annotated[
        bool, typer.Option("--all", help="Every view: turned, mirrored and without border, too.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Print every signal of files: SHA-256, SHA-1, MD5, and PDQ with its quality.

    PDQ comes in both conventions: of the picture scaled to 512 x 512 as lists keep it, and native,
    of its own pixels as `pdqhash` computes it. Ends with 1 if a file could not be hashed in full.

    For example:
      tocsin hash photo.jpg
      tocsin hash photos/ --all --json
    """
    hindered = 0
    with _sandbox() as decoder:
        work = partial(read_upload, decoder, limit_bytes=Limits().file_bytes)
        for read in in_parallel(_THREADS, work, walk(files)):
            hindered += bool(read.problem)
            _show(read, read.views if every else read.straight, as_json)
    return Exit.PROBLEM if hindered else Exit.OK


def compare(
    left: Annotated[str, typer.Argument(metavar="A", help="A file, or a PDQ hash in hex.")],
    right: Annotated[str, typer.Argument(metavar="B", help="A file, or a PDQ hash in hex.")],
    radius: Annotated[
        int, typer.Option(min=0, max=MAX_RADIUS, help="Bits within which they match.")
    ] = PDQ_RADIUS,
    as_json: AsJson = False,
) -> None:
    """Say how far two pictures or two PDQ hashes are apart, and whether that is a match.

    Of B every view is tried: turned, mirrored, without its border.

    For example:
      tocsin compare photo.jpg copy.png
      tocsin compare photo.jpg f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22
    """
    with _sandbox() as decoder:
        mine = _perceptual(decoder, left).straight
        theirs = _perceptual(decoder, right).views
    distance, view = min(
        ((_distance(one, other), other.name) for one, other in product(mine, theirs)),
        key=lambda pair: pair[0],
    )
    if as_json:
        answer = {"distance": distance, "radius": radius, "match": distance <= radius}
        say_json(answer | {"view": view})
    else:
        match = "a match" if distance <= radius else "no match"
        say(f"{distance} bits apart ({view}): {match} within {radius}")


def _sandbox() -> Sandbox:
    """Hashing needs no node: of its settings only the one about walls counts here."""
    required = settings(None).sandbox == "required"
    return Sandbox(refuse_without=REQUIRED if required else frozenset())


def _perceptual(decoder: Decoder, text: str) -> UploadFile:
    """Read a file or a hash as the views that can be compared. Raises InvalidInput."""
    path = Path(text)
    if len(text) == _HEX_DIGITS and not path.exists():
        views: tuple[View, ...] = (View("given", Signal.parse(SignalType.PDQ, text)),)
        return UploadFile(path, views=views, straight=views)
    read = read_upload(decoder, path, limit_bytes=Limits().file_bytes)
    if read.problem:
        raise InvalidInput(f"{text} cannot be compared: {read.problem}")
    return UploadFile(
        path,
        views=tuple(one for one in read.views if one.type.perceptual),
        straight=tuple(one for one in read.straight if one.type.perceptual),
    )


def _distance(one: View, other: View) -> int:
    return (int.from_bytes(one.code) ^ int.from_bytes(other.code)).bit_count()


def _show(read: UploadFile, views: tuple[View, ...], as_json: bool) -> None:
    if as_json:
        signals = [
            {
                "type": view.type.value,
                "view": view.name,
                "signal": view.signal.text,
                "quality": view.quality,
            }
            for view in views
        ]
        found = {"path": str(read.path), "format": read.format, "signals": signals}
        say_json(found | {"obstacle": read.problem})
        return
    say(f"{read.path}" + (f" ({read.format})" if read.format else ""))
    if views:
        rows = [(one.type.value, one.name, one.quality, one.signal.text) for one in views]
        show_table(("type", "view", "quality>", "signal"), rows)
    if read.problem:
        warn(f"{read.path}: {read.problem}")
