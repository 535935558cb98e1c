"""Server-sent events (HTML Living Standard, 9.2.6), read within a limit."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tocsin.errors import Damaged

MAX_EVENT_BYTES = 1 << 20
"""A ring of 256 leaves with the contents that it may carry has a sixth of this."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event, or a comment: then both are empty, and it is a sign of life."""

    name: str = ""
    data: bytes = b""


def events(pieces: Iterable[bytes]) -> Iterator[Event]:
    """Yield the events and comments of a stream. Raises Damaged for one that is too long."""
    name, data, size = "", list[bytes](), 0
    for line in _lines(pieces):
        size += len(line)
        if size > MAX_EVENT_BYTES:
            raise Damaged(f"an event of the bell has more than {MAX_EVENT_BYTES} bytes")
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            if data:
                yield Event(name or "message", b"\n".join(data))
            name, data, size = "", [], 0
            continue
        match field:
            case b"":
                yield Event()
                size -= len(line)
            case b"data":
                data.append(value)
            case b"event":
                name = value.decode("utf-8", "replace")


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = bytearray()
    for piece in pieces:
        start = len(rest)
        rest += piece
        done = 0
        while (end := rest.find(b"\n", max(start, done))) >= 0:
            yield bytes(rest[done:end]).removesuffix(b"\r")
            done = end + 1
        del rest[:done]
        if len(rest) > MAX_EVENT_BYTES:
            raise Damaged(f"a line of the bell has more than {MAX_EVENT_BYTES} bytes")
