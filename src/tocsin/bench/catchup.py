"""A node that was away catches up with a long log: fetched, verified, on its lists, matchable.

The log is made first and is not timed: real entries of ten members, each asserting PDQ hashes,
every one signed and committed to, in a folder as any static server has it. Then a node with an
empty database reads it from that folder. The time ends when the last hash matches. Every issuer's
signature is verified, and everything is stored durably, as in operation.

Memory is by how much it grew at the most, over what the program has before it begins. Beside the
index is all that is not in its files, which are mapped, and twice for the moment of a merge. The
processes that check signatures have some of their own.

Then `tocsin serve` runs with what was caught up with: all that its process has in memory beside the
index's files, program and libraries included, is looked at for ten seconds, and the most given.
"""

import os
import platform
import resource
import secrets
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tocsin.app import now
from tocsin.bench.resident import Watch, beside_mib, forget_peak, peak_mib, resident_mib
from tocsin.bench.serving import served
from tocsin.entries import statements
from tocsin.entries.envelope import NONCE_BYTES, Parcel, Position, seal
from tocsin.entries.parties import Kind, Role
from tocsin.entries.statements import Assert, Basis, MemberSaid, SignalSaid, Statement
from tocsin.errors import Damaged
from tocsin.exchange.bundles import decode_bundle, encode_bundle
from tocsin.exchange.checkpoint import Checkpoint
from tocsin.exchange.edge import Edge
from tocsin.exchange.errors import Absent
from tocsin.exchange.keys import SigningKey
from tocsin.exchange.note import sign_note
from tocsin.exchange.tiles import CHECKPOINT, WIDTH
from tocsin.lists.indices import Indices
from tocsin.lists.recognising import Recogniser
from tocsin.lists.rules import Rules
from tocsin.model import CODE_BYTES, Signal, SignalType, View
from tocsin.recording.store import Store
from tocsin.sharing.answers import Ring
from tocsin.sharing.entrusting import Entrusted, ExchangeRules
from tocsin.sharing.following import Following
from tocsin.trust.standing import Standing

NAME = "bench"
ORIGIN = "bench.example/log"
MEMBERS = 10
DAYS = 30
SERVING_S = 10

_DISK = Path("/var/tmp")  # noqa: S108 - unlike /tmp never in memory; the folder in it is private
_BATCH = 16 * WIDTH
_BALANCED = np.repeat(np.array([0, 1], np.uint8), 4 * CODE_BYTES)

Figure = float | int | str


def run(entries: int, *, folder: Path = _DISK) -> dict[str, Figure]:
    """Catch up with a log of so many entries. Raises Damaged if what it says does not match."""
    program_mib = resident_mib()
    with tempfile.TemporaryDirectory(prefix="tocsin-catchup-", dir=folder) as name:
        home = Path(name)
        place = Mirror(home / "log")
        with Watch() as watch:
            last = Maker(place).fill(entries)
            forget_peak()
            figures = _measure(place, last, home / "node")
        figures["serving_beside_index_mib"] = _serving_mib(home / "node")
        return figures | {
            "memory_grown_mb": peak_mib() - program_mib,
            "memory_beside_index_mib": watch.grown_mib,
            "program_mib": program_mib,
            "machine": f"{platform.machine()} {platform.python_version()} {os.cpu_count()} cores",
        }


def _measure(place: "Mirror", last: bytes, data: Path) -> dict[str, Figure]:
    data.mkdir()
    store = Store(f"sqlite:///{data / 'tocsin.db'}")
    rules = Rules(store, now)
    indices = Indices(store, rules, data / "index", merge=True)
    rule_of = ExchangeRules(store)
    following = Following(
        store,
        Entrusted(now, rule_of, Standing(store, now, rule_of)),
        now,
        data / "keys",
        connect=lambda *_: place,
        changed=indices.refresh,
    )
    following.add(NAME, origin=ORIGIN, url="https://bench.example", policy=place.policy, actor=NAME)
    following.activate(NAME, actor=NAME)
    busy, began = _busy_s(), time.perf_counter()
    following.catch_up(NAME)
    view = View("given", Signal(SignalType.PDQ, last))
    if not Recogniser(store, indices, now).recognise([view]).hits:
        raise Damaged("the last entry does not match after the catch-up")
    seconds = time.perf_counter() - began
    (status,) = following.status()
    if status.faults:
        raise Damaged(f"entries of the benchmark had no effect: {status.faults}")
    following.close()
    indices.close()
    store.close()
    return {
        "entries": status.size,
        "seconds": round(seconds, 1),
        "signatures_verified": status.told,
        "entries_per_s": round(status.size / seconds),
        "processor_s": round(_busy_s() - busy, 1),
    }


def _serving_mib(data: Path) -> int:
    """Return the most memory that a node takes beside its index, once it serves this."""
    most = 0
    with served(data) as node:
        for _ in range(SERVING_S):
            time.sleep(1)
            most = max(most, beside_mib(node.process, data))
    return most


class Mirror:
    """A log and its contents in a folder; see `sharing/place.py`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = SigningKey.generate(ORIGIN)

    @property
    def policy(self) -> str:
        """The policy of one who trusts the log's key."""
        return f"log {self.key.verifier}\nquorum none\n"

    def put(self, path: str, data: bytes) -> None:
        """Store an object."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)

    def get(self, path: str) -> bytes:
        """Return a published object."""
        try:
            return (self.folder / path).read_bytes()
        except FileNotFoundError as error:
            raise Absent(path) from error

    def payloads(self, index: int, width: int) -> list[bytes]:
        """Return the contents of a bundle."""
        return decode_bundle((self.folder / "payload" / str(index)).read_bytes(), width)

    def cosigned(self) -> bytes:
        """Return the checkpoint."""
        return self.get(CHECKPOINT)

    def position(self) -> Position:
        """Return the beginning of a chain: the node does not publish."""
        return Position()

    def submit(self, parcels: object) -> list[int]:
        """Take nothing."""
        return []

    def rings(self, since: int, stop: Event, heard: object) -> Iterator[Ring]:
        """Be silent."""
        return iter(())

    def close(self) -> None:
        """Do nothing."""


class Maker:
    """Makes entries of members with keys of their own, and the log of them."""

    def __init__(self, place: Mirror) -> None:
        self._place = place
        self._keys = [Ed25519PrivateKey.generate() for _ in range(MEMBERS + 1)]
        self._chains = [Position() for _ in self._keys]
        self._at = now()
        self._edge = Edge()
        self._parcels: list[Parcel] = []
        self._random = np.random.default_rng(1)

    def fill(self, entries: int) -> bytes:
        """Make so many entries; return the hash that the last of them asserts."""
        last = b""
        for member in range(MEMBERS + 1):
            self._say(0, self._join(member))
        for number in range(max(1, entries - MEMBERS - 1)):
            last = self._hash()
            self._say(1 + number % MEMBERS, self._item(last))
            if len(self._parcels) == _BATCH:
                self._write()
        self._write()
        head = Checkpoint(ORIGIN, self._edge.size, self._edge.root)
        note = sign_note(head.text, [self._place.key], self._at)
        self._place.put(CHECKPOINT, note.encode())
        return last

    def _hash(self) -> bytes:
        """Make a hash as pictures have: PDQ compares with the median, so half its bits are set."""
        bits = self._random.permutation(_BALANCED)
        return np.packbits(bits).tobytes()

    def _join(self, member: int) -> MemberSaid:
        return MemberSaid(
            action="join",
            member=f"member-{member}" if member else "operator",
            kind=Kind.PLATFORM if member else Kind.OPERATOR,
            roles=(Role.CONTRIBUTOR if member else Role.OPERATOR,),
            key=self._keys[member].public_key().public_bytes_raw().hex(),
        )

    def _item(self, code: bytes) -> Assert:
        return Assert(
            audience="public",
            signals=(SignalSaid(type=SignalType.PDQ, value=code.hex(), quality=90),),
            basis=Basis(kind="terms", reference="a benchmark"),
            expires_at=statements.moment(self._at + timedelta(days=DAYS)),
        )

    def _say(self, member: int, statement: Statement) -> None:
        parcel = seal(
            statements.write(statement),
            statements.entry_type(statement),
            origin=ORIGIN,
            after=self._chains[member],
            key=self._keys[member],
            nonce=secrets.token_bytes(NONCE_BYTES),
        )
        leaf = parcel.envelope
        self._chains[member] = Position(leaf.sequence, leaf.digest(ORIGIN))
        self._parcels.append(parcel)

    def _write(self) -> None:
        first = self._edge.size
        leaves = [one.envelope.received(self._at).encode() for one in self._parcels]
        growth = self._edge.grow(leaves)
        for path, data in growth.objects.items():
            self._place.put(path, data)
        contents = [one.nonce + one.payload for one in self._parcels]
        for at in range(0, len(contents), WIDTH):
            bundle = encode_bundle(contents[at : at + WIDTH])
            self._place.put(f"payload/{(first + at) // WIDTH}", bundle)
        self._edge = growth.edge
        self._parcels.clear()


def _busy_s() -> float:
    """Return the processor time of this process and of those that ended, in seconds."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )
