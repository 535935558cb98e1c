"""Exchanges under test: real parts in a folder, a clock that the test moves, members with keys."""

import secrets
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tocsin.entries.envelope import NONCE_BYTES, Position, seal
from tocsin.entries.parties import Kind, Role
from tocsin.entries.statements import (
    Assert,
    Basis,
    MemberSaid,
    SignalSaid,
    entry_type,
    moment,
    write,
)
from tocsin.exchange.signer import KeySigner, read_key
from tocsin.operating import starting
from tocsin.operating.desk import Call
from tocsin.operating.exchange import Exchange
from tocsin.operating.folder import Folder

ORIGIN = "exchange.example/log"
URL = "https://exchange.example"
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, at=NOW):
        self.at = at

    def __call__(self):
        return self.at

    def move(self, **span):
        self.at += timedelta(**span)


def own_signer(folder):
    """A signer in this process: a test does not wait for one of its own."""
    return KeySigner(read_key(folder.signing_key), folder.signer_memory)


def use_own_signers(monkeypatch):
    """Let exchanges that are opened by commands sign in this process."""

    def start(folder, settings, stack, *, unsafe_network):
        del settings, unsafe_network
        signer = own_signer(folder)
        stack.callback(signer.close)
        return signer

    monkeypatch.setattr(starting, "_start_signer", start)


class Running:
    """An exchange in a folder, that can be closed and opened again."""

    def __init__(self, folder, *, clock=None, url=URL, **settings):
        self.folder = Folder(folder)
        self.clock = clock or Clock()
        self.signer = None
        self.exchange = None
        if self.folder.settings.exists():
            self.open()
        else:
            self.exchange = Exchange.create(
                folder, origin=ORIGIN, url=url, clock=self.clock, signer=self._signer, **settings
            )

    def open(self):
        """Open what was closed."""
        self._signer(self.folder)
        try:
            self.exchange = Exchange.open(self.folder.path, clock=self.clock, signer=self.signer)
        except BaseException:
            self.signer.close()
            raise
        return self.exchange

    def close(self):
        if self.exchange is not None:
            self.exchange.close()
            self.signer.close()
        self.exchange = None

    def reopen(self):
        self.close()
        return self.open()

    def _signer(self, folder):
        self.signer = own_signer(folder)
        return self.signer

    def join(self, name, *roles, kind=Kind.PLATFORM):
        """Make a member with a key of its own."""
        person = Person(self, name)
        said = MemberSaid(
            action="join",
            member=name,
            kind=kind,
            roles=roles or (Role.CONTRIBUTOR,),
            key=person.key.public_key().public_bytes_raw().hex(),
        )
        self.exchange.say(said).result()
        self.settle()
        return person

    def settle(self):
        """Return once the bell has rung for all that was answered: the answer comes first."""
        nothing = Call("", lambda _: [], 0)
        self.exchange._desk.submit(nothing)
        nothing.future.result()


class Person:
    """A member, or somebody who says so."""

    def __init__(self, running, name, key=None):
        self._running = running
        self.name = name
        self.key = key or Ed25519PrivateKey.generate()

    def seal(self, statement, *, after=None, urgent=False, key=None, nonce=None):
        """Make an entry that follows the member's latest."""
        return seal(
            write(statement),
            entry_type(statement),
            origin=ORIGIN,
            after=after or self._running.exchange.position(self.name),
            key=key or self.key,
            nonce=nonce or secrets.token_bytes(NONCE_BYTES),
            urgent=urgent,
        )

    def chain(self, *statements, after=None):
        """Make entries that follow each other."""
        after = after or self._running.exchange.position(self.name)
        parcels = []
        for statement in statements:
            parcels.append(self.seal(statement, after=after))
            leaf = parcels[-1].envelope
            after = Position(leaf.sequence, leaf.digest(ORIGIN))
        return parcels

    def submit(self, *parcels):
        return self._running.exchange.submit(parcels, member=self.name).result()

    def say(self, *statements):
        """Submit statements and return their indices."""
        return [one.index for one in self.submit(*self.chain(*statements))]


def an_item(number=0, *, at=NOW, audience="members", **more):
    """An assert whose text appears nowhere else."""
    fields = {
        "audience": audience,
        "signals": (SignalSaid(type="sha256", value=f"{number:064x}"),),
        "basis": Basis(kind="terms", reference="rule 1"),
        "expires_at": moment(at + timedelta(days=30)),
        "note": f"item number {number}",
    }
    return Assert(**fields | more)
