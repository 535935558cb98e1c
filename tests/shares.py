"""Nodes that follow an exchange under test, without a network between them."""

import queue
import threading

from exchanges import ORIGIN, Running
from tocsin.entries.envelope import NONCE_BYTES, Position
from tocsin.entries.judging import Allowed
from tocsin.entries.parties import Group
from tocsin.entries.register import Register
from tocsin.entries.statements import GroupSaid, parse
from tocsin.errors import InvalidInput, NotFound, Unavailable
from tocsin.exchange.checkpoint import Checkpoint
from tocsin.exchange.edge import Edge
from tocsin.exchange.errors import Absent
from tocsin.exchange.keys import SigningKey
from tocsin.exchange.note import sign_note
from tocsin.exchange.tiles import WIDTH
from tocsin.operating.audiences import audience_of, may_read
from tocsin.sharing.answers import Ring


class NearPlace:
    """An exchange in the same process, as one of its members reaches it; see `sharing/place.py`."""

    def __init__(self, running: Running, member: str = "") -> None:
        self._running = running
        self._member = member or None
        self.broken = False

    @property
    def _exchange(self):
        if self.broken:
            raise Unavailable("the line is cut")
        return self._running.exchange

    def get(self, path):
        try:
            return self._exchange.published(path)
        except NotFound as error:
            raise Absent(path) from error

    def cosigned(self):
        return self._exchange.cosigned()

    def payloads(self, index, width):
        start = index * WIDTH
        return self._exchange.payloads(start, start + width, member=self._member)

    def position(self):
        return self._exchange.position(self._member) if self._member else Position()

    def submit(self, parcels):
        done = self._exchange.submit(parcels, member=self._member).result()
        return [one.index for one in done]

    def rings(self, since, stop, heard=lambda: None):
        rings = queue.SimpleQueue()
        leave = self._exchange.bell.subscribe(rings.put)
        try:
            if self._exchange.head.checkpoint.size != since:
                head = self._exchange.head
                yield Ring(since, head.checkpoint.size, head.note)
            while not stop.is_set():
                heard()
                try:
                    yield self.seen(rings.get(timeout=0.05))
                except queue.Empty:
                    continue
        finally:
            leave()

    def seen(self, ring):
        """A ring as this member gets it."""
        may_read = self._exchange.may_read
        contents = (one if may_read(who, self._member) else b"" for who, one in ring.contents)
        return Ring(ring.old, ring.size, ring.checkpoint, ring.leaves, tuple(contents))

    def close(self):
        pass


class Ear:
    """Collects what the bell of an exchange says."""

    def __init__(self, place: NearPlace) -> None:
        self._place = place
        self.rings = []
        self._lock = threading.Lock()
        place._exchange.bell.subscribe(self._hear)

    def _hear(self, ring):
        with self._lock:
            self.rings.append(self._place.seen(ring))


class PlainTrust:
    """A trust that takes items as they come, and remembers what it was told."""

    def __init__(self) -> None:
        self.told = []

    def received(self, connection, exchange, items):
        self.told += [("received", one.item_id, one.issuer.id, one.drill) for one in items]

    def heard(self, connection, opinions):
        self.told += [("heard", one.item_id, one.member.id, one.said.opinion) for one in opinions]

    def withdrawn(self, connection, item_id, member, stance):
        self.told.append(("withdrawn", item_id, member, stance))

    def retracted(self, connection, item_ids):
        self.told += [("retracted", one) for one in item_ids]

    def destroyed(self, connection, item_ids):
        self.told += [("destroyed", one) for one in item_ids]

    def quarantined(self, connection, item_ids):
        self.told += [("quarantined", one) for one in item_ids]

    def settle(self):
        self.told.append(("settled",))

    def released(self, connection, item_ids):
        self.told += [("released", one) for one in item_ids]


def policy_of(running):
    """The policy of one who knows the log's key and asks for no witnesses."""
    return f"log {running.exchange.verifier}\nquorum none\n"


class LedgerPlace:
    """The entries of a test's `Ledger` as a log of their own, at any size that they had.

    Contents are handed out as an exchange does: to those who may read them now.
    """

    def __init__(self, ledger, member: str = "") -> None:
        self.ledger = ledger
        self.member = member or None
        self.key = SigningKey.generate(ORIGIN)
        self.objects: dict[str, bytes] = {}
        self.notes: dict[int, bytes] = {}
        self._edge = Edge()
        self._before = Register(ORIGIN)
        self.audiences: list[str] = []
        self.leaves: list[bytes] = []
        self.contents: list[bytes] = []

    @property
    def policy(self) -> str:
        return f"log {self.key.verifier}\nquorum none\n"

    def publish(self) -> Ring:
        """Log what the ledger has said since; return the ring of it."""
        old = len(self.leaves)
        for parcel in self.ledger.parcels[old:]:
            self.put(parcel.envelope.encode(), parcel.nonce + parcel.payload)
        return self.commit(old)

    def put(self, leaf: bytes, content: bytes) -> None:
        """Take an entry, whatever it is."""
        try:
            statement = parse(content[NONCE_BYTES:])
            audience = audience_of(statement, self._before)
        except InvalidInput:
            statement, audience = None, "public"
        if isinstance(statement, GroupSaid) and self._allowed(len(self.leaves)):
            group = Group(statement.audience, frozenset(statement.members))
            self._before.groups[group.name] = group
        self.leaves.append(leaf)
        self.contents.append(content)
        self.audiences.append(audience)

    def _allowed(self, index):
        judgements = self.ledger.judgements
        return index < len(judgements) and isinstance(judgements[index], Allowed)

    def commit(self, old: int) -> Ring:
        """Sign what was put since `old`."""
        growth = self._edge.grow(self.leaves[old:])
        self.objects |= growth.objects
        self._edge = growth.edge
        size = len(self.leaves)
        text = Checkpoint(ORIGIN, size, growth.edge.root).text
        self.notes[size] = sign_note(text, [self.key], self.ledger.at).encode()
        self.objects["checkpoint"] = self.notes[size]
        leaves = tuple(self.leaves[old:])
        return Ring(old, size, self.notes[size], leaves, tuple(self._read(old, size)))

    def get(self, path):
        try:
            return self.objects[path]
        except KeyError:
            raise Absent(path) from None

    def cosigned(self):
        return self.get("checkpoint")

    def payloads(self, index, width):
        return self._read(index * WIDTH, index * WIDTH + width)

    def _read(self, start, end):
        register = self.ledger.register
        readable = [may_read(register, one, self.member) for one in self.audiences[start:end]]
        return [
            content if mine and at not in register.erased else b""
            for at, (content, mine) in enumerate(
                zip(self.contents[start:end], readable, strict=True), start=start
            )
        ]

    def close(self):
        pass
