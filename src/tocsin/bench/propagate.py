"""From publishing an urgent signal to its being verified, indexed and matchable at every follower.

The exchange is `tocsin exchange serve` in a process of its own, over real HTTP on loopback, without
TLS. The followers are in a few other processes on the same machine and take their share of it. Most
are light: each has a line of the bell of its own and verifies every ring to the last byte, but has
no lists. The full nodes store, list, index and match. The clock runs from before the entry is
submitted, durable commit included. Frozen followers open a line and never read from it; signals
are published with and without them in turns, so that what they cost the others can be seen.

The peer has no push: HMA fetches on an interval, and 68 s passed from adding a hash to matching it
where it was measured; see docs/performance.md.
"""

import contextlib
import json
import os
import platform
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tocsin.app import now
from tocsin.bench.listening import LINES_OF_ONE, Orders, asking_for_the_bell
from tocsin.entries import statements
from tocsin.entries.envelope import NONCE_BYTES, EntryType, Position, seal
from tocsin.entries.parties import Kind, Role
from tocsin.entries.statements import Assert, Basis, MemberSaid, SignalSaid
from tocsin.errors import Damaged, Unavailable
from tocsin.model import CODE_BYTES, SignalType
from tocsin.operating.exchange import Exchange
from tocsin.sharing.remote import Remote

ROUNDS = 20
PAUSE_S = 1.0
"""Between two signals: each is told to everybody before the next."""

FULL_NODES = 4
PROCESSES = 2
"""Processes that light followers are divided among."""

PUBLISHER = "publisher"

_DISK = Path("/var/tmp")  # noqa: S108 - unlike /tmp never in memory; the folder in it is private
_ORIGIN = "bench.example/log"
_WARM_UP = 3
_TURNS = 4
_SMALL_BUFFER = 2048
_SETTLE_S = 3.0

Figure = float | int | str


@dataclass(frozen=True, slots=True)
class _Host:
    """An exchange that is served, and the keys of its members."""

    url: str
    policy: str
    keys: dict[str, Ed25519PrivateKey]

    def orders(self, members: Sequence[str], followers: int, *, full: bool, folder: Path) -> Orders:
        keys = tuple(self.keys[one].private_bytes_raw() for one in members)
        return Orders(
            self.url, _ORIGIN, self.policy, keys, tuple(members), followers, full, str(folder)
        )


def run(
    followers: int,
    *,
    full_nodes: int = FULL_NODES,
    frozen: int = 0,
    rounds: int = ROUNDS,
    pause_s: float = PAUSE_S,
    folder: Path = _DISK,
) -> dict[str, Figure]:
    """Ring the bell for so many followers, full nodes among them; times are in milliseconds.

    Raises Unavailable if a process does not come up, Damaged if a follower missed an entry.
    """
    full_nodes = min(full_nodes, followers)
    light = followers - full_nodes
    with (
        tempfile.TemporaryDirectory(prefix="tocsin-propagate-", dir=folder) as name,
        ExitStack() as stack,
    ):
        home = Path(name)
        count = -(-light // LINES_OF_ONE) + PROCESSES
        members = {"light": count, "full": full_nodes, "frozen": -(-frozen // LINES_OF_ONE)}
        host = stack.enter_context(_hosted(home / "exchange", members))
        crowds = [
            stack.enter_context(_started(one)) for one in _divide(host, light, full_nodes, home)
        ]
        for crowd in crowds:
            _await(crowd, "ready")
        _ring(host, _WARM_UP, pause_s)
        rung, beside = _ring_in_turns(host, frozen, rounds, pause_s)
        time.sleep(_SETTLE_S)
        arrivals = [one for crowd in crowds for one in _report(crowd)]
    took_ms = _compare(rung, arrivals)
    steps = statistics.quantiles(took_ms, n=100)
    return {
        "followers": followers,
        "full_nodes": full_nodes,
        "p50_ms": round(steps[49], 1),
        "p99_ms": round(steps[98], 1),
        "max_ms": round(max(took_ms), 1),
        **_beside_frozen(frozen, _compare(beside, arrivals)),
        "signals": rounds,
        "processes": len(crowds),
        "machine": f"{platform.machine()} {platform.python_version()} {os.cpu_count()} cores",
    }


def _divide(host: _Host, light: int, full_nodes: int, home: Path) -> list[Orders]:
    """Say what each process is to be."""
    members = [one for one in host.keys if one.startswith("light")]
    orders = []
    for number in range(PROCESSES):
        some = light // PROCESSES + (number < light % PROCESSES)
        own = members[number::PROCESSES][: -(-some // LINES_OF_ONE)]
        if some:
            orders.append(host.orders(own, some, full=False, folder=home))
    full = [one for one in host.keys if one.startswith("full")]
    if full_nodes:
        orders.append(host.orders(full, full_nodes, full=True, folder=home / "nodes"))
    return orders


def _ring_in_turns(
    host: _Host, frozen: int, rounds: int, pause_s: float
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Publish signals without frozen followers and, if there are to be any, as many beside them."""
    if not frozen:
        return _ring(host, rounds, pause_s), []
    alone, beside = [], []
    for _ in range(_TURNS):
        alone += _ring(host, -(-rounds // _TURNS), pause_s)
        with _frozen_lines(host, frozen):
            time.sleep(_SETTLE_S)  # To open lines is work, whoever they are of.
            beside += _ring(host, -(-rounds // _TURNS), pause_s)
        time.sleep(pause_s)
    return alone, beside


@contextmanager
def _frozen_lines(host: _Host, count: int) -> Iterator[None]:
    """Open lines of the bell from which nobody reads."""
    place = urlsplit(f"{host.url}/v1/bell?since=0")
    keys = [key for name, key in host.keys.items() if name.startswith("frozen")]
    with ExitStack() as stack:
        for number in range(count):
            line = stack.enter_context(socket.socket())
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
            line.connect((place.hostname or "", place.port or 0))
            line.sendall(asking_for_the_bell(place.geturl(), keys[number % len(keys)]))
        yield


def _beside_frozen(frozen: int, took_ms: Sequence[float]) -> dict[str, Figure]:
    if not took_ms:
        return {}
    steps = statistics.quantiles(took_ms, n=100)
    p50, p99 = round(steps[49], 1), round(steps[98], 1)
    return {"frozen": frozen, "p50_beside_frozen_ms": p50, "p99_beside_frozen_ms": p99}


def _ring(host: _Host, count: int, pause_s: float) -> list[tuple[int, int]]:
    """Publish signals one after the other; return index and moment of each."""
    key = host.keys[PUBLISHER]
    remote = Remote(host.url, key, local=True)
    after, rung = remote.position(), []
    for _ in range(count):
        said = Assert(
            signals=(
                SignalSaid(type=SignalType.PDQ, value=os.urandom(CODE_BYTES).hex(), quality=90),
            ),
            basis=Basis(kind="terms", reference="a benchmark"),
            expires_at=statements.moment(now() + timedelta(days=1)),
        )
        parcel = seal(
            statements.write(said),
            EntryType.ASSERT,
            origin=_ORIGIN,
            after=after,
            key=key,
            nonce=secrets.token_bytes(NONCE_BYTES),
            urgent=True,
        )
        began = time.monotonic_ns()
        (index,) = remote.submit([parcel])
        rung.append((index, began))
        after = Position(parcel.envelope.sequence, parcel.envelope.digest(_ORIGIN))
        time.sleep(pause_s)
    remote.close()
    return rung


def _compare(
    rung: Sequence[tuple[int, int]], arrivals: Sequence[Sequence[Sequence[int]]]
) -> list[float]:
    """Return how long each entry took to each follower. Raises Damaged where one never came."""
    took_ms = []
    for follower in arrivals:
        came: dict[int, int] = {}
        for index, at in follower:
            came.setdefault(index, at)
        missing = [index for index, _ in rung if index not in came]
        if missing:
            raise Damaged(f"a follower never had entries {missing[:5]}")
        took_ms += [(came[index] - began) / 1e6 for index, began in rung]
    return took_ms


@contextmanager
def _hosted(folder: Path, members: Mapping[str, int]) -> Iterator[_Host]:
    """Make an exchange with members, and serve it in a process of its own."""
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    names = [PUBLISHER, *(f"{kind}-{n}" for kind, many in members.items() for n in range(many))]
    keys = {name: Ed25519PrivateKey.generate() for name in names}
    with closing(Exchange.create(folder, origin=_ORIGIN, url=url, clock=now)) as exchange:
        policy = f"log {exchange.verifier}\nquorum none\n"
        exchange.say(*(_join(name, key) for name, key in keys.items())).result()
    command = [sys.executable, "-m", "tocsin.cli.main", "exchange", "serve", str(folder), "--json"]
    with _process([*command, "--port", str(port)]) as process:
        if process.stdout is None or not process.stdout.readline():
            raise Unavailable("the exchange did not start")
        yield _Host(url, policy, keys)


def _join(name: str, key: Ed25519PrivateKey) -> MemberSaid:
    return MemberSaid(
        action="join",
        member=name,
        kind=Kind.PLATFORM,
        roles=(Role.CONTRIBUTOR,),
        key=key.public_key().public_bytes_raw().hex(),
    )


@contextmanager
def _started(orders: Orders) -> Iterator[subprocess.Popen[str]]:
    with _process([sys.executable, "-m", "tocsin.bench.listening"]) as process:
        _tell(process, orders.text())
        yield process


@contextmanager
def _process(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    environ = {key: one for key, one in os.environ.items() if not key.startswith("TOCSIN_")}
    with subprocess.Popen(  # noqa: S603 - our own program, our own arguments
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ, text=True
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def _tell(process: subprocess.Popen[str], line: str) -> None:
    if process.stdin is None:
        raise Unavailable("a process has no input")
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(line + "\n")
        process.stdin.flush()


def _await(process: subprocess.Popen[str], word: str) -> None:
    if process.stdout is None or process.stdout.readline().strip() != word:
        raise Unavailable("followers of the benchmark did not come up")


def _report(process: subprocess.Popen[str]) -> list[Any]:
    _tell(process, "report")
    if process.stdout is None:
        raise Unavailable("a process has no output")
    found: list[Any] = json.loads(process.stdout.readline())
    return found
