"""The zygote: a lean process that has everything loaded and only ever forks children.

Started by `nursery.py` as `python -m tocsin.decoding.zygote SETTINGS` with a socket as its standard
input, the pool. It sees no media but the samples, and keeps a fixed number of children alive: each
waits behind its walls for one file, and its death is answered with a birth. A child is handed to
the node as one message through the pool carrying three descriptors: the connection, a pidfd to
kill it by, and a pipe on which the zygote will write how it died.
"""

import contextlib
import gc
import json
import os
import select
import socket
import sys
import warnings

from PIL import Image

from tocsin.decoding import child, image, kernel, trial, walls, wire
from tocsin.decoding.base import Limits, Wall
from tocsin.decoding.samples import SAMPLES

_SHORT_OF_PROCESSES_S = 0.2
_TOO_MANY_STILLBORN = 8
_HUGE_PAGE_BYTES = 2 << 20
_FILLER_BYTES = 1 << 16


def main() -> None:
    """Warm up, try the walls, put up ours, report them, keep children alive till the node goes."""
    pool = socket.socket(fileno=sys.stdin.fileno())
    settings = json.loads(sys.argv[1])
    limits = Limits(**settings["limits"])
    node = os.pidfd_open(os.getppid())
    silence = os.open(os.devnull, os.O_WRONLY)
    warm_up(limits)
    standing = enclose(trial.report(limits), limits)
    gc.collect()
    gc.freeze()
    gc.disable()
    filler = fill_heap()
    pool.send(json.dumps([[wall.name, wall.stands, wall.detail] for wall in standing]).encode())
    os.dup2(silence, 2)
    own = frozenset(wall.name for wall in standing if wall.stands and wall.name in walls.OWN)
    Brood(pool, limits, own).keep(settings["children"], node)
    del filler


def warm_up(limits: Limits) -> None:
    """Decode one picture of every format, both ways, so that nothing is left to be loaded."""
    with contextlib.suppress(OSError):  # a machine without a filter: the trial will report it
        walls.call_filter()
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = limits.pixels // 2  # Pillow warns above this and refuses above twice
    for sample in SAMPLES.values():
        image.read(sample, limits)
        image.read(sample, limits, exact=True)


def fill_heap() -> list[bytes]:
    """Use up the free memory of the heap, up to a border of huge pages.

    Free memory that the zygote has touched is shared with the children, and each page of it would
    be copied when a child writes to it. Behind the border a child gets fresh huge pages instead:
    2 MiB for the price of 60 small copies. Costs one huge page, and only where malloc grows by
    them (see `nursery.py`); elsewhere it changes little.
    """
    start = kernel.heap_end()
    filler: list[bytes] = []
    while kernel.heap_end() == start and len(filler) < _HUGE_PAGE_BYTES // _FILLER_BYTES * 4:
        filler.append(bytes(_FILLER_BYTES))
    left = kernel.heap_end() - start - 2 * _FILLER_BYTES
    filler.append(bytes(max(0, min(left, _HUGE_PAGE_BYTES))))
    return filler


def enclose(tried: tuple[Wall, ...], limits: Limits) -> tuple[Wall, ...]:
    """Put up the walls that all children inherit, as far as the trial showed them to stand."""
    plan = walls.plan(limits)
    standing = []
    for wall in tried:
        if wall.stands and wall.name in walls.INHERITED:
            detail = plan[wall.name]()
            standing.append(Wall(wall.name, stands=True, detail=f"{wall.detail}; {detail}"))
        else:
            standing.append(wall)
    return tuple(standing)


class Brood:
    """The living children. One thread, no media, no files."""

    def __init__(self, pool: socket.socket, limits: Limits, own_walls: frozenset[str]) -> None:
        self._pool = pool
        self._limits = limits
        self._own_walls = own_walls
        self._living: dict[int, tuple[int, int]] = {}
        """By pidfd: the pid, and the pipe for the child's epitaph."""
        self._unborn: dict[int, tuple[socket.socket, int, int]] = {}
        """By connection, till its walls are up: that, the pidfd, the other end of the pipe."""
        self._stillborn = 0
        self._events = select.poll()

    def keep(self, children: int, node: int) -> None:
        """Answer each death with a birth, until the node exits or closes its end."""
        self._events.register(node, select.POLLIN)
        self._events.register(self._pool, select.POLLHUP)
        while True:
            while len(self._living) < children and self._bear():
                pass
            pause = None if len(self._living) == children else _SHORT_OF_PROCESSES_S
            for descriptor, _ in self._events.poll(pause and pause * 1000):
                if descriptor in self._unborn:
                    self._hand_over(descriptor)
                elif descriptor in self._living:
                    self._bury(descriptor)
                else:
                    return

    def _bear(self) -> bool:
        """Fork a child; False when the system is out of processes."""
        ours, theirs = socket.socketpair()
        heard, said = os.pipe()
        try:
            pid = os.fork()
        except OSError:
            os.close(heard)
            os.close(said)
            return False
        if pid == 0:
            child.live(theirs, self._limits, self._own_walls)
        life = os.pidfd_open(pid)
        self._living[life] = (pid, said)
        self._unborn[ours.fileno()] = (ours, life, heard)
        self._events.register(life, select.POLLIN)
        self._events.register(ours, select.POLLIN)
        return True

    def _hand_over(self, link: int) -> None:
        """Give a child to the node once its walls are up."""
        ours, life, heard = self._unborn.pop(link)
        self._events.unregister(ours)
        if ours.recv(1) == wire.READY:
            self._stillborn = 0
            socket.send_fds(self._pool, [b"c"], [link, life, heard])
        else:
            self._stillborn += 1
        ours.close()
        os.close(heard)
        if self._stillborn >= _TOO_MANY_STILLBORN:
            sys.exit("children die before their walls are up")

    def _bury(self, life: int) -> None:
        """Reap a child and tell the node how it died: an exit code, or SIGNALS_FROM + signal."""
        self._events.unregister(life)
        pid, said = self._living.pop(life)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with contextlib.suppress(BrokenPipeError):  # the node has its answer and hung up
            os.write(said, bytes([code if code >= 0 else wire.SIGNALS_FROM - code]))
        os.close(said)
        os.close(life)


if __name__ == "__main__":
    main()
