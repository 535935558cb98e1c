"""The folder of an exchange: what lies where, and who may open it.

One process at a time has it open. The kernel lets go of the lock when that process dies, however it
dies, so nothing needs to be cleared away by hand.
"""

import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tocsin.entries.translating import translated
from tocsin.errors import Conflict, Damaged, Unavailable
from tocsin.exchange.keys import SigningKey
from tocsin.exchange.signer import read_key, write_key
from tocsin.operating.settings import FILE, Settings, check_settings, read_settings, settings_text


@dataclass(frozen=True, slots=True)
class Folder:
    """Where the parts of an exchange lie."""

    path: Path

    @property
    def settings(self) -> Path:
        """The operator's settings."""
        return self.path / FILE

    @property
    def log(self) -> Path:
        """The published objects; this folder alone may be served to anybody."""
        return self.path / "log"

    @property
    def lock(self) -> Path:
        """The lock record, where no other database is named."""
        return self.path / "lock.db"

    @property
    def signing_key(self) -> Path:
        """The log's key. Only the signer's process reads it."""
        return self.path / "signer" / "key"

    @property
    def signer_memory(self) -> Path:
        """What the signer remembers."""
        return self.path / "signer" / "memory"

    @property
    def operator_key(self) -> Path:
        """The operator's key as a member."""
        return self.path / "operator.key"

    @property
    def contents(self) -> Path:
        """The entries' contents, invitations and errands."""
        return self.path / "payloads.db"

    @property
    def requests(self) -> Path:
        """The nonces of signed requests."""
        return self.path / "requests.db"

    @property
    def register(self) -> Path:
        """The register as it was written down last."""
        return self.path / "register.json"


def make(
    path: Path, *, origin: str, url: str, operator: str = "operator", **more: object
) -> Folder:
    """Make the folder of a new exchange, with its keys. One that was cut short may be repeated.

    Raises Conflict where there is an exchange already, ConfigurationError, Unavailable.
    """
    folder = Folder(path)
    if folder.settings.exists():
        raise Conflict(f"{path} holds an exchange already", code="exists")
    try:
        folder.signing_key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"{path} cannot be made: {error.strerror}") from error
    with translated():
        if not folder.signing_key.exists():
            write_key(folder.signing_key, SigningKey.generate(origin))
        key = read_key(folder.signing_key).verifier
    if not folder.operator_key.exists():
        write_secret(folder.operator_key, Ed25519PrivateKey.generate())
    chosen = {"origin": origin, "url": url, "key": str(key), "operator": operator, **more}
    # The settings come last: a folder without them was not finished. A `lock_url` may hold secrets.
    write_durably(folder.settings, settings_text(check_settings(chosen)).encode(), mode=0o600)
    return folder


def open_settings(folder: Folder) -> Settings:
    """Read the settings of an exchange. Raises ConfigurationError."""
    return read_settings(folder.settings)


def lock_folder(folder: Folder) -> int:
    """Keep a second exchange out; return the descriptor to close. Raises Conflict, Unavailable."""
    try:
        descriptor = os.open(folder.path / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unavailable(f"{folder.path}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise Conflict(
            f"another process has the exchange in {folder.path} open",
            advice="Stop it first.",
            code="in_use",
        ) from error
    return descriptor


def read_secret(path: Path) -> Ed25519PrivateKey:
    """Read a member's private key (PEM, PKCS 8). Raises Unavailable, Damaged."""
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise Unavailable(f"the key {path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise Damaged(f"{path} holds no private key") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Damaged(f"the key {path} is not an Ed25519 key")
    return key


def write_secret(path: Path, key: Ed25519PrivateKey) -> None:
    """Write a member's private key, readable by its owner alone. Raises Unavailable."""
    write_durably(
        path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), mode=0o600
    )


def write_durably(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Replace a small file whole, or not at all. Raises Unavailable."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        with suppress(FileNotFoundError):
            fresh.unlink()
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        fresh.replace(path)
        parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise Unavailable(f"{path} cannot be written: {error.strerror}") from error
