"""A small value kept twice in one file, each copy synced before the other is touched.

A crash leaves at most one copy torn, and then the other holds the value before the write that never
returned, or the one of that write. A bit that flips at rest costs one copy. A file replaced by
renaming was rejected: it waits for the file system's journal, which takes ten times as long.

The file has two blocks of 4,096 bytes, each: SHA-256 of what follows in use (32 bytes), sequence
number (8), length (4), value.
"""

import os
import struct
from hashlib import sha256
from pathlib import Path

from tocsin.exchange.errors import Absent, Damaged, Malformed, Unavailable

BLOCK_BYTES = 4096

_HEAD = struct.Struct(">QI")
_SUM_BYTES = sha256().digest_size
MAX_VALUE_BYTES = BLOCK_BYTES - _SUM_BYTES - _HEAD.size


class Twin:
    """The value in one file. Not thread-safe, and for one process at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> bytes:
        """Return the value. Raises Absent if none was ever written, Damaged, Unavailable."""
        return self._newest()[1]

    def write(self, value: bytes) -> None:
        """Replace the value; durable on return. Raises Unavailable, Damaged, Malformed."""
        if len(value) > MAX_VALUE_BYTES:
            raise Malformed(f"a value has at most {MAX_VALUE_BYTES} bytes, not {len(value)}")
        try:
            sequence = self._newest()[0] + 1
        except Absent:
            sequence = 1
            self._create()
        body = _HEAD.pack(sequence, len(value)) + value
        block = (sha256(body).digest() + body).ljust(BLOCK_BYTES, b"\0")
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
            try:
                for offset in (0, BLOCK_BYTES):
                    if os.pwrite(descriptor, block, offset) != BLOCK_BYTES:
                        raise Unavailable(f"{self._path}: the block was written in part")
                    os.fdatasync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise Unavailable(f"{self._path}: {error.strerror}") from error

    def _newest(self) -> tuple[int, bytes]:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError as error:
            raise Absent(f"{self._path} holds no value") from error
        except OSError as error:
            raise Unavailable(f"{self._path}: {error.strerror}") from error
        if not data.strip(b"\0"):
            raise Absent(f"{self._path} holds no value")
        copies = [_decode(data[at : at + BLOCK_BYTES]) for at in (0, BLOCK_BYTES)]
        whole = [copy for copy in copies if copy is not None]
        if not whole:
            raise Damaged(f"neither copy of the value in {self._path} is whole")
        return max(whole)

    def _create(self) -> None:
        """Make the empty file, and both its length and its name durable."""
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.pwrite(descriptor, bytes(2 * BLOCK_BYTES), 0)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise Unavailable(f"{self._path}: {error.strerror}") from error


def _decode(block: bytes) -> tuple[int, bytes] | None:
    """Return a copy's sequence number and value; None if it is torn, damaged or not yet written."""
    if len(block) < _SUM_BYTES + _HEAD.size:
        return None
    body = block[_SUM_BYTES:]
    sequence, length = _HEAD.unpack_from(body)
    used = body[: _HEAD.size + length]
    if len(used) != _HEAD.size + length or sha256(used).digest() != block[:_SUM_BYTES]:
        return None
    return sequence, used[_HEAD.size :]
