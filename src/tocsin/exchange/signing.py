"""The signer in a process of its own, reached through a Unix socket: the key never leaves it.

    python -m tocsin.exchange.signing --key FILE --memory FOLDER --socket PATH

The process has no network, cannot be traced or dumped by others of its user, and answers two
questions: what did you sign last, and will you sign this. A question and an answer are text behind
a length of four bytes; to sign, it is the body of C2SP tlog-witness's add-checkpoint with an
unsigned checkpoint. The first line of an answer is `signed`, `absent`, `refused` or `unavailable`.
"""

import argparse
import contextlib
import ctypes
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tocsin.exchange.advance import decode_advance, encode_advance
from tocsin.exchange.checkpoint import Checkpoint
from tocsin.exchange.errors import Absent, ExchangeError, Malformed, Refused, Unavailable
from tocsin.exchange.keys import PublicKey
from tocsin.exchange.signer import KeySigner, Signer, read_key

TIMEOUT_S = 10.0
MAX_MESSAGE_BYTES = 65_536

_LAST = b"last"
_POLL_S = 0.02
_PR_SET_DUMPABLE = 4
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_ERRORS: dict[str, type[ExchangeError]] = {"absent": Absent, "refused": Refused}


class SocketSigner:
    """The other end of the socket; see `Signer`."""

    def __init__(self, path: Path, verifier: PublicKey) -> None:
        self._path = path
        self._verifier = verifier

    @property
    def verifier(self) -> PublicKey:
        """The public key, as configured here: the process is not asked for it."""
        return self._verifier

    def last(self) -> bytes:
        """Return the last note it signed; see `Signer`."""
        return self._ask(_LAST)

    def sign(self, head: Checkpoint, old_size: int, proof: tuple[bytes, ...]) -> bytes:
        """Have `head` signed; see `Signer`."""
        return self._ask(encode_advance(old_size, proof, head.text.encode()))

    def _ask(self, question: bytes) -> bytes:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(TIMEOUT_S)
                connection.connect(str(self._path))
                _send(connection, question)
                status, _, rest = _receive(connection).partition(b"\n")
        except (OSError, Malformed) as error:
            raise Unavailable(f"the signer at {self._path} does not answer: {error}") from error
        if status == b"signed":
            return rest
        raise _ERRORS.get(status.decode(), Unavailable)(rest.decode())


def serve(signer: Signer, listening: socket.socket) -> None:
    """Answer one question at a time, for ever. Only the same user and root are answered."""
    while True:
        connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError, Malformed):
            connection.settimeout(TIMEOUT_S)
            if _caller(connection) in {0, os.geteuid()}:
                _send(connection, _answer(signer, _receive(connection)))


@contextmanager
def started(
    key: Path, memory: Path, path: Path, *options: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the process until the block ends; it answers at `path` when the block begins.

    It ends with this process too, even one that was killed, so that the next one can start its own.
    Raises Unavailable if it does not come up.
    """
    files = {"--key": key, "--memory": memory, "--socket": path}
    words = [word for option, file in files.items() for word in (option, str(file))]
    program = [sys.executable, "-m", "tocsin.exchange.signing", "--until-stdin-closes"]
    command = [*program, *words, *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:  # noqa: S603 - our own program, no shell
        try:
            _await(process, path)
            yield process
        finally:
            process.terminate()


class KeptSigner(SocketSigner):
    """The other end of a process of our own, which is started anew if it died. To be entered.

    What it remembers is on the disk, so the next one knows as much. `start` is `started`, of the
    same socket.
    """

    def __init__(
        self,
        path: Path,
        verifier: PublicKey,
        start: Callable[[], AbstractContextManager[subprocess.Popen[bytes]]],
    ) -> None:
        super().__init__(path, verifier)
        self._start = start
        self._lock = threading.Lock()
        self._stack = contextlib.ExitStack()  # Owned by _lock, as is the process.
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "KeptSigner":
        """Start the process. Raises Unavailable if it does not come up."""
        self._keep()
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        with self._lock:
            self._stack.close()

    def _ask(self, question: bytes) -> bytes:
        self._keep()
        return super()._ask(question)

    def _keep(self) -> None:
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._stack.close()
                self._process = self._stack.enter_context(self._start())


def listen(path: Path) -> socket.socket:
    """Open the socket, in place of one that a dead signer left. Only its owner may connect."""
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listening.bind(str(path))
    finally:
        os.umask(before)
    listening.listen(16)
    return listening


def leave_network() -> None:
    """Move into an empty network namespace. Raises Unavailable."""
    libc = ctypes.CDLL(None, use_errno=True)
    flags = _CLONE_NEWNET if os.geteuid() == 0 else _CLONE_NEWNET | _CLONE_NEWUSER
    if libc.unshare(flags):
        reason = os.strerror(ctypes.get_errno())
        raise Unavailable(
            f"the signer cannot leave the network: {reason}",
            advice="Allow user namespaces, or cut the network yourself and use --unsafe-network.",
        )


def main(arguments: list[str]) -> None:
    """Run a signer until it is killed."""
    parser = argparse.ArgumentParser(prog="tocsin.exchange.signing", description="Sign one log.")
    for name in ("key", "memory", "socket"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--unsafe-network", action="store_true")
    parser.add_argument("--until-stdin-closes", action="store_true")
    chosen = parser.parse_args(arguments)
    # No dumps, and no traces by others of this user: either would show the key.
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    try:
        signer = KeySigner(read_key(chosen.key), chosen.memory)
        listening = listen(chosen.socket)
        if not chosen.unsafe_network:
            leave_network()
    except (ExchangeError, OSError) as error:
        sys.exit(f"the signer cannot start: {error}")
    if chosen.until_stdin_closes:
        # Ctrl-C reaches all of a terminal's processes: whoever started this one ends it when done.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        threading.Thread(target=_leave_with_parent, daemon=True).start()
    serve(signer, listening)


def _leave_with_parent() -> None:
    """End the process when the pipe from whoever started it breaks: nobody else holds it.

    At once is as good as in order: the memory is durable before any signature leaves.
    """
    while os.read(0, 4096):
        pass
    os._exit(0)


def _await(process: subprocess.Popen[bytes], path: Path) -> None:
    last = time.monotonic() + TIMEOUT_S
    while process.poll() is None and time.monotonic() < last:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            return
        time.sleep(_POLL_S)
    raise Unavailable(f"the signer at {path} did not come up")


def _answer(signer: Signer, question: bytes) -> bytes:
    try:
        if question == _LAST:
            return b"signed\n" + signer.last()
        advance = decode_advance(question)
        head = Checkpoint.parse(advance.checkpoint.decode())
        return b"signed\n" + signer.sign(head, advance.old_size, advance.proof)
    except (ExchangeError, UnicodeDecodeError) as error:
        return f"{_status(error)}\n{error}".encode()


def _status(error: Exception) -> str:
    known = (status for status, kind in _ERRORS.items() if isinstance(error, kind))
    return next(known, "unavailable" if isinstance(error, Unavailable) else "refused")


def _caller(connection: socket.socket) -> int:
    """Return the user id of the process at the other end, as the kernel knows it."""
    size = struct.calcsize("3i")
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    return int(struct.unpack("3i", credentials)[1])


def _send(connection: socket.socket, message: bytes) -> None:
    connection.sendall(len(message).to_bytes(4) + message)


def _receive(connection: socket.socket) -> bytes:
    size = int.from_bytes(_receive_exactly(connection, 4))
    if size > MAX_MESSAGE_BYTES:
        raise Malformed(f"a message has at most {MAX_MESSAGE_BYTES} bytes, not {size}")
    return _receive_exactly(connection, size)


def _receive_exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise Malformed("the other end closed in the middle of a message")
        data += more
    return data


if __name__ == "__main__":
    main(sys.argv[1:])
