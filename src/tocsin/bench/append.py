"""Durable appends to one log of the exchange, by many submitters at once.

Everything is as in operation: files that are synced, a lock record in SQLite, the signer in a
process of its own. A submitter waits for each answer before it submits again; an answer means that
the entry is durable, signed for, and published. Afterwards the whole log is checked.
"""

import asyncio
import platform
import statistics
import tempfile
import time
from pathlib import Path

from tocsin.exchange.committing import Parts, create
from tocsin.exchange.errors import Damaged
from tocsin.exchange.fsck import check_log
from tocsin.exchange.keys import SigningKey
from tocsin.exchange.locking import open_locks
from tocsin.exchange.log import Log
from tocsin.exchange.signer import write_key
from tocsin.exchange.signing import SocketSigner, started
from tocsin.exchange.storage import LocalStorage

SUBMITTERS = 256
ENTRY_BYTES = 200
"""About what a leaf of the exchange has."""

_DISK = Path("/var/tmp")  # noqa: S108 - unlike /tmp never in memory; the folder in it is private
_ORIGIN = "bench.example/log"

Figure = float | int | str


def run(
    *,
    seconds: float = 5.0,
    submitters: int = SUBMITTERS,
    entry_bytes: int = ENTRY_BYTES,
    folder: Path = _DISK,
) -> dict[str, Figure]:
    """Append for some seconds on the disk of `folder`; times are in milliseconds.

    Raises Unavailable if the disk or the signer fails, Damaged if the log does not verify.
    """
    with tempfile.TemporaryDirectory(prefix="tocsin-append-", dir=folder) as name:
        home = Path(name)
        key = SigningKey.generate(_ORIGIN)
        write_key(home / "key", key)
        # The key protects nothing, and not every container lets a process leave the network.
        with started(home / "key", home / "memory", home / "socket", "--unsafe-network"):
            signer = SocketSigner(home / "socket", key.verifier)
            locks = open_locks(f"sqlite:///{home / 'lock.db'}")
            parts = Parts(LocalStorage(home / "log"), locks, signer)
            create(parts)
            figures = _measure(Log(parts), seconds, submitters, entry_bytes)
            _check(parts, int(figures["entries"]))
            locks.close()
    return figures


def _measure(log: Log, seconds: float, submitters: int, entry_bytes: int) -> dict[str, Figure]:
    heads: set[int] = set()
    waits_s: list[float] = []

    async def submit(first: int) -> None:
        entry = first
        while time.perf_counter() < end:
            begun = time.perf_counter()
            await asyncio.wrap_future(log.append(entry.to_bytes(entry_bytes)))
            waits_s.append(time.perf_counter() - begun)
            heads.add(log.head.checkpoint.size)
            entry += submitters

    async def submit_all() -> None:
        await asyncio.gather(*(submit(first) for first in range(submitters)))

    start = time.perf_counter()
    end = start + seconds
    asyncio.run(submit_all())
    took_s = time.perf_counter() - start
    log.close()
    steps = statistics.quantiles(waits_s, n=100)
    return {
        "appends_per_s": round(len(waits_s) / took_s),
        "entries": len(waits_s),
        "p50_ms": round(1000 * steps[49], 2),
        "p99_ms": round(1000 * steps[98], 2),
        "entries_per_commit": round(len(waits_s) / len(heads), 1),
        "submitters": submitters,
        "entry_bytes": entry_bytes,
        "machine": f"{platform.machine()} {platform.python_version()}",
    }


def _check(parts: Parts, entries: int) -> None:
    report = check_log(parts.storage, parts.locks, [parts.signer.verifier])
    if not report.clean or report.size != entries:
        raise Damaged(f"{entries} entries were acknowledged; the log of {report.size} is not clean")
