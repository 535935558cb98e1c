"""Files that are either there, whole and on the disk, or not there at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

UNFINISHED = ".unfinished"
"""Suffix of a file that is being written; such files are left over only by a crash."""


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that appears under its name only when the block ends without error.

    On return its bytes and its name are on the disk: file synced, renamed over whatever was there,
    folder synced. On an error nothing is left. Raises OSError.
    """
    unfinished = path.with_name(path.name + UNFINISHED)
    try:
        with unfinished.open("w+b", buffering=0) as file:
            yield file
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make what was created, renamed or removed in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
