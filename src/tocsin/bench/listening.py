"""Followers of an exchange, many in one process: the other end of `tocsin bench propagate`.

    python -m tocsin.bench.listening

Its orders are one line of JSON on the standard input. It says `ready` when all lines of the bell
are open, and at the next line of input says when each entry was there: for light followers, when
the ring was verified (checkpoint, leaves, issuer's signature, commitment, judgement) and noted in a
register of their own; for full nodes, when its hash matched.
"""

import asyncio
import gc
import json
import secrets
import sys
import time
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import httptools
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tocsin.app import now
from tocsin.entries.requests import sign
from tocsin.errors import Unavailable
from tocsin.exchange.reading import Advanced, Reader
from tocsin.lists.indices import Indices
from tocsin.lists.recognising import Recogniser
from tocsin.lists.rules import Rules
from tocsin.model import Signal, SignalType, View
from tocsin.recording.store import Store
from tocsin.sharing import view as views
from tocsin.sharing.answers import Ring, ring_of
from tocsin.sharing.catching import catch_up
from tocsin.sharing.checkers import Checkers
from tocsin.sharing.effects import Listing
from tocsin.sharing.entrusting import Entrusted, ExchangeRules
from tocsin.sharing.events import events
from tocsin.sharing.following import Following
from tocsin.sharing.remote import Remote
from tocsin.sharing.replaying import Checked
from tocsin.sharing.settings import Followed, Terms
from tocsin.sharing.verifying import check
from tocsin.trust.standing import Standing

LINES_OF_ONE = 16
"""Lines that one member opens; an exchange allows it 32."""

NAME = "bench"
_OPENING_AT_ONCE = 64
_OPEN_S = 60.0
_POLL_S = 0.01

Arrivals = list[tuple[int, int]]
"""Index of an entry, and the moment it was there, in nanoseconds of the machine's steady clock."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What a process is to be. `keys` are the private keys of the members that it listens as."""

    url: str
    origin: str
    policy: str
    keys: tuple[bytes, ...]
    members: tuple[str, ...]
    followers: int
    full: bool
    folder: str

    @classmethod
    def parse(cls, text: str) -> "Orders":
        """Read what `text` wrote."""
        fields = json.loads(text)
        keys = tuple(bytes.fromhex(one) for one in fields.pop("keys"))
        return cls(keys=keys, members=tuple(fields.pop("members")), **fields)

    def text(self) -> str:
        """Write the orders, on one line."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps(fields | {"keys": [key.hex() for key in self.keys]})

    def followed(self, member: str) -> Followed:
        """Return the exchange as one of the members follows it."""
        return Followed(1, NAME, self.origin, self.url, self.policy, member, Terms(), True, 0)


def asking_for_the_bell(url: str, key: Ed25519PrivateKey) -> bytes:
    """Return a signed request, as it goes over the wire."""
    headers = sign("GET", url, key=key, at=now(), nonce=secrets.token_urlsafe(18))
    place = urlsplit(url)
    lines = [f"GET {place.path}?{place.query} HTTP/1.1", f"Host: {place.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


class LightFollower(asyncio.Protocol):
    """One line of the bell, verified to the last byte, without lists or a database."""

    def __init__(self, orders: Orders, view: views.View, key: Ed25519PrivateKey) -> None:
        self._orders = orders
        self._view = view
        self._key = key
        self._parser = httptools.HttpResponseParser(self)
        self._rest = b""
        self.arrivals: Arrivals = []
        self.open = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the bell."""
        url = f"{self._orders.url}/v1/bell?since={self._view.size}"
        if isinstance(transport, asyncio.WriteTransport):
            transport.write(asking_for_the_bell(url, self._key))

    def data_received(self, data: bytes) -> None:
        """Take what the exchange says."""
        self._parser.feed_data(data)

    def connection_lost(self, error: Exception | None) -> None:
        """Note the end: nothing more arrives here, and the figures will say so."""
        if not self.open.done():
            self.open.set_exception(Unavailable("the exchange hung up"))

    def on_body(self, body: bytes) -> None:
        """Take a piece of the stream: the first says that the line is open."""
        if self._parser.get_status_code() != 200:
            raise Unavailable(f"the bell answers {self._parser.get_status_code()}: {body[:200]!r}")
        if not self.open.done():
            self.open.set_result(None)
        whole, end, self._rest = (self._rest + body).rpartition(b"\n\n")
        for event in events([whole + end]):
            if event.name == "ring":
                self._verify(ring_of(event.data))

    def _verify(self, ring: Ring) -> None:
        """Do all that `Follower` does but the database."""
        view = self._view
        signed = view.followed.log.open(ring.checkpoint)
        edge = view.grown(ring.leaves, signed.checkpoint) if ring.old == view.size else None
        if edge is None:
            return
        batch = view.batch(ring.leaves, ring.contents)
        findings = check(batch)
        page = view.page(Checked(ring.old, ring.leaves, ring.contents, findings), now())
        view.edge = edge
        at = time.monotonic_ns()
        self.arrivals += [(one.entry, at) for one in page.chunk.effects if isinstance(one, Listing)]


class FullNode:
    """A node with database, lists, indices and trust, that follows in threads of its own."""

    def __init__(self, orders: Orders, member: str, key: Ed25519PrivateKey, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._store = Store(f"sqlite:///{folder / 'tocsin.db'}")
        self._indices = Indices(self._store, Rules(self._store, now), folder / "index", merge=True)
        self._recogniser = Recogniser(self._store, self._indices, now)
        rule_of = ExchangeRules(self._store)
        self._following = Following(
            self._store,
            Entrusted(now, rule_of, Standing(self._store, now, rule_of)),
            now,
            folder / "keys",
            connect=lambda followed, key: Remote(followed.url, key, local=True),
            changed=self._changed,
        )
        self._expected: list[bytes] = []
        self.arrivals: Arrivals = []
        added = orders.followed(member)
        self._following.add(
            NAME,
            origin=added.origin,
            url=added.url,
            policy=added.policy,
            member=member,
            key=key,
            actor=NAME,
        )
        self._following.activate(NAME, actor=NAME)
        self._following.start()

    def ready(self) -> bool:
        """Whether it is up to date and listens."""
        (status,) = self._following.status()
        return status.standing == "following"

    def close(self) -> None:
        """Stop."""
        self._following.close()
        self._indices.close()
        self._store.close()

    def _changed(self) -> None:
        """Ask the indices for the newest item, as an upload would, until it matches."""
        self._indices.refresh()
        newest = self._newest()
        if newest is not None:
            entry, view = newest
            if self._recogniser.recognise([view]).hits:
                self.arrivals.append((entry, time.monotonic_ns()))

    def _newest(self) -> tuple[int, View] | None:
        names = self._following.dossier.lists(NAME)
        with self._store.read() as connection:
            row = connection.exec_driver_sql(
                "SELECT e.entry, s.value FROM exchange_item e JOIN signal s USING (item_id) "
                "ORDER BY e.entry DESC LIMIT 1"
            ).first()
        if row is None or not names:
            return None
        return row[0], View("given", Signal(SignalType.PDQ, row[1]))


def main() -> None:
    """Follow as ordered, then report."""
    orders = Orders.parse(sys.stdin.readline())
    if orders.full:
        _run_full(orders)
    else:
        asyncio.run(_run_light(orders))


def _run_full(orders: Orders) -> None:
    nodes = [
        FullNode(
            orders, member, Ed25519PrivateKey.from_private_bytes(key), Path(orders.folder) / str(n)
        )
        for n, (member, key) in enumerate(zip(orders.members, orders.keys, strict=True))
    ]
    while not all(node.ready() for node in nodes):
        time.sleep(_POLL_S)
    _say("ready")
    sys.stdin.readline()
    _say(json.dumps([node.arrivals for node in nodes]))
    for node in nodes:
        node.close()


async def _run_light(orders: Orders) -> None:
    first = _first_view(orders)
    keys = [Ed25519PrivateKey.from_private_bytes(one) for one in orders.keys]
    loop, place = asyncio.get_running_loop(), urlsplit(orders.url)
    slots = asyncio.Semaphore(_OPENING_AT_ONCE)

    async def opened(number: int) -> LightFollower:
        who = number // LINES_OF_ONE
        view = _copied(first, orders.followed(orders.members[who]))
        async with slots:
            _, follower = await loop.create_connection(
                lambda: LightFollower(orders, view, keys[who]),
                place.hostname or "",
                place.port or 80,
            )
            await asyncio.wait_for(follower.open, _OPEN_S)
        return follower

    followers = await asyncio.gather(*(opened(number) for number in range(orders.followers)))
    # Hundreds of followers share this process: a pass of the collector over all that they hold
    # would stop them all, which no follower in a process of its own does to others.
    gc.collect()
    gc.freeze()
    gc.disable()
    _say("ready")
    await loop.run_in_executor(None, sys.stdin.readline)
    _say(json.dumps([follower.arrivals for follower in followers]))


def _first_view(orders: Orders) -> views.View:
    """Read the log so far, verified like all that follows."""
    key = Ed25519PrivateKey.from_private_bytes(orders.keys[0])
    remote = Remote(orders.url, key, local=True)
    view = views.View.fresh(orders.followed(orders.members[0]))
    outcome = Reader(remote, view.followed.log).latest(None)
    if not isinstance(outcome, Advanced):
        raise Unavailable("the exchange shows no log")
    with Checkers(1) as checkers:
        for checked in catch_up(remote, view, outcome.tree, checkers):
            view.page(checked, now())
    view.edge = views.edge_of(outcome.tree, view.size)
    remote.close()
    return view


def _copied(view: views.View, followed: Followed) -> views.View:
    """Return a view of its own: its changes are not the other's."""
    shared = view.register
    register = replace(
        shared,
        members=dict(shared.members),
        owners=dict(shared.owners),
        positions=dict(shared.positions),
    )
    return views.View(
        followed,
        register,
        deepcopy(view.leaves),
        edge=deepcopy(view.edge),
        keys=dict(view.keys or {}),
    )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
