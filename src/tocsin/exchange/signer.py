"""The signer: holds the log's key and never signs two histories, whoever asks.

It keeps the last checkpoint it signed, and signs a larger one only with a proof that the larger
tree extends the one it remembers. The memory is durable before the signature leaves: a signer that
was killed in between has forgotten nothing it may have said.
"""

import fcntl
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from tocsin.exchange.checkpoint import Checkpoint, SignedCheckpoint, open_checkpoint
from tocsin.exchange.errors import Absent, Forged, Refused, Unavailable
from tocsin.exchange.keys import Algorithm, PublicKey, SigningKey
from tocsin.exchange.merkle import check_consistency
from tocsin.exchange.note import sign_note
from tocsin.exchange.twin import Twin

_SECRET_BITS = 0o077
_UNTIMED = datetime(1970, 1, 1, tzinfo=UTC)
"""Ed25519 note signatures carry no time, so that signing again gives the same bytes."""


class Signer(Protocol):
    """Signs checkpoints of one log. Safe to call from several threads.

    Trust: whoever can call it can extend the log, and never rewrite it.
    """

    @property
    def verifier(self) -> PublicKey:
        """The public key; its name is the log's origin."""

    def last(self) -> bytes:
        """Return the last note it signed. Raises Absent if there is none, Unavailable."""

    def sign(self, head: Checkpoint, old_size: int, proof: tuple[bytes, ...]) -> bytes:
        """Return the signed note of `head`; signing the same head again returns the same bytes.

        `proof` shows consistency from `old_size`, which must be the size last signed. The first
        head must be that of the empty tree. Raises Refused, or Unavailable, after which the head
        may have been signed or not.
        """


class KeySigner:
    """A signer in this process: its key, and a folder of its own for what it signed last."""

    def __init__(self, key: SigningKey, folder: Path) -> None:
        if key.verifier.algorithm is not Algorithm.ED25519:
            raise Refused("a log signs with a plain Ed25519 key, not with a cosigner's")
        self._key = key
        self._lock = threading.Lock()
        self._alone = _lock_folder(folder)
        self._memory = Twin(folder / "last-signed")

    @property
    def verifier(self) -> PublicKey:
        """The public key; see `Signer`."""
        return self._key.verifier

    def last(self) -> bytes:
        """Return the last note it signed; see `Signer`."""
        return self._memory.read()

    def sign(self, head: Checkpoint, old_size: int, proof: tuple[bytes, ...]) -> bytes:
        """Sign `head`; see `Signer`."""
        with self._lock:
            # 1. Only this log.
            if head.origin != self.verifier.name:
                raise Refused(f"this key signs {self.verifier.name}, not {head.origin}")
            # 2. Never two heads of one size, never a smaller one, never an unproven larger one.
            self._check_extends(head, old_size, proof)
            # 3. Remember first, then say.
            note = sign_note(head.text, [self._key], _UNTIMED).encode()
            self._memory.write(note)
            return note

    def adopt(self, note: bytes) -> None:
        """Remember a note as signed: for a signer that lost its folder.

        The note must bear this key's signature and be larger than what is remembered. Whoever
        calls this answers for it that no larger one was ever signed; ask the witnesses first.
        Raises Refused, Malformed, Forged, Unverified.
        """
        with self._lock:
            adopted = open_checkpoint(note, [self.verifier])
            try:
                remembered = self._remembered()
            except Absent:
                pass
            else:
                known = remembered.checkpoint
                if adopted.checkpoint != known and adopted.checkpoint.size <= known.size:
                    raise Refused(f"size {known.size} was signed already")
            self._memory.write(note)

    def close(self) -> None:
        """Let another signer use the folder. May be called twice."""
        if self._alone >= 0:
            os.close(self._alone)
            self._alone = -1

    def _remembered(self) -> SignedCheckpoint:
        return open_checkpoint(self.last(), [self.verifier])

    def _check_extends(self, head: Checkpoint, old_size: int, proof: tuple[bytes, ...]) -> None:
        try:
            last = self._remembered().checkpoint
        except Absent:
            if head.size:
                raise Refused(
                    "nothing was signed yet, so the first head must be that of the empty tree"
                ) from None
            return
        if head == last:
            return
        if head.size <= last.size:
            raise Refused(f"size {last.size} was signed already, with another root or as a larger")
        if old_size != last.size:
            raise Refused(f"the proof must start at size {last.size}, which was signed last")
        try:
            check_consistency(last.size, last.root, head.size, head.root, proof)
        except Forged as error:
            raise Refused(f"size {head.size} does not extend size {last.size}: {error}") from error


def read_key(path: Path) -> SigningKey:
    """Read a key file, which only its owner may be able to read. Raises Refused, Malformed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise Unavailable(f"the key file {path}: {error.strerror}") from error
    with os.fdopen(descriptor, encoding="utf-8") as file:
        status = os.fstat(descriptor)
        if status.st_mode & _SECRET_BITS or status.st_uid != os.geteuid():
            raise Refused(f"the key file {path} must belong to this user, with mode 0600")
        return SigningKey.parse(file.read().strip())


def write_key(path: Path, key: SigningKey) -> None:
    """Write a key file with mode 0600. Raises Unavailable, also where the file exists."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{key.secret_text()}\n")
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise Unavailable(f"the key file {path}: {error.strerror}") from error


def _lock_folder(folder: Path) -> int:
    """Keep a second signer out: two memories of one key could each sign its own history."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unavailable(f"the signer's folder {folder}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise Refused(f"another signer uses {folder}") from error
    return descriptor
