"""The keys of this node as a member: one file for each exchange, readable by its owner alone.

While a key is changed there are two: the next one until it is used, the old one until it is
revoked. Every step is one name in the folder that appears, moves or goes, and is on the disk before
the next.
"""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from tempfile import NamedTemporaryFile

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tocsin.errors import ConfigurationError, Conflict, Unavailable
from tocsin.matching.durable import sync_folder


class Which(StrEnum):
    """Which key of an exchange, as its file ends: no name of an exchange has a dot."""

    PRESENT = ".key"
    NEXT = ".key.next"
    OLD = ".key.old"


class MemberKeys:
    """The key files in a folder, by the name of the exchange."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def make(self, name: str, which: Which = Which.PRESENT) -> Ed25519PrivateKey:
        """Make a key and keep it. Raises Conflict where there is one, Unavailable."""
        key = Ed25519PrivateKey.generate()
        self.keep(name, key, which)
        return key

    def keep(self, name: str, key: Ed25519PrivateKey, which: Which = Which.PRESENT) -> None:
        """Keep a key that was made elsewhere. Raises Conflict where there is one, Unavailable."""
        text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path = self._path(name, which)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with NamedTemporaryFile(dir=self._folder, prefix=f".{name}.") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
                # It appears whole, and never in place of another.
                path.hardlink_to(file.name)
            sync_folder(self._folder)
        except FileExistsError as error:
            raise Conflict(f"there is a key {path} already") from error
        except OSError as error:
            raise Unavailable(f"{path} cannot be written: {error.strerror}") from error

    def read(self, name: str, which: Which = Which.PRESENT) -> Ed25519PrivateKey | None:
        """Return a key for an exchange, None where there is none. Raises ConfigurationError."""
        path = self._path(name, which)
        try:
            mode, text = path.stat().st_mode, path.read_bytes()
            key = load_pem_private_key(text, None)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"{path} cannot be read: {error}") from error
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigurationError(f"{path} can be read by others; use `chmod 600 {path}`")
        if not isinstance(key, Ed25519PrivateKey):
            raise ConfigurationError(f"{path} does not hold an Ed25519 key")
        return key

    def drop(self, name: str) -> None:
        """Remove all keys for an exchange. What they signed stays."""
        cut_short = self._folder.glob(f".{name}.*")
        for path in (*cut_short, *(self._path(name, which) for which in Which)):
            path.unlink(missing_ok=True)

    def uses(self, name: str, key: Ed25519PrivateKey) -> bool:
        """Whether a key is the present one. Raises ConfigurationError."""
        present = self.read(name)
        return present is not None and raw(present) == raw(key)

    def mark(self, name: str) -> tuple[int, int] | None:
        """Return what is another once the present key, or who may read its file, is changed."""
        try:
            found = self._path(name).stat()
        except OSError:
            return None
        return found.st_ino, found.st_ctime_ns

    def changing(self, name: str) -> bool:
        """Whether a change of the key was begun and not finished."""
        return any(self._path(name, one).exists() for one in (Which.NEXT, Which.OLD))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let one process at a time change keys; the system ends it with the process.

        Raises Conflict while another does, Unavailable.
        """
        try:
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise Unavailable(f"{self._folder} cannot be read: {error.strerror}") from error
        try:
            _lock(folder)
            yield
        finally:
            os.close(folder)

    def use_next(self, name: str) -> None:
        """Make the next key the present one, and keep that as the old one. Raises Unavailable."""
        present, old = self._path(name), self._path(name, Which.OLD)
        try:
            # Under both names first: at no moment is there no present key.
            with suppress(FileExistsError):
                old.hardlink_to(present)
            sync_folder(self._folder)
            self._path(name, Which.NEXT).replace(present)
            sync_folder(self._folder)
        except OSError as error:
            raise Unavailable(f"{present} cannot be replaced: {error.strerror}") from error

    def drop_old(self, name: str) -> None:
        """Remove the old key, once it is revoked. Raises Unavailable."""
        old = self._path(name, Which.OLD)
        try:
            old.unlink(missing_ok=True)
            sync_folder(self._folder)
        except OSError as error:
            raise Unavailable(f"{old} cannot be removed: {error.strerror}") from error

    def _path(self, name: str, which: Which = Which.PRESENT) -> Path:
        return self._folder / f"{name}{which}"


def _lock(folder: int) -> None:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Conflict(
            "another process is changing a key of this node", advice="Wait until it is done."
        ) from error


def raw(key: Ed25519PrivateKey) -> bytes:
    """Return the public half of a key."""
    return key.public_key().public_bytes_raw()
