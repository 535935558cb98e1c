"""A whole node over HTTP: photos with the sandbox and all views, look-ups, batches.

The node is `tocsin serve` in a process of its own, one worker, SQLite on this disk, every answer
recorded durably before it is given. The client is on the same machine and takes its share of it.
Photos are JPEGs sent one after the other on one connection; look-ups are single PDQ hashes that
nobody knows, over many connections.

The peer's figures are not from this run: they are those of Meta's HMA 1.1.7 with a million PDQ
hashes, one worker, no sandbox, measured by its own on a like machine with two cores.
"""

import http.client
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TypedDict

from tocsin.bench.asking import ask
from tocsin.bench.filling import fill, now
from tocsin.bench.serving import served
from tocsin.errors import Unavailable
from tocsin.keys import Keys, Scope
from tocsin.model import CODE_BYTES
from tocsin.recording.store import Store
from tocsin.sample import encode, picture

HMA = {
    "photo_p50_ms": {"640": 8.7, "1280": 24.0, "4000": 218.0},
    "lookups_per_s": 356,
}
"""HMA 1.1.7, measured on its own; see above."""

SIZES = {640: 80, 1280: 60, 4000: 24}
"""Long sides in pixels, and how many photos of each are timed."""

CONNECTIONS = 32
BATCH = 10_000

_DISK = Path("/var/tmp")  # noqa: S108 - unlike /tmp never in memory; the folder in it is private
_PICTURES = 3
_WARM_UP = 5
_BATCHES = 8
_HASHES = 4096

Figure = float | int | str | dict[str, float] | dict[str, object]


class _Lookups(TypedDict):
    """Look-ups a second, and how long one took."""

    per_s: float
    p50_ms: float
    p99_ms: float


def run(
    signals: int,
    *,
    seconds: float = 5.0,
    connections: int = CONNECTIONS,
    photos: Mapping[int, int] = MappingProxyType(SIZES),
    folder: Path = _DISK,
) -> dict[str, Figure]:
    """Measure a node with so many signals. Times are in milliseconds.

    `photos`: how many of each long side in pixels are timed.

    Raises Unavailable when the node does not start or answers anything but 200.
    """
    with tempfile.TemporaryDirectory(prefix="tocsin-http-", dir=folder) as name:
        data = Path(name)
        token = _prepared(data, signals)
        with served(data) as node:
            client = _Client(node.host, node.port, token)
            photo_ms = {str(size): client.photo_ms(size, count) for size, count in photos.items()}
            hashes = client.lookups(client.by_hash, connections, seconds)
            raw = client.lookups(client.by_raw_lookup, connections, seconds)
            batch = client.batch_hashes_per_s()
    return {
        "photo_p50_ms": photo_ms,
        "lookups_per_s": round(hashes["per_s"]),
        "lookup_p50_ms": hashes["p50_ms"],
        "lookup_p99_ms": hashes["p99_ms"],
        "raw_lookups_per_s": round(raw["per_s"]),
        "batch_hashes_per_s": round(batch),
        "signals": signals,
        "connections": connections,
        "peer": "HMA 1.1.7, its own figures on a like machine, without a sandbox",
        "peer_figures": dict(HMA),
        "machine": f"{platform.machine()} {platform.python_version()} {os.cpu_count()} cores",
    }


def _prepared(data: Path, signals: int) -> str:
    """Fill a data folder; return the token of a key for it."""
    store = Store(f"sqlite:///{data / 'tocsin.db'}")
    try:
        fill(store, data / "index", signals)
        return Keys(store, now).create("bench", [Scope.SCREEN], actor="bench").token
    finally:
        store.close()


class _Client:
    """What a platform's program would send."""

    def __init__(self, host: str, port: int, token: str) -> None:
        self._host = host
        self._port = port
        self._token = token

    def photo_ms(self, size: int, count: int) -> float:
        """Screen photos one after the other; return the median time of an answer."""
        pictures = [picture(number, (size, size * 3 // 4)) for number in range(_PICTURES)]
        files = [encode(one, "JPEG", quality=90) for one in pictures]
        took = []
        connection = http.client.HTTPConnection(self._host, self._port)
        for number in range(_WARM_UP + count):
            began = time.perf_counter()
            self._post(connection, "/v1/screen/file", files[number % _PICTURES], "image/jpeg")
            took.append(time.perf_counter() - began)
        connection.close()
        return round(1000 * statistics.median(took[_WARM_UP:]), 2)

    def batch_hashes_per_s(self) -> float:
        """Screen batches one after the other; return the hashes answered in a second."""
        bodies = [
            json.dumps({"type": "pdq", "signals": [_hash() for _ in range(BATCH)]}).encode()
            for _ in range(_BATCHES)
        ]
        connection = http.client.HTTPConnection(self._host, self._port)
        took = []
        for body in bodies:
            began = time.perf_counter()
            self._post(connection, "/v1/screen/batch", body, "application/json")
            took.append(time.perf_counter() - began)
        connection.close()
        return BATCH / statistics.median(took)

    def lookups(self, make: Callable[[str], bytes], connections: int, seconds: float) -> _Lookups:
        """Ask about single hashes as fast as they are answered."""
        requests = [make(_hash()) for _ in range(_HASHES)]
        ask(self._host, self._port, requests, connections=connections, seconds=1.0)
        answers = ask(self._host, self._port, requests, connections=connections, seconds=seconds)
        if set(answers.statuses) != {200}:
            raise Unavailable(f"the node answered {dict(answers.statuses)}")
        steps = statistics.quantiles(answers.took_s, n=100)
        per_s = len(answers.took_s) / seconds
        return {
            "per_s": per_s,
            "p50_ms": round(1000 * steps[49], 2),
            "p99_ms": round(1000 * steps[98], 2),
        }

    def by_hash(self, signal: str) -> bytes:
        """Make the request of our own API."""
        body = json.dumps({"signals": [{"type": "pdq", "signal": signal}]}).encode()
        return self._head("POST /v1/screen/hashes", f"Content-Length: {len(body)}") + body

    def by_raw_lookup(self, signal: str) -> bytes:
        """Make the request that HMA's clients make."""
        return self._head(f"GET /m/raw_lookup?signal_type=pdq&signal={signal}")

    def _head(self, line: str, *more: str) -> bytes:
        kind = "Content-Type: application/json"
        lines = (f"{line} HTTP/1.1", "Host: bench", f"Authorization: Bearer {self._token}", kind)
        return "\r\n".join((*lines, *more, "", "")).encode()

    def _post(
        self, connection: http.client.HTTPConnection, path: str, body: bytes, kind: str
    ) -> None:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": kind}
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise Unavailable(f"the node answered {answer.status}: {said[:200]!r}")


def _hash() -> str:
    return os.urandom(CODE_BYTES).hex()
