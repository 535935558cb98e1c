"""A log under test: real parts in a folder, and a check of the whole log whenever a test is done.

The check is that of docs/spec/exchange-log.md, "What must always hold".
"""

import json
from collections import Counter
from pathlib import Path

import pytest

from tocsin.exchange.checkpoint import Checkpoint, SignedCheckpoint, open_checkpoint
from tocsin.exchange.committing import Parts, create
from tocsin.exchange.edge import Edge
from tocsin.exchange.errors import Absent, Unavailable
from tocsin.exchange.fsck import Remark, check_log
from tocsin.exchange.keys import Algorithm, SigningKey
from tocsin.exchange.locking import Locks, open_locks
from tocsin.exchange.log import Log
from tocsin.exchange.note import sign_note
from tocsin.exchange.policy import Policy
from tocsin.exchange.recovering import recover
from tocsin.exchange.signer import KeySigner, Signer, read_key, write_key
from tocsin.exchange.storage import LocalStorage
from tocsin.exchange.tree import Tree

ORIGIN = "exchange.example/log"
VECTORS = Path(__file__).parent / "vectors" / "exchange"


def vectors(name):
    """Read a file of test vectors."""
    return json.loads((VECTORS / f"{name}.json").read_text())


def cases(name, kind):
    """Return the valid or invalid vectors of a file, as parameters that bear their names."""
    return [
        pytest.param(one, id=one.get("fault", one.get("name", str(number))))
        for number, one in enumerate(vectors(name)[kind])
    ]


def an_entry(number):
    return f"entry {number}\n".encode()


class RecordingSigner:
    """A signer that also tells the test everything it ever signed."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self.signed: list[bytes] = []

    @property
    def verifier(self):
        return self._signer.verifier

    def last(self):
        return self._signer.last()

    def sign(self, head, old_size, proof):
        note = self._signer.sign(head, old_size, proof)
        self.signed.append(note)
        return note


class WatchedLog:
    """A log in a folder of its own, and what was promised about it."""

    def __init__(self, folder: Path, locks: Locks | None = None) -> None:
        self.folder = folder
        fresh = not (folder / "key").exists()
        if fresh:
            write_key(folder / "key", SigningKey.generate(ORIGIN))
        self.key = read_key(folder / "key")
        self.key_signer = KeySigner(self.key, folder / "signer")
        self.signer = RecordingSigner(self.key_signer)
        self.storage = LocalStorage(folder / "log")
        self.locks = locks or open_locks(f"sqlite:///{folder / 'lock.db'}")
        self.parts = Parts(self.storage, self.locks, self.signer)
        self.acknowledged: dict[int, bytes] = {}
        if fresh:
            create(self.parts)

    def close(self) -> None:
        """Let another process use the folder."""
        self.key_signer.close()
        self.locks.close()

    def open(self, **replaced) -> Log:
        return Log(self.replaced(**replaced))

    def replaced(self, **replaced) -> Parts:
        """The parts, some of them replaced, all signing under the same watch."""
        known = {"storage": self.storage, "locks": self.locks, "signer": self.signer}
        return Parts(**(known | replaced))

    def append(self, log: Log, *entries: bytes) -> int:
        """Append and wait; what was answered is a promise from here on."""
        index = log.append(*entries).result(30)
        self.acknowledged |= dict(enumerate(entries, start=index))
        return index

    def fill(self, size: int) -> None:
        """Append numbered entries up to `size`, in batches."""
        log = self.open()
        for start in range(log.head.checkpoint.size, size, 1000):
            self.append(log, *(an_entry(n) for n in range(start, min(start + 1000, size))))
        log.close()

    @property
    def policy(self) -> Policy:
        return Policy.parse(f"log {self.key.verifier}\nquorum none\n".encode())

    def head(self) -> SignedCheckpoint:
        return open_checkpoint(self.storage.get("checkpoint"), [self.key.verifier])

    def tree(self) -> Tree:
        return Tree(self.storage, self.head().checkpoint)

    def check(self) -> list[bytes]:
        """Recover as a restart would, check everything, and return the entries."""
        recover(self.parts)
        report = check_log(self.storage, self.locks, [self.key.verifier])
        # What a writer that died was just writing may lie there for a while, and nothing else.
        left = {Remark.STAGING, Remark.TEMPORARY}
        assert [one for one in report.findings if one.kind not in left] == [], report.findings
        tree = self.tree()
        entries = list(tree.entries(0, tree.size))
        # 1. What was acknowledged is there; 2. nothing that differs stands there twice.
        assert {index: entries[index] for index in self.acknowledged} == self.acknowledged
        assert max(Counter(entries).values(), default=0) <= 1
        # 3. No two roots of one size were signed, and all that was signed is part of this log.
        for note in self.signer.signed:
            head = open_checkpoint(note, [self.key.verifier]).checkpoint
            assert tree.root_at(head.size) == head.root
        return entries


class Faulty:
    """Any part of a log, failing at its calls of the given numbers, before or after the work."""

    def __init__(self, part, *, fail_at, after=False, count=None) -> None:
        self._part = part
        self._fail_at = fail_at
        self._after = after
        self.count = count if count is not None else Counter()

    def __getattr__(self, name):
        found = getattr(self._part, name)
        return self._call(found) if callable(found) else found

    def _call(self, function):
        def call(*arguments):
            self.count["calls"] += 1
            fails = self.count["calls"] == self._fail_at
            if fails and not self._after:
                raise Unavailable("a fault of the test, before the work")
            result = function(*arguments)
            if fails:
                raise Unavailable("a fault of the test, after the work")
            return result

        return call


class Objects(dict):
    """A log's objects in memory; see `Fetch`."""

    def get(self, path):
        try:
            return self[path]
        except KeyError:
            raise Absent(path) from None


def log_in_memory(size, start=0, origin=ORIGIN):
    """Make the objects and the head of a log of numbered entries, unsigned."""
    growth = Edge().grow(an_entry(start + number) for number in range(size))
    return Objects(growth.objects), Checkpoint(origin, size, growth.edge.root)


def signed(head, key, at):
    """Sign a head."""
    return sign_note(head.text, [key], at).encode()


def cosigner(name):
    return SigningKey.generate(name, Algorithm.COSIGNATURE)
