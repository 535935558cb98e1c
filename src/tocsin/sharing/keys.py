"""The keys of this node as a member: one file for each exchange, readable by its owner alone."""

import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tocsin.errors import ConfigurationError, Conflict, Unavailable

SUFFIX = ".key"


class MemberKeys:
    """The key files in a folder, by the name of the exchange."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def make(self, name: str) -> Ed25519PrivateKey:
        """Make a key and keep it. Raises Conflict where there is one, Unavailable."""
        key = Ed25519PrivateKey.generate()
        self.keep(name, key)
        return key

    def keep(self, name: str, key: Ed25519PrivateKey) -> None:
        """Keep a key that was made elsewhere. Raises Conflict where there is one, Unavailable."""
        text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path = self._path(name)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(number, "wb") as file:  # noqa: PTH123 - a descriptor, made private above
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError as error:
            raise Conflict(f"there is a key {path} already") from error
        except OSError as error:
            raise Unavailable(f"{path} cannot be written: {error.strerror}") from error

    def read(self, name: str) -> Ed25519PrivateKey | None:
        """Return the key for an exchange, None where there is none. Raises ConfigurationError."""
        path = self._path(name)
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
        """Remove a key. What it signed stays."""
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{SUFFIX}"
