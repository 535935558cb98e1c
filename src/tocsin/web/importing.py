"""A list that comes in as the body of a request, of any size, imported while it arrives.

The importer reads lines in a thread; the event loop hands it the body piece by piece and no faster
than it takes them. What is cut off has stored whole batches, and sending it again adds the rest.
"""

import asyncio
import io
from collections.abc import AsyncIterator

from tocsin.app import Node
from tocsin.errors import Unavailable
from tocsin.lists.importing import Fault, import_lines
from tocsin.web.answers import Imported, LineFault

AHEAD = 8
"""Pieces of the body that may wait for the importer."""

MAX_FAULTS = 1000
"""Most faults that are told one by one."""

_Pieces = asyncio.Queue["bytes | Exception"]


class _Incoming(io.RawIOBase):
    """The body as a file for one thread; what went wrong on the way is raised by reading."""

    def __init__(self, pieces: _Pieces, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._pieces = pieces
        self._loop = loop
        self._left = b""
        self._ended = False

    def readable(self) -> bool:
        """Say that this can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # bytes-like by its stub
        """Fill the buffer with what has arrived; 0 at the end."""
        if not self._left and not self._ended:
            piece = asyncio.run_coroutine_threadsafe(self._pieces.get(), self._loop).result()
            if isinstance(piece, Exception):
                raise piece
            self._left, self._ended = piece, not piece
        size = min(len(buffer), len(self._left))
        buffer[:size] = self._left[:size]
        self._left = self._left[size:]
        return size


async def arrive(body: AsyncIterator[bytes], pieces: _Pieces) -> None:
    """Hand the body on; nothing marks its end."""
    try:
        async for piece in body:
            await pieces.put(piece)
        await pieces.put(b"")
    except Exception as error:  # noqa: BLE001 - raised again where the body is read
        await pieces.put(error)


def give_up(pieces: _Pieces) -> None:
    """Let the importer's thread end, should it still wait for a piece that comes no more."""
    while not pieces.empty():
        pieces.get_nowait()
    pieces.put_nowait(Unavailable("the import was broken off"))


def import_arriving(
    node: Node, name: str, pieces: _Pieces, loop: asyncio.AbstractEventLoop, *, actor: str
) -> Imported:
    """Import what arrives, in a thread. Raises InvalidInput, NotFound, Unavailable."""
    node.rules.get(name)
    file = io.TextIOWrapper(
        io.BufferedReader(_Incoming(pieces, loop)), "utf-8-sig", errors="replace", newline=""
    )
    faults: list[Fault] = []
    added = known = refused = 0
    for step in import_lines(node.items, name, file, actor=actor):
        added, known, refused = step.added, step.known, refused + len(step.faults)
        faults += step.faults[: MAX_FAULTS - len(faults)]
    node.lookback.wake()
    shown = [LineFault(line=one.line, reason=one.reason) for one in faults]
    return Imported(added=added, known=known, refused=refused, faults=shown)
