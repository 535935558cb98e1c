"""From files and texts named on the command line to signals."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tocsin.decoding.base import Decoder
from tocsin.errors import InvalidInput
from tocsin.hashing.url import canonical, url_views
from tocsin.hashing.views import file_views, item_signals, plane_views
from tocsin.intake import read_file
from tocsin.model import Signal, SignalType, Undecodable, Unhashable, View

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ItemFile:
    """A file read as an item. `problem` says in words what is missing; without signals, all is."""

    path: Path
    signals: tuple[Signal, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class UploadFile:
    """A file read as an upload: every view that a screening would match.

    `straight` are those of the picture as it is, in both size conventions, and of the file.
    """

    path: Path
    format: str = ""
    views: tuple[View, ...] = ()
    straight: tuple[View, ...] = ()
    problem: str = ""


def read_item(decoder: Decoder, path: Path, *, limit_bytes: int) -> ItemFile:
    """Read a file as an item of a list; one that cannot be decoded still has its file hashes."""
    upload = read_file(path, limit_bytes=limit_bytes)
    if isinstance(upload, Undecodable):
        return ItemFile(path, problem=f"left out: {upload.detail}")
    decoded = decoder.decode(upload.content)
    signals = item_signals(upload.content, decoded)
    if isinstance(decoded, Undecodable):
        return ItemFile(path, signals, f"only its file hashes: {decoded.detail}")
    return ItemFile(path, signals)


def read_upload(decoder: Decoder, path: Path, *, limit_bytes: int) -> UploadFile:
    """Read a file as an upload, from all of its pixels: slower than a screening, and exact."""
    upload = read_file(path, limit_bytes=limit_bytes)
    if isinstance(upload, Undecodable):
        return UploadFile(path, problem=upload.detail)
    files = file_views(upload.content)
    decoded = decoder.decode(upload.content, exact=True)
    if isinstance(decoded, Undecodable):
        return UploadFile(path, views=files, straight=files, problem=decoded.detail)
    planes = plane_views(decoded.planes)
    names = {f"{plane.name} {size}" for plane in decoded.planes for size in ("native", "512")}
    straight = tuple(view for view in planes if view.name in names)
    return UploadFile(path, decoded.format, (*files, *planes), (*files, *straight))


def read_text(path: Path) -> str:
    """Read a text that was named: a policy, a rule, an invitation. Raises InvalidInput."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not a text") from error


def listed_signal(type: SignalType, text: str, quality: int | None = None) -> Signal:
    """Read a signal as an item is listed under; a link in its canonical form. Raises InvalidInput.

    A link covers itself, not the folder or site that it stands in.
    """
    if type is SignalType.URL:
        return Signal.parse(type, _link(text, canonical(text)))
    return Signal.parse(type, text, quality)


def sought_signals(type: SignalType, text: str) -> tuple[Signal, ...]:
    """Read a signal to look up; a link stands for every listed entry that would cover it.

    Raises InvalidInput.
    """
    if type is SignalType.URL:
        return tuple(view.signal for view in _link(text, url_views(text)).views)
    return (Signal.parse(type, text),)


def _link(text: str, read: T | Unhashable) -> T:
    if isinstance(read, Unhashable):
        raise InvalidInput(f"{text[:80]!r} is not a link: {read.reason}")
    return read
