"""Processes that check batches of entries, so that a long catch-up uses every core.

Threads were tried: the library that verifies Ed25519 holds the interpreter's lock meanwhile. A
process is fed through its standard input and answers on its standard output, each message behind a
length of four bytes: a batch as bundles (exchange.bundles), the answer as one byte for each entry.
Nothing is pickled.

    python -m tocsin.sharing.checkers
"""

import contextlib
import os
import queue
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO

from tocsin.closing import Closing
from tocsin.errors import Unavailable
from tocsin.exchange.bundles import decode_bundle, encode_bundle
from tocsin.sharing.verifying import Batch, check

FEW = 64
"""Entries that are checked at once here: asking another process is not worth it."""

NICE = 5
_COUNT_BYTES = 4
_KEY_BYTES = 32

Process = subprocess.Popen[bytes]


class Checkers(Closing):
    """A pool of checking processes, started when they are first needed. Thread-safe."""

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._threads = ThreadPoolExecutor(processes, "checkers")
        self._lock = threading.Lock()
        # Owned by _lock.
        self._all: list[Process] = []
        self._idle: queue.SimpleQueue[Process] = queue.SimpleQueue()

    def check(self, batch: Batch) -> "Future[bytes]":
        """Check a batch; the future ends with what `verifying.check` returns, or Unavailable."""
        if len(batch.leaves) <= FEW:
            done: Future[bytes] = Future()
            done.set_result(check(batch))
            return done
        return self._threads.submit(self._ask, batch)

    def close(self) -> None:
        """End the processes. May be called twice."""
        self._threads.shutdown(cancel_futures=True)
        with self._lock:
            for process in self._all:
                _end(process)
            self._all.clear()

    def _ask(self, batch: Batch) -> bytes:
        """Ask an idle process, and a new one where it died: no entry is at fault for that."""
        process = self._take()
        try:
            answer = _asked(process, batch)
        except OSError as error:
            _end(process)
            raise Unavailable(f"a checking process died: {error}") from error
        self._idle.put(process)
        if len(answer) != len(batch.leaves):
            raise Unavailable("a checking process gave half an answer")
        return answer

    def _take(self) -> Process:
        while True:
            try:
                process = self._idle.get_nowait()
            except queue.Empty:
                return self._start()
            if process.poll() is None:
                return process

    def _start(self) -> Process:
        command = [sys.executable, "-m", __name__]
        process = subprocess.Popen(  # noqa: S603 - our own program, no shell
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with self._lock:
            self._all = [one for one in self._all if one.poll() is None]
            self._all.append(process)
        return process


def serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Answer batches until the other end closes."""
    while origin := _receive(questions):
        keys, leaves, contents = (_receive(questions) for _ in range(3))
        count = int.from_bytes(_receive(questions))
        batch = Batch(
            origin.decode(),
            tuple(keys[at : at + _KEY_BYTES] for at in range(0, len(keys), _KEY_BYTES)),
            decode_bundle(leaves, count),
            decode_bundle(contents, count),
        )
        _send(answers, check(batch))


def _asked(process: Process, batch: Batch) -> bytes:
    if process.stdin is None or process.stdout is None:
        raise OSError("it has no pipes")
    _send(
        process.stdin,
        batch.origin.encode(),
        b"".join(batch.keys),
        encode_bundle(batch.leaves),
        encode_bundle(batch.contents),
        len(batch.leaves).to_bytes(_COUNT_BYTES),
    )
    return _receive(process.stdout)


def _send(to: IO[bytes], *messages: bytes) -> None:
    for one in messages:
        to.write(len(one).to_bytes(_COUNT_BYTES) + one)
    to.flush()


def _receive(source: IO[bytes]) -> bytes:
    """Read a message; nothing where the other end has closed."""
    size = int.from_bytes(source.read(_COUNT_BYTES))
    return source.read(size)


def _end(process: Process) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


if __name__ == "__main__":
    # The one who writes what was checked must not wait for those who check ahead of it.
    os.nice(NICE)
    serve(sys.stdin.buffer, sys.stdout.buffer)
