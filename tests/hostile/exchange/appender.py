"""Makes children that append to a log until they are done, or die: a program for the tests here.

A request is a line of JSON: the folder of the log, the sizes of the batches, whether the child
waits for SIGCONT before it begins, a limit on the size of files, and the socket of the signer if
that is a process of its own. Children are forked, so that each starts at once.
The answers are lines: the child's process id, and its exit code or minus the signal that ended it.
"""

import json
import os
import resource
import signal
import sys
import uuid
from pathlib import Path

from tocsin.exchange.committing import Parts
from tocsin.exchange.errors import ExchangeError
from tocsin.exchange.locking import open_locks
from tocsin.exchange.log import Log
from tocsin.exchange.signer import KeySigner, read_key
from tocsin.exchange.signing import SocketSigner
from tocsin.exchange.storage import LocalStorage

CANNOT_OPEN = 3
WAIT_S = 60


def append(folder: Path, batches: list[int], socket: str) -> int:
    """Append, and write down what was acknowledged before anything else happens."""
    acknowledged = os.open(folder / "acknowledged", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        key = read_key(folder / "key")
        signer = (
            SocketSigner(Path(socket), key.verifier)
            if socket
            else KeySigner(key, folder / "signer")
        )
        locks = open_locks(f"sqlite:///{folder / 'lock.db'}")
        log = Log(Parts(LocalStorage(folder / "log"), locks, signer))
    except ExchangeError:
        return CANNOT_OPEN
    for size in batches:
        entries = [uuid.uuid4().bytes for _ in range(size)]
        try:
            index = log.append(*entries).result(WAIT_S)
        except ExchangeError:
            continue
        lines = [f"{index + n} {entry.hex()}\n" for n, entry in enumerate(entries)]
        os.write(acknowledged, "".join(lines).encode())
    log.close()
    return 0


def child(request: dict) -> None:
    code = 1
    try:
        if request["file_bytes"]:
            resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_bytes"],) * 2)
        if request["waits"]:
            os.kill(os.getpid(), signal.SIGSTOP)
        code = append(Path(request["folder"]), request["batches"], request["socket"])
    finally:
        os._exit(code)


def say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            child(request)
        if request["waits"]:
            os.waitpid(pid, os.WUNTRACED)
        say(pid)
        status = os.waitpid(pid, 0)[1]
        say(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
