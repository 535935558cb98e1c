"""`tocsin benign`: media that are known to be harmless, so that nothing acts near them."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from tocsin.app import Node, benign_folder
from tocsin.cli.exits import Exit
from tocsin.cli.node import open_node
from tocsin.cli.options import AsJson, Data, settings
from tocsin.cli.output import counted, say, say_json, warn
from tocsin.cli.parallel import in_parallel
from tocsin.cli.reading import UploadFile, read_item
from tocsin.cli.tables import progress
from tocsin.errors import InvalidInput, NotFound
from tocsin.intake import read_file, walk
from tocsin.model import Signal, SignalType, Undecodable, View
from tocsin.trust.benign import Benign, BenignCorpus, Progress
from tocsin.trust.outcome import Doubtful, Sound

_HEX_DIGITS = 64
_TYPES = (SignalType.PDQ, SignalType.SHA256)


def add(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files or folders.")],
    strict: Annotated[bool, typer.Option(help="Exit with 4 if a file was left out.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> int:
    """Add media that are known to be harmless. Files are decoded in the sandbox and not kept.

    What cannot be decoded is left out. Adding what is there already changes nothing, so a run that
    was cut off is simply run again. Items that arrive from now on are checked against it.

    For example:
      tocsin benign add stock-photos/
      tocsin benign add screenshots/ memes/ --json
    """
    left_out: list[Path] = []
    with open_node(data) as node:
        if node.benign is None:
            warn("this begins a corpus; a node that serves already uses it once it is restarted")
        with (
            BenignCorpus(benign_folder(node.settings), writer=True) as corpus,
            progress("reading", "files") as show,
        ):
            work = partial(_read, node)
            files = in_parallel(node.settings.children, work, walk(paths))
            steps = deque(corpus.add(_views(files, show, left_out)), maxlen=1)
            told = _told(corpus)
    last = steps[0] if steps else Progress(0, 0)
    if as_json:
        say_json({"added": last.fresh, "known": last.media - last.fresh} | told)
    else:
        say(f"{counted(last.fresh, 'file')} added, {last.media - last.fresh:,} known already")
        _say(told)
    return Exit.FAULTS if strict and left_out else Exit.OK


def show(data: Data = None, as_json: AsJson = False) -> None:
    """Show how many media are in the corpus, and what it says about what matches none of them.

    For example:
      tocsin benign show
    """
    with _opened(data) as corpus:
        told = _told(corpus)
    if as_json:
        say_json(told)
    else:
        _say(told)


def check(
    target: Annotated[
        str, typer.Argument(metavar="FILE|HASH", help="A file, or a PDQ or SHA-256 in hex.")
    ],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Say whether an item with this file or hash would come near something harmless.

    `benign` is within 31 bits: such an item stays in shadow. `doubtful` is within 45: it holds at
    most. `sound`: nothing in the corpus is like it.

    For example:
      tocsin benign check photo.jpg
      tocsin benign check f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22
    """
    signals = _signals(target, data)
    with _opened(data) as corpus:
        outcome, text = _worst(corpus.check(signals))
        told = _told(corpus)
    if as_json:
        say_json({"target": target, "outcome": outcome, "because": text} | told)
    else:
        say(f"{outcome}: {text}")


def _read(node: Node, path: Path) -> UploadFile:
    """Read a file as an upload, since what comes of an item is that uploads match it."""
    upload = read_file(path, limit_bytes=node.settings.max_upload_bytes)
    if isinstance(upload, Undecodable):
        return UploadFile(path, problem=upload.detail)
    reading = node.road.read(upload)
    if isinstance(reading.obstacle, Undecodable):
        # Without a picture it could match nothing, but would count as one that did not.
        return UploadFile(path, problem=reading.obstacle.detail)
    return UploadFile(path, reading.format, reading.views)


def _views(
    files: Iterable[UploadFile], show: Callable[[int, int | None], None], left_out: list[Path]
) -> Iterator[tuple[View, ...]]:
    for done, read in enumerate(files, start=1):
        show(done, None)
        if read.problem:
            warn(f"{read.path}: left out: {read.problem}")
            left_out.append(read.path)
        else:
            yield read.views


def _opened(data: Path | None) -> BenignCorpus:
    folder = benign_folder(settings(data))
    if not folder.exists():
        raise NotFound("there is no benign corpus yet", advice="`tocsin benign add` begins one.")
    return BenignCorpus(folder, writer=False)


def _signals(target: str, data: Path | None) -> Sequence[Signal]:
    path = Path(target)
    if len(target) == _HEX_DIGITS and not path.exists():
        return [Signal.parse(type_, target) for type_ in _TYPES]
    with open_node(data) as node:
        read = read_item(node.decoder, path, limit_bytes=node.settings.max_upload_bytes)
    if not any(one.type.perceptual for one in read.signals):
        raise InvalidInput(f"{target} cannot be checked: {read.problem}")
    return read.signals


def _worst(found: Sequence[Sound | Doubtful | Benign]) -> tuple[str, str]:
    """Return the outcome for an item: one signal near something harmless spoils all of it."""
    distances = [one.distance for one in found if isinstance(one, Benign)]
    if distances:
        return "benign", f"{min(distances)} bits from something known to be harmless"
    for one in found:
        if isinstance(one, Doubtful):
            return "doubtful", one.reasons[0].text
    return "sound", "nothing in the corpus is like it"


def _told(corpus: BenignCorpus) -> dict[str, Any]:
    return {"media": len(corpus), "hashes": corpus.hashes, "bound": corpus.bound}


def _say(told: dict[str, Any]) -> None:
    say(f"{told['media']:,} media with {told['hashes']:,} PDQ hashes are known to be harmless")
    say(
        f"an item that matches none of them matches under {told['bound']:.3%} of media like them "
        "(95 % sure)"
    )
