"""The node's side of the zygote: starting it, and taking children from it.

The socket on which the zygote announces its children is the pool: the kernel queues the messages,
any thread takes the next one, and no lock or thread of ours stands between. Children that may be
given another file wait in `spares.py`.
"""

import contextlib
import dataclasses
import json
import os
import select
import socket
import struct
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tocsin.decoding.base import Limits, Wall
from tocsin.decoding.connection import Connection, ZygoteDied
from tocsin.decoding.spares import Spares
from tocsin.errors import Unavailable
from tocsin.model import Decoded, Undecodable

_START_S = 30.0
_STOP_S = 5.0
_REPORT_BYTES = 1 << 16
_HANDED = struct.Struct("@3i")
"""The descriptors that come with a child: see `zygote.py`."""

_WITHOUT_WAITING = socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC

_KEEP_MEMORY = ":".join(
    f"glibc.malloc.{name}={value}"
    for name, value in (("hugetlb", 1), ("mmap_threshold", 1 << 30), ("trim_threshold", 1 << 30))
)
"""Memory that was touched stays with the process and comes in huge pages where it can: a fresh
page costs over a microsecond on a virtual machine, and a small JPEG took 330 of them."""

_FRESH = {"heic"}
"""Formats whose decoder starts a thread: a child that has had a file may not (see `child.py`)."""

_PLAIN = {"jpeg", "png", "webp"}
_PLAIN_PIXELS = 1 << 22


@dataclass(frozen=True, slots=True)
class Headcount:
    """Children at this moment: `busy` with a file, `ready` for one or about to be."""

    busy: int
    ready: int


class Nursery:
    """A running zygote. Safe to use from many threads. Raises Unavailable if it does not start."""

    def __init__(self, limits: Limits, children: int, files_per_child: int) -> None:
        self._limits = limits
        self._files_per_child = files_per_child
        self._spares = Spares()
        self._busy: set[Connection] = set()
        self._closed = False
        self._pool, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        settings = {"limits": dataclasses.asdict(limits), "children": children}
        with theirs:
            self._process = _start(theirs, json.dumps(settings))
        self.walls = self._report()

    def ask(self, data: bytes, form: str, *, exact: bool) -> Decoded | Undecodable:
        """Have a child decode a file. Raises Unavailable after `queue_s`, or ZygoteDied."""
        child = self._take(fresh=form in _FRESH)
        self._busy.add(child)
        usable = False
        try:
            answer = child.ask(data, exact=exact)
            usable = child.asked < self._files_per_child and _plain(answer)
        finally:
            self._busy.discard(child)
            if not usable:
                child.close()
        if usable:
            self._spares.put(child)
        if self._closed:
            self._spares.dismiss()
        return answer

    def headcount(self) -> Headcount:
        """Count the children, as the kernel does: the zygote may be short of them."""
        zygote, busy = self._process.pid, len(self._busy)
        try:
            alive = Path(f"/proc/{zygote}/task/{zygote}/children").read_text().split()
        except OSError:
            alive = []
        return Headcount(busy, max(0, len(alive) - busy))

    def _take(self, *, fresh: bool) -> Connection:
        """A spare or, always with `fresh`, a newborn child: whichever comes first."""
        give_up = time.monotonic() + self._limits.queue_s
        if fresh:
            with contextlib.suppress(BlockingIOError):
                self._spares.take().close()  # makes room for a birth
        while True:
            if not fresh:
                with contextlib.suppress(BlockingIOError):
                    return self._spares.take()
            with contextlib.suppress(BlockingIOError):
                return self._newborn()
            self._wait(give_up, fresh=fresh)

    def _newborn(self) -> Connection:
        """The next child in the pool. Raises BlockingIOError where it is empty, or ZygoteDied."""
        try:
            # Not socket.recv_fds, which drops its flags and would wait (Python 3.11).
            message, rights, _, _ = self._pool.recvmsg(
                1, socket.CMSG_SPACE(_HANDED.size), _WITHOUT_WAITING
            )
        except ConnectionError as error:
            raise ZygoteDied from error
        if not message:
            raise ZygoteDied
        link, life, epitaph = _HANDED.unpack(rights[0][2])
        return Connection(link, life, epitaph, self._limits)

    def _wait(self, give_up: float, *, fresh: bool) -> None:
        left = give_up - time.monotonic()
        ready = select.poll()
        ready.register(self._pool, select.POLLIN)
        if not fresh:
            ready.register(self._spares, select.POLLIN)
        if left <= 0 or not ready.poll(left * 1000):
            raise Unavailable(f"no decoder became free within {self._limits.queue_s:g} seconds")

    def close(self) -> None:
        """End the zygote and all its children, at once. May be called twice."""
        with contextlib.suppress(OSError):
            self._pool.shutdown(socket.SHUT_RDWR)  # wakes the threads in _take()
        self._closed = True
        self._spares.dismiss()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _report(self) -> tuple[Wall, ...]:
        ready = select.poll()
        ready.register(self._pool, select.POLLIN)
        if not ready.poll(_START_S * 1000):
            self.close()
            raise Unavailable(f"the decoding sandbox did not start within {_START_S:.0f} seconds")
        message = self._pool.recv(_REPORT_BYTES)
        if not message:
            self.close()
            raise Unavailable(f"the decoding sandbox ended with {self._process.returncode}")
        return tuple(Wall(*entry) for entry in json.loads(message))


def _plain(answer: Decoded | Undecodable) -> bool:
    """Whether the child that gave this answer may be given another file.

    Only a small still picture of a common kind is worth it: there, a birth costs more than the
    decoding. Whatever is refused, large, animated or rare was the last thing its child saw.
    """
    return (
        isinstance(answer, Decoded)
        and answer.format in _PLAIN
        and len(answer.planes) == 1
        and answer.planes[0].native_height * answer.planes[0].native_width <= _PLAIN_PIXELS
    )


def _start(pool: socket.socket, settings: str) -> "subprocess.Popen[bytes]":
    """Run the zygote with this interpreter and our search path, and nothing else of ours."""
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)  # noqa: PTH100 - "" is cwd
    libraries = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-P", "-s", "-B", "-m", "tocsin.decoding.zygote", settings],
        env={"PYTHONPATH": path, "GLIBC_TUNABLES": _KEEP_MEMORY, **libraries},
        cwd="/",
        stdin=pool.fileno(),
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
