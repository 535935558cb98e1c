"""The hashes of a file's bytes: MD5, SHA-1 and SHA-256.

They find the very same file and nothing else. MD5 and SHA-1 are broken as proof of identity; they
are here because lists use them, and a forged collision can only cause a hit, never hide one.
"""

import hashlib
from threading import Thread

from tocsin.model import Signal, SignalType

_PARALLEL_BYTES = 256 * 1024
"""From this size on a second thread pays: MD5 alone takes longer than both others together."""


def file_signals(data: bytes) -> tuple[Signal, ...]:
    """Hash the bytes three times over: SHA-256, SHA-1 and MD5, in this order."""
    md5 = hashlib.md5(usedforsecurity=False)
    if len(data) < _PARALLEL_BYTES:
        md5.update(data)
        sha256, sha1 = _sha(data)
    else:
        beside = Thread(target=md5.update, args=(data,), name="md5")
        beside.start()
        sha256, sha1 = _sha(data)
        beside.join()
    return (
        Signal(SignalType.SHA256, sha256),
        Signal(SignalType.SHA1, sha1),
        Signal(SignalType.MD5, md5.digest()),
    )


def _sha(data: bytes) -> tuple[bytes, bytes]:
    sha1 = hashlib.sha1(data, usedforsecurity=False)
    return hashlib.sha256(data).digest(), sha1.digest()
