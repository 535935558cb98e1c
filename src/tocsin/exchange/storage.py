"""Where a log keeps its published objects: the contract, and a local folder that keeps it.

The folder can be served by any static file server, or copied to one. Beside `checkpoint` and
`tile/` it holds `staging/` (batches on their way) and `tmp/` (files being written), neither of
which needs to be served.
"""

import contextlib
import itertools
import os
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from tocsin.exchange.errors import Absent, Damaged, Unavailable
from tocsin.exchange.tree import Fetch

STALE_TEMPORARY_S = 3600
"""Age at which a file in `tmp/` belongs to a process that died: writing one takes milliseconds."""

TEMPORARY = "tmp"


class Storage(Fetch, Protocol):
    """A log's objects by path. Safe to call from several threads and processes.

    Trust: whoever can write here can destroy the log, but cannot change it unnoticed. Each method
    raises Unavailable where the outcome is unknown; all may be called again.
    """

    def put(self, objects: Mapping[str, bytes]) -> None:
        """Store immutable objects; on return all are durable. Storing the same bytes again is fine.

        Raises Damaged, and leaves the object as it is, if other bytes are stored under its path.
        """

    def replace(self, path: str, data: bytes) -> None:
        """Store an object that changes. Atomic: a reader sees the old or the new. Durable."""

    def names(self, prefix: str) -> Sequence[str]:
        """Return the sorted paths of all objects under a folder, "" for all."""

    def delete(self, paths: Sequence[str]) -> None:
        """Remove objects; absent ones are fine. Not durable: a deleted object may come back."""


class LocalStorage:
    """A folder. Each file is written elsewhere, synced, given its name, and the name synced."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        self._token = secrets.token_hex(4)
        # Folders whose names this object has made durable; they may be gone again.
        self._durable: set[Path] = set()
        with _translated(folder):
            (folder / TEMPORARY).mkdir(parents=True, exist_ok=True)
            self._drop_stale()

    def get(self, path: str) -> bytes:
        """Return an object; see `Fetch`."""
        with _translated(path):
            try:
                return self._locate(path).read_bytes()
            except (FileNotFoundError, NotADirectoryError) as error:
                raise Absent(f"{path} is not there") from error

    def put(self, objects: Mapping[str, bytes]) -> None:
        """Store immutable objects; see `Storage`."""
        touched = set()
        for path, data in objects.items():
            with _translated(path):
                target = self._locate(path)
                self._make_folder(target.parent)
                self._create(target, data)
                touched.add(target.parent)
        for folder in touched:
            with _translated(folder):
                _sync_folder(folder)

    def replace(self, path: str, data: bytes) -> None:
        """Store an object that changes; see `Storage`."""
        with _translated(path):
            target = self._locate(path)
            self._make_folder(target.parent)
            with self._written(data) as temporary:
                temporary.replace(target)
            _sync_folder(target.parent)

    def names(self, prefix: str) -> Sequence[str]:
        """Return the paths under a folder; see `Storage`."""
        with _translated(prefix):
            found = self._locate(prefix).rglob("*") if prefix else self._folder.rglob("*")
            paths = (one.relative_to(self._folder) for one in found if one.is_file())
            return sorted(str(path) for path in paths)

    def delete(self, paths: Sequence[str]) -> None:
        """Remove objects; see `Storage`. The folders of partial tiles go when they are empty."""
        for path in paths:
            with _translated(path):
                target = self._locate(path)
                target.unlink(missing_ok=True)
                if target.parent.suffix == ".p":
                    with contextlib.suppress(OSError):
                        target.parent.rmdir()

    def _locate(self, path: str) -> Path:
        """Find the file of a path. Paths are ours or a tile's, yet none may leave the folder."""
        parts = path.split("/")
        if any(part in {"", ".", ".."} for part in parts):
            raise Absent(f"{path!r} does not name an object")
        return self._folder.joinpath(*parts)

    def _create(self, target: Path, data: bytes) -> None:
        """Give the bytes a name that nobody has, or find the same bytes under it.

        A hard link, because unlike a rename it never takes the place of what is there.
        """
        with self._written(data) as temporary:
            try:
                target.hardlink_to(temporary)
            except FileExistsError:
                if target.read_bytes() != data:
                    raise Damaged(f"{target} holds other bytes than it must") from None

    @contextmanager
    def _written(self, data: bytes) -> Iterator[Path]:
        """Write and sync a file in `tmp/`; it is gone afterwards, unless it was moved.

        A file whose sync failed is never used nor synced again: the kernel may have dropped its
        pages and would then report success (PostgreSQL's "fsyncgate").
        """
        temporary = self._folder / TEMPORARY / f"{self._token}-{next(self._numbers)}"
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            try:
                _write_all(descriptor, data)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            yield temporary
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def _make_folder(self, folder: Path) -> None:
        """Make a folder and sync its name. An existing one too, once: its maker may have died."""
        if folder in self._durable and folder.is_dir():
            return
        if folder != self._folder:
            self._make_folder(folder.parent)
            folder.mkdir(exist_ok=True)
            _sync_folder(folder.parent)
        self._durable.add(folder)

    def _drop_stale(self) -> None:
        last = time.time() - STALE_TEMPORARY_S
        for temporary in (self._folder / TEMPORARY).iterdir():
            with contextlib.suppress(FileNotFoundError):
                if temporary.stat().st_mtime < last:
                    temporary.unlink()


def _write_all(descriptor: int, data: bytes) -> None:
    """Write everything: the kernel may take less at once."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translated(path: object) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror or error}") from error
