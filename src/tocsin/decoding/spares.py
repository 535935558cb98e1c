"""Children that may be given one more file, shared by the threads of the node."""

import io
import os
from collections import deque

from tocsin.decoding.connection import Connection


class Spares:
    """A stack that can be polled, so that a thread waits for a spare and for a birth at once.

    The kernel counts: one token of an eventfd(2) for each child on the stack. Safe to use from
    many threads; the last one put is taken first, since its memory is still in the caches.
    """

    def __init__(self) -> None:
        flags = os.EFD_SEMAPHORE | os.EFD_NONBLOCK | os.EFD_CLOEXEC
        self._tokens = io.FileIO(os.eventfd(0, flags), "r+")  # closed with its last user
        self._children: deque[Connection] = deque()

    def fileno(self) -> int:
        """Readable while there is a spare."""
        return self._tokens.fileno()

    def put(self, child: Connection) -> None:
        """Lay a child by."""
        self._children.append(child)
        os.eventfd_write(self.fileno(), 1)

    def take(self) -> Connection:
        """Take the child that was laid by last. Raises BlockingIOError where there is none."""
        os.eventfd_read(self.fileno())
        return self._children.pop()

    def dismiss(self) -> None:
        """End all of them."""
        try:
            while True:
                self.take().close()
        except BlockingIOError:
            return
