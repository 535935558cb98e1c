"""A whole world under one seed: an exchange, four nodes that follow it, two witnesses, bad luck.

Everything is real but the network, which is a queue, and chance, which is the seed's. A crash of
the exchange is a picture of its folder taken at some write or signature: what comes after it never
happened. What must hold is checked by `check`, the list of docs/spec/exchange-log.md and more:

(i) what was acknowledged is at its index; (ii) no two signed checkpoints of one size differ;
(iii) every checkpoint that anybody saw is part of the log; (iv) the log adds up to its root;
(v) each node's state is that of replaying the log; (vi) nothing is in the log twice.
"""

import secrets
import shutil
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from unittest import mock

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchanges import NOW, ORIGIN, URL, Clock, Person, Running, an_item
from logs import cosigner
from shares import NearPlace, PlainTrust, policy_of
from tocsin.entries.applying import apply
from tocsin.entries.envelope import EntryType, Envelope, Parcel
from tocsin.entries.judging import Allowed, judge
from tocsin.entries.parties import PUBLIC, Kind, Role
from tocsin.entries.register import Register
from tocsin.entries.statements import (
    Approve,
    Assert,
    Erase,
    GroupSaid,
    IncidentSaid,
    IncidentType,
    KeySaid,
    MemberSaid,
    Opinion,
    Retract,
    Rules,
    RuleSaid,
    Statement,
    Supersede,
    View,
    moment,
    parse,
)
from tocsin.errors import TocsinError, Unavailable
from tocsin.exchange.advance import encode_advance
from tocsin.exchange.checkpoint import open_checkpoint
from tocsin.exchange.errors import Absent, ExchangeError
from tocsin.exchange.fsck import check_published
from tocsin.exchange.locking import open_locks
from tocsin.exchange.policy import Policy
from tocsin.exchange.reading import Forked, Reader
from tocsin.exchange.signer import KeySigner, read_key
from tocsin.exchange.storage import LocalStorage
from tocsin.exchange.tree import Tree
from tocsin.exchange.witness import Cosigned, Witness
from tocsin.operating import starting
from tocsin.recording.store import Store
from tocsin.sharing.digest import state_digest
from tocsin.sharing.follower import Follower, Frozen
from tocsin.sharing.following import Following
from tocsin.sharing.keeping import Keeper
from tocsin.sharing.publishing import Publisher
from tocsin.sharing.verifying import check

NAME = "hub"
PARTIES: dict[str, tuple[Kind, tuple[Role, ...]]] = {
    "tube": (Kind.PLATFORM, (Role.CONTRIBUTOR, Role.REVIEWER)),
    "chat": (Kind.PLATFORM, (Role.CONTRIBUTOR, Role.COORDINATOR)),
    "police": (Kind.AUTHORITY, (Role.COORDINATOR, Role.CONTRIBUTOR)),
    "rights": (Kind.CIVIL_SOCIETY, (Role.REVIEWER, Role.STEWARD)),
}
GROUP = "north"
MANY_POINTS = 14
"""A commit has about as many writes and signatures; a crash comes at one of them, or at none."""


class Lost(Unavailable):
    """The answer never came, or the question never arrived."""


class Camera:
    """Takes a picture of the exchange's folder at some point of a commit."""

    def __init__(self, folder: Path, picture: Path) -> None:
        self._folder, self._picture = folder, picture
        self._countdown = 0
        self.taken = False
        self.signed: list[bytes] = []

    def arm(self, points: int) -> None:
        self._countdown, self.taken = points, False

    def point(self) -> None:
        """Pass a point at which the process may die."""
        if self._countdown:
            self._countdown -= 1
            if not self._countdown:
                self._take()

    def sign(self, note: bytes) -> None:
        """Take note of a signature, unless it comes after the end."""
        if not self.taken:
            self.signed.append(note)

    def disarm(self) -> None:
        self._countdown = 0

    def restore(self) -> None:
        """Bring back the folder as it was."""
        shutil.rmtree(self._folder)
        self._picture.rename(self._folder)
        self.taken = False

    def _take(self) -> None:
        # Of SQLite's files, the one that is made anew by whoever opens the database.
        shutil.copytree(self._folder, self._picture, ignore=shutil.ignore_patterns("*-shm"))
        self.taken = True


class FilmedStorage(LocalStorage):
    """The log's folder, with a point before and after each write."""

    camera: Camera

    def put(self, objects):
        for path, data in objects.items():
            self.camera.point()
            super().put({path: data})
        self.camera.point()

    def replace(self, path, data):
        self.camera.point()
        super().replace(path, data)
        self.camera.point()

    def delete(self, paths):
        self.camera.point()
        super().delete(paths)


class FilmedSigner(KeySigner):
    """The log's signer, with a point before and after each signature."""

    camera: Camera

    def sign(self, head, old_size, proof):
        self.camera.point()
        note = super().sign(head, old_size, proof)
        self.camera.sign(note)
        self.camera.point()
        return note


class FilmedExchange(Running):
    """An exchange that can die at any point of a commit."""

    def __init__(self, folder: Path, camera: Camera, clock: Clock) -> None:
        self.camera = camera
        super().__init__(folder, clock=clock)

    def _signer(self, folder):
        class Mine(FilmedSigner):
            camera = self.camera

        self.signer = Mine(read_key(folder.signing_key), folder.signer_memory)
        return self.signer


class NearCheckers:
    """Checks entries here and now: no process of its own, and no chance in who is first."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def check(self, batch):
        done: Future[bytes] = Future()
        done.set_result(check(batch))
        return done


class Line(NearPlace):
    """A node's way to the exchange: it can be cut, lead to another exchange, and lose answers."""

    def __init__(self, world: "World", member: str) -> None:
        super().__init__(world.running, member)
        self._world = world
        self.twin: Running | None = None
        self.rings: list = []

    @property
    def _exchange(self):
        if self.broken:
            raise Lost("the line is cut")
        return (self.twin or self._world.running).exchange

    def get(self, path):
        note = super().get(path)
        if path == "checkpoint" and self.twin is None:
            self._world.seen.append(note)
        return note

    def submit(self, parcels):
        exchange, member = self._exchange, self._member
        done = self._world.happen(lambda: exchange.submit(parcels, member=member).result())
        for parcel, one in zip(parcels, done, strict=True):
            self._world.acknowledged[one.index] = one.leaf
            self._world.parcels.append((member, parcel))
        return [one.index for one in done]

    def hear(self, ring):
        """Put a ring on its way."""
        self.rings.append(self.seen(ring))


class Node:
    """A node that follows the exchange as a member, and can die between any two steps."""

    def __init__(self, world: "World", person: Person, folder: Path) -> None:
        self.world, self.person, self.folder = world, person, folder
        self.clock = Clock(NOW)
        self.line = Line(world, person.name)
        self.store = world.new_store(folder / "node.db")
        self._begin()

    def _begin(self) -> None:
        self.trust = PlainTrust()
        self.following = Following(
            self.store,
            self.trust,
            self.clock,
            self.folder / "keys",
            connect=lambda *_: self.line,
            changed=lambda: None,
            processes=1,
        )
        followed = [one for one in self.following.all() if one.name == NAME]
        if not followed:
            followed = [
                self.following.add(
                    NAME,
                    origin=ORIGIN,
                    url=URL,
                    policy=policy_of(self.world.running),
                    member=self.person.name,
                    key=self.person.key,
                    actor="cli",
                )
            ]
        (self.followed,) = followed
        keeper = Keeper(self.store, self.trust, self.clock, lambda: None)
        self.follower = Follower(
            self.store, keeper, self.line, self.followed.id, self.clock, NearCheckers
        )
        self.publisher = Publisher(
            self.store, self.line, self.followed, self.person.key, self.clock
        )

    def die(self) -> None:
        """End without a word; what is stored is all that the next start has."""
        self.store.close()
        self.store = Store(f"sqlite:///{self.folder / 'node.db'}")
        self._begin()

    @property
    def digest(self) -> str:
        return state_digest(self.store, self.followed.id)

    @property
    def status(self):
        (one,) = self.following.status()
        return one

    def close(self) -> None:
        self.following.close()
        self.store.close()


class World:
    """One run. `trace` is what happened, in words that do not depend on where it ran."""

    def __init__(self, seed: int, folder: Path, template: Path, camera: Camera) -> None:
        self.random = Random(seed)
        self.folder, self._template, self.camera = folder, template, camera
        self.trace: list[str] = []
        self.seen: list[bytes] = []
        self.acknowledged: dict[int, bytes] = {}
        self.parcels: list[tuple[str, Parcel]] = []
        self.clock = Clock(NOW)
        self.running = FilmedExchange(folder / "exchange", self.camera, self.clock)
        self.witnesses = [self._witness(number) for number in range(2)]
        self.nodes: dict[str, Node] = {}
        self._said = 0
        for name, (kind, roles) in PARTIES.items():
            person = self.running.join(name, *roles, kind=kind)
            self.nodes[name] = Node(self, person, folder / name)
        self._listen()
        self.operate(GroupSaid(audience=GROUP, members=("chat", "tube")))
        self.stolen = Ed25519PrivateKey.generate()
        self.victim = self.nodes["tube"].person
        self.victim.say(self._spare("add"))
        self.running.settle()

    # What the world offers to those in it

    def new_store(self, path: Path) -> Store:
        path.parent.mkdir(parents=True)
        shutil.copy(self._template, path)
        return Store(f"sqlite:///{path}")

    def happen(self, deed):
        """Let the exchange do something, during which it may die; then the answer is lost."""
        try:
            done = deed()
        finally:
            self.camera.disarm()
            died = self.camera.taken
            if died:
                self._die()
        if died:
            raise Lost("the exchange died")
        # It answers before it rings, and how soon after that is chance of another kind.
        self.running.settle()
        return done

    def operate(self, *said: Statement) -> str:
        """Let the operator say something."""
        return self._told(lambda: self.happen(self.running.exchange.say(*said).result))

    # What can happen

    def step(self) -> None:
        """Let one thing happen."""
        deeds = {
            self.speak: 10,
            self.ring: 8,
            self.catch_up: 4,
            self.send: 3,
            self.govern: 3,
            self.cut_or_mend: 3,
            self.die_in_a_commit: 3,
            self.witness: 2,
            self.kill_a_node: 2,
            self.replay_a_request: 2,
            self.steal: 2,
            self.lose_rings: 1,
            self.shuffle_rings: 1,
            self.restart: 1,
            self.change_a_clock: 1,
        }
        deed = self.random.choices(list(deeds), list(deeds.values()))[0]
        self.trace.append(f"{deed.__name__} {deed()}")

    def speak(self) -> str:
        """A member says something, which goes out now or later."""
        node = self._node()
        said = self._something(node.person.name)
        urgent = self.random.random() < 0.3
        node.publisher.put([said], urgent=urgent)
        outcome = self._told(node.publisher.send)
        return f"{node.person.name} {said.type} {outcome}"

    def send(self) -> str:
        node = self._node()
        return f"{node.person.name} {self._told(node.publisher.send)}"

    def ring(self) -> str:
        """A ring arrives: the first, or another, and perhaps not for the last time."""
        node = self._node()
        rings = node.line.rings
        if not rings:
            return f"{node.person.name} silent"
        number = 0 if self.random.random() < 0.7 else self.random.randrange(len(rings))
        ring = rings[number]
        if self.random.random() < 0.8:
            del rings[number]
        return f"{node.person.name} {ring.size} {self._told(lambda: node.follower.ring(ring))}"

    def lose_rings(self) -> str:
        node = self._node()
        lost, node.line.rings = len(node.line.rings), []
        return f"{node.person.name} {lost}"

    def shuffle_rings(self) -> str:
        node = self._node()
        self.random.shuffle(node.line.rings)
        return node.person.name

    def catch_up(self) -> str:
        node = self._node()
        return f"{node.person.name} {self._told(node.follower.catch_up)}"

    def cut_or_mend(self) -> str:
        node = self._node()
        node.line.broken = not node.line.broken
        return f"{node.person.name} {'cut' if node.line.broken else 'mended'}"

    def kill_a_node(self) -> str:
        node = self._node()
        node.die()
        return node.person.name

    def restart(self) -> str:
        self.running.reopen()
        self._listen()
        return ""

    def die_in_a_commit(self) -> str:
        self.camera.arm(self.random.randint(1, MANY_POINTS))
        outcome = self.speak() if self.random.random() < 0.8 else self.govern()
        self.camera.disarm()
        return outcome

    def change_a_clock(self) -> str:
        """Time goes by, or a clock is set wrong: the exchange's, or a node's that is fast."""
        hours = self.random.randint(-5, 30)
        if self.random.random() < 0.5:
            self.clock.move(hours=hours)
        for node in self.nodes.values():
            ahead = timedelta(hours=self.random.choice([0, 0, 0, 5]))
            node.clock.at = max(node.clock.at, self.clock.at) + ahead
        return str(hours)

    def witness(self) -> str:
        """A witness is asked for its cosignature."""
        number = self.random.randrange(len(self.witnesses))
        return f"{number} {self.ask(self.witnesses[number])}"

    def ask(self, witness: Witness, exchange=None) -> str:
        """Ask a witness about the head of an exchange."""
        exchange = exchange or self.running.exchange
        head = exchange.head
        tree = Tree(_Published(exchange), head.checkpoint)
        old = 0
        with suppress(Absent):
            known = open_checkpoint(witness.latest(ORIGIN), [exchange.verifier])
            old = known.checkpoint.size
        if old > tree.size:
            return "ahead"
        outcome = witness.add_checkpoint(encode_advance(old, tree.consistency(old), head.note))
        if isinstance(outcome, Cosigned):
            self.seen.append(head.note)
            return f"cosigned {tree.size}"
        return f"{type(outcome).__name__} {outcome.status}"

    def replay_a_request(self) -> str:
        """Somebody sends again what a member sent, as it was or under another name."""
        if not self.parcels:
            return "nothing yet"
        member, parcel = self.random.choice(self.parcels)
        name = self.random.choice([member, member, *self.nodes])
        exchange = self.running.exchange
        return f"{name} {self._told(lambda: exchange.submit([parcel], member=name).result())}"

    def steal(self) -> str:
        """A thief says something with a key of a member, who does not know."""
        if self.random.random() < 0.2:
            said = KeySaid(action="add", member=self.victim.name, key=_public(self._key()))
        else:
            said = self._something(self.victim.name)
        parcel = self.victim.seal(said, key=self.stolen)
        return f"{said.type} {self._told(lambda: self.happen(lambda: self.victim.submit(parcel)))}"

    def govern(self) -> str:
        """The operator does something."""
        name = self.random.choice(list(self.nodes))
        choices = [
            MemberSaid(action="suspend", member=name),
            MemberSaid(action="reinstate", member=name),
            MemberSaid(action="reinstate", member=name),
            GroupSaid(audience=GROUP, members=self._some()),
            RuleSaid(rules=Rules(suspend_approvals=self.random.randint(0, 1)), reason="so it is"),
            Erase(of=self._subject(), reason="court-order"),
            self._spare("revoke", since=self.random.randrange(self.size)),
        ]
        said = self.random.choice(choices)
        return f"{said.type} {self.operate(said)}"

    # How it ends

    @property
    def size(self) -> int:
        return self.running.exchange.register().size

    def settle(self) -> None:
        """Let everything arrive."""
        self.camera.disarm()
        ahead = max(node.clock.at for node in self.nodes.values())
        for node in self.nodes.values():
            node.line.broken = False
            node.clock.at = max(ahead, self.clock.at)
        # Who may not read keeps what it has read, which a newcomer in its place could not.
        begun = self.size
        self.operate(*(MemberSaid(action="reinstate", member=name) for name in self.nodes))
        asked = [index for index in self.running.exchange.register().requests if index >= begun]
        self.nodes["rights"].publisher.put([Approve(of=one, audience=PUBLIC) for one in asked])
        # Reading may lead to saying: that something was destroyed.
        while any(self._arrive(node) for node in self.nodes.values()):
            pass
        for witness in self.witnesses:
            self.ask(witness)

    def _arrive(self, node: "Node") -> bool:
        """Let one node say all that waits, and read all that is there; tell if that is new."""
        before = self.size
        self.trace.append(f"settle {self._told(node.publisher.send)}")
        while not node.status.frozen and node.status.size < self.size:
            node.follower.catch_up()  # More than once where it begins to read anew.
        return self.size > before or node.status.waiting > 0 or node.status.size < self.size

    def check(self) -> None:
        """Hold what happened against what must hold."""
        exchange = self.running.exchange
        tree = Tree(_Published(exchange), exchange.head.checkpoint)
        leaves = list(tree.entries(0, tree.size)) if tree.size else []
        # (i) What was acknowledged is at its index, with its bytes.
        assert {index: leaves[index] for index in self.acknowledged} == self.acknowledged
        # (ii), (iii) Every checkpoint that was signed, or seen, is part of the log.
        for note in (*self.camera.signed, *self.seen):
            head = open_checkpoint(note, [exchange.verifier]).checkpoint
            assert tree.root_at(head.size) == head.root
        # (iv) The log adds up.
        report = check_published(_Published(exchange), [exchange.verifier])
        assert (report.findings, report.size) == ([], len(leaves))
        # (vi) Nothing is in the log twice, and nothing that does not count.
        commitments = [Envelope.parse(leaf).commitment for leaf in leaves]
        assert len(set(commitments)) == len(commitments)
        self._check_judgements(leaves)
        self._check_outboxes(leaves)
        # (v) Each node's state is that of replaying the log.
        for node in self.nodes.values():
            assert (node.status.frozen, node.status.size) == ("", len(leaves))
            # A ring may bring what was for a group of which, when its founding is fetched, the node
            # is no member any more: it cannot tell that the issuer was in it. Nothing else.
            assert node.status.suspect == ""
            assert node.status.faults.keys() <= {"wrong_audience", "no_incident"}
            assert node.digest == self._replayed(node)

    def digest(self) -> str:
        """Return a hash over all that happened and all that is left of it."""
        hasher = sha256("\n".join(self.trace).encode())
        for note in self.camera.signed:
            hasher.update(note)
        for node in self.nodes.values():
            hasher.update(node.digest.encode())
        return hasher.hexdigest()

    def close(self) -> None:
        for node in self.nodes.values():
            node.close()
        self.running.close()

    # A second history

    def fork(self) -> None:
        """The operator shows a node another history: it notices, and no witness cosigns both."""
        node = self._node()
        twin = Twin(self, self.folder / "twin")
        assert self.operate(GroupSaid(audience=GROUP, members=("chat", "rights"))) == "done"
        twin.say()
        if self.random.random() < 0.5:
            node.follower.catch_up()
        honest = [self.ask(one) for one in self.witnesses]
        assert all("cosigned" in one for one in honest)
        assert not any("cosigned" in self.ask(one, twin.exchange) for one in self.witnesses)
        node.line.twin = twin
        outcome = self._told(node.follower.catch_up)
        if not node.status.frozen:  # It had seen neither; the honest one tells.
            node.line.twin = None
            outcome = self._told(node.follower.catch_up)
        self.trace.append(f"fork {node.person.name} {outcome}")
        assert node.status.frozen, outcome
        twin.check(node, self.witnesses[0].latest(ORIGIN))
        node.line.twin = None
        twin.close()

    def _check_judgements(self, leaves) -> None:
        """Replay the log by the rules: an honest exchange logs nothing that they bar."""
        exchange = self.running.exchange
        register = Register(ORIGIN)
        contents = exchange.payloads(0, len(leaves), member=exchange.settings.operator)
        envelopes = [Envelope.parse(leaf) for leaf in leaves]
        for index, (envelope, content) in enumerate(zip(envelopes, contents, strict=True)):
            said = parse(content[32:]) if content else None
            found = judge(register, index, envelope, said, lambda of: envelopes[of])
            assert isinstance(found, Allowed), found
            apply(register, index, envelope, said, found)
        assert register.positions == exchange.register().positions
        assert register.members == exchange.register().members

    def _check_outboxes(self, leaves) -> None:
        """What a node was told of its statements is true."""
        for node in self.nodes.values():
            with node.store.read() as connection:
                rows = connection.exec_driver_sql("SELECT state, entry, leaf FROM outbox").all()
            for state, entry, leaf in rows:
                sent = None if leaf is None else Envelope.parse(leaf).commitment
                assert state in {"done", "refused"}
                if state == "done":
                    assert Envelope.parse(leaves[entry]).commitment == sent
                else:
                    assert all(Envelope.parse(one).commitment != sent for one in leaves)

    def _replayed(self, node: Node) -> str:
        """Return the state of a node that reads the log for the first time."""
        self._said += 1
        fresh = Node(self, node.person, self.folder / f"fresh-{self._said}")
        fresh.clock.at = node.clock.at
        fresh.follower.catch_up()
        digest = fresh.digest
        fresh.close()
        return digest

    # Chance

    def _node(self) -> Node:
        return self.random.choice(list(self.nodes.values()))

    def _some(self) -> tuple[str, ...]:
        return tuple(sorted(self.random.sample(list(self.nodes), self.random.randint(0, 4))))

    def _something(self, name: str) -> Statement:
        """Return what a member might say, by the rules or against them."""
        self._said += 1
        of = self._subject()
        audience = self._audience_of(of)
        said = [
            self._item(),
            self._item(),
            self._item(),
            Opinion(of=of, opinion=self.random.choice(list(View)), audience=audience),
            Retract(of=of, reason="wrong", audience=audience),
            Supersede(of=of, by=min(of + 1, self.size - 1), reason="better", audience=audience),
            Erase(of=of, reason="error"),
            self._incident(),
            Approve(of=of, audience=audience),
            KeySaid(action="add", member=name, key=_public(self._key())),
        ]
        return self.random.choice(said)

    def _subject(self) -> int:
        """Return what can be spoken of: mostly an item."""
        items = [index for index, leaf in self.acknowledged.items() if leaf[1] == EntryType.ASSERT]
        some = items if items and self.random.random() < 0.8 else range(self.size)
        return self.random.choice(some)

    def _spare(self, action: str, **more: object) -> KeySaid:
        """Speak of the key that is stolen."""
        key = _public(self.stolen)
        return KeySaid(action=action, member=self.victim.name, key=key, **more)

    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.generate()

    def _item(self) -> Assert:
        return an_item(
            self._said,
            at=self.clock.at,
            audience=self.random.choice(["members", "members", "public", GROUP]),
            incident=self.random.choice([None, None, None, "harbour"]),
        )

    def _incident(self) -> IncidentSaid:
        return IncidentSaid(
            action=self.random.choice(["open", "extend", "update", "close"]),
            incident="harbour",
            kind=IncidentType.AWARENESS,
            title="Harbour",
            reason="so it is",
            ends_at=moment(self.clock.at + timedelta(hours=24)),
        )

    def _audience_of(self, index: int) -> str:
        exchange = self.running.exchange
        (content,) = exchange.payloads(index, index + 1, member="tube")
        return parse(content[32:]).audience if content else "members"

    # Small print

    def _told(self, deed) -> str:
        """Do something and say how it went."""
        try:
            deed()
        except Frozen as error:
            return f"frozen {type(error).__name__}"
        except (TocsinError, ExchangeError) as error:
            return getattr(error, "code", "") or type(error).__name__
        return "done"

    def _listen(self) -> None:
        bell = self.running.exchange.bell
        for node in self.nodes.values():
            bell.subscribe(lambda ring, line=node.line: self._carry(line, ring))

    def _carry(self, line: Line, ring) -> None:
        # What an exchange says after its end is never heard, nor what is said into a cut line.
        if not self.camera.taken and not line.broken:
            line.hear(ring)
            self.seen.append(ring.checkpoint)

    def _die(self) -> None:
        self.running.close()
        self.camera.restore()
        self.running.open()
        self._listen()

    def _witness(self, number: int) -> Witness:
        locks = open_locks(f"sqlite:///{self.folder / f'witness-{number}.db'}")
        logs = {ORIGIN: [self.running.exchange.verifier]}
        key = cosigner(f"witness-{number}.example")
        return Witness(key, logs, locks=locks, clock=self.clock)


class Twin(Running):
    """A copy of the exchange whose signer was made to forget: it signs another history."""

    def __init__(self, world: World, folder: Path) -> None:
        world.running.close()
        shutil.copytree(world.folder / "exchange", folder)
        world.running.open()
        world._listen()
        super().__init__(folder, clock=world.clock)

    def say(self) -> None:
        """Go on otherwise than the honest one, and further."""
        for name in ("police", "tube"):
            self.exchange.say(GroupSaid(audience="forked", members=(name,))).result()

    def check(self, node: Node, witnessed: bytes) -> None:
        """Verify what the node kept with nothing but the log's key."""
        (exhibit,) = node.following.dossier.evidence(NAME)
        assert exhibit.kind in {"forked", "rolled_back"}
        seen, shown = (exhibit.files[one] for one in ("seen.note", "shown.note"))
        for note in (seen, shown):
            open_checkpoint(note, [self.exchange.verifier])
        assert seen != shown
        policy = Policy.parse(policy_of(self).encode())
        reader = Reader(_Published(self.exchange), policy)
        assert isinstance(reader.compare(witnessed, self.exchange.head.note), Forked)


class _Published:
    """An exchange's log as readers of it fetch it."""

    def __init__(self, exchange) -> None:
        self._exchange = exchange

    def get(self, path):
        try:
            return self._exchange.published(path)
        except TocsinError as error:
            raise Absent(path) from error


def _public(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


@contextmanager
def chance(seed: int) -> Iterator[None]:
    """Make every key and nonce the seed's."""
    random = Random(f"chance {seed}")

    def generate() -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(random.randbytes(32))

    with (
        mock.patch.object(secrets, "token_bytes", random.randbytes),
        mock.patch.object(Ed25519PrivateKey, "generate", generate),
    ):
        yield


@contextmanager
def a_world(seed: int, folder: Path, template: Path) -> Iterator[World]:
    """Make a world, to be closed at the end."""
    film = Camera(folder / "exchange", folder / "picture")

    class Filmed(FilmedStorage):
        camera = film

    with chance(seed), mock.patch.object(starting, "LocalStorage", Filmed):
        world = World(seed, folder, template, film)
        try:
            yield world
        finally:
            world.close()


def run(seed: int, folder: Path, template: Path, steps: int) -> str:
    """Run one world to its end; return the hash of all that happened."""
    folder.mkdir()
    with a_world(seed, folder, template) as world:
        for _ in range(steps):
            world.step()
        world.settle()
        world.check()
        world.fork()
        return world.digest()
