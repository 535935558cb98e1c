"""Makes children that submit to an exchange until they are killed. One request a line on stdin.

Forked from a process that has everything imported, so that a trial takes a fraction of a second.
"""

import json
import os
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchanges import Person, Running, an_item
from tocsin.entries.statements import Erase
from tocsin.errors import TocsinError


def submit_for_ever(running, name, key, start, acknowledged):
    """One member: items one after the other, and now and then the erasure of one."""
    person = Person(running, name, Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key)))
    start.wait()
    for number in range(100_000):
        chain = person.chain(*(an_item(number, note=f"{name} {os.getpid()}") for _ in range(3)))
        try:
            answers = person.submit(*chain)
            for answer, parcel in zip(answers, chain, strict=True):
                told = f"{answer.index} {answer.leaf.hex()} {parcel.payload.hex()}\n"
                os.write(acknowledged, told.encode())
            if number % 4 == 3:
                of = answers[0].index
                person.submit(person.seal(Erase(of=of, reason="error")))
                os.write(acknowledged, f"erased {of}\n".encode())
        except TocsinError:
            continue


def run(request):
    """Be a child."""
    folder = Path(request["folder"])
    running = Running(folder / "exchange")
    acknowledged = os.open(folder / "acknowledged", os.O_WRONLY | os.O_APPEND)
    keys = json.loads((folder / "members.json").read_text())
    start = threading.Barrier(len(keys))
    threads = [
        threading.Thread(target=submit_for_ever, args=(running, name, key, start, acknowledged))
        for name, key in keys.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main():
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            run(json.loads(line))
            os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
