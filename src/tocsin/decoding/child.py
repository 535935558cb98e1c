"""The life of a decoding child: walls, a first breath, a file or a few, death.

It is forked by the zygote ahead of need, so that everything but the file itself is done before
anyone waits: walls are up, and the pages that decoding writes to are already its own.
"""

import os
import signal
import socket
from typing import NoReturn

from tocsin.decoding import image, kernel, walls, wire
from tocsin.decoding.base import Limits
from tocsin.decoding.magic import identify
from tocsin.decoding.samples import SAMPLES

_CONNECTION, _FIRST_OTHER = 0, 3
_ABOVE_ALL = 1 << 12
_SCRATCH_BYTES = 2 << 20


def live(connection: socket.socket, limits: Limits, own_walls: frozenset[str]) -> NoReturn:
    """Serve files on `connection` until the node hangs up or kills; never returns.

    How many files one child is given, the node decides (see `nursery.py`). Run in a fresh fork.
    """
    try:
        link = _settle(connection)
        plan = walls.plan(limits)
        for name in walls.OWN:
            if name in own_walls:
                plan[name]()
        image.read(SAMPLES["jpeg"], limits)
        _touch_memory()
        link.sendall(wire.READY)
    except Exception:  # noqa: BLE001 - whatever failed, no file may be read without the walls
        os._exit(1)
    try:
        while _serve(link, limits):
            pass
    except MemoryError:
        os._exit(wire.OUT_OF_MEMORY)
    finally:
        os._exit(0)


def _settle(connection: socket.socket) -> socket.socket:
    """Keep one descriptor of all that the zygote held, and die when it dies.

    The connection takes the place of the pool, descriptor 0; 1 and 2 lead nowhere.
    """
    zygote = os.getppid()
    os.dup2(connection.detach(), _CONNECTION)
    os.closerange(_FIRST_OTHER, _ABOVE_ALL)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != zygote:
        os._exit(0)
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=_CONNECTION)


def _touch_memory() -> None:
    """Have the kernel hand over the memory that a small picture takes, while nobody waits.

    It goes back to the allocator at once, which `nursery.py` has told to keep it.
    """
    bytearray(_SCRATCH_BYTES)


def _serve(link: socket.socket, limits: Limits) -> bool:
    """Answer one request; False when none came."""
    header = link.recv(wire.REQUEST_BYTES, socket.MSG_WAITALL)
    if len(header) < wire.REQUEST_BYTES:
        return False
    size, exact = wire.unpack_request(header)
    data = link.recv(size, socket.MSG_WAITALL)
    if identify(data) != "heic":
        walls.forbid_threads()
    walls.allow_seconds(limits)
    answer = image.read(data, limits, exact=exact)
    link.sendall(wire.pack_answer(answer))
    if isinstance(answer, wire.Pictures):
        for pixels in answer.pixels:
            link.sendall(pixels)
    return True
