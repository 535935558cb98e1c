"""The entries of one exchange, without a log: members with fixed keys say one thing after another.

Members are organisations: `industry` operates, `tube` and `chat` are platforms that contribute,
`police` and `rescue` coordinate incidents, `rights` is civil society, reviews and is a steward,
`watch` is a second steward, `court` audits.
"""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tocsin.entries.applying import apply
from tocsin.entries.envelope import Envelope, Parcel, Position, key_id, seal
from tocsin.entries.judging import Barred, Judgement, approvals_of, judge
from tocsin.entries.parties import Kind, Role
from tocsin.entries.register import Register
from tocsin.entries.statements import (
    Approve,
    Assert,
    Basis,
    KeySaid,
    MemberSaid,
    SignalSaid,
    Statement,
    entry_type,
    moment,
    parse,
    write,
)

ORIGIN = "exchange.example/log"
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

PARTIES: dict[str, tuple[Kind, str, tuple[Role, ...]]] = {
    "industry": (Kind.OPERATOR, "", (Role.OPERATOR,)),
    "tube": (Kind.PLATFORM, "IE", (Role.CONTRIBUTOR, Role.REVIEWER)),
    "chat": (Kind.PLATFORM, "FR", (Role.CONTRIBUTOR,)),
    "police": (Kind.AUTHORITY, "DE", (Role.COORDINATOR, Role.CONTRIBUTOR)),
    "rescue": (Kind.AUTHORITY, "NL", (Role.COORDINATOR,)),
    "rights": (Kind.CIVIL_SOCIETY, "", (Role.REVIEWER, Role.STEWARD)),
    "watch": (Kind.CIVIL_SOCIETY, "", (Role.STEWARD,)),
    "court": (Kind.AUDITOR, "", (Role.AUDITOR,)),
}


def private_key(name: str) -> Ed25519PrivateKey:
    """Return a key that is the same in every run. It protects nothing."""
    return Ed25519PrivateKey.from_private_bytes(sha256(f"tocsin {name}".encode()).digest())


def public_key(name: str) -> str:
    """Return the raw public key in hex, as statements have it."""
    return private_key(name).public_key().public_bytes_raw().hex()


def id_of(name: str) -> str:
    """Return the key's id in hex, as registers have it."""
    return key_id(bytes.fromhex(public_key(name))).hex()


def nonce(number: int) -> bytes:
    """Return a nonce that only tests may use."""
    return sha256(f"tocsin nonce {number}".encode()).digest()


def join(name: str, /, roles: tuple[Role, ...] | None = None, **changes: object) -> MemberSaid:
    """Return the statement by which a party is admitted."""
    kind, jurisdiction, usual = PARTIES.get(name, (Kind.PLATFORM, "", (Role.READER,)))
    said = MemberSaid(
        action="join",
        member=name,
        kind=kind,
        jurisdiction=jurisdiction,
        roles=usual if roles is None else roles,
        key=public_key(name),
    )
    return said.model_copy(update=changes)


def role(name: str, /, *roles: Role) -> MemberSaid:
    """Return the statement by which a member has just these roles."""
    return MemberSaid(action="role", member=name, roles=roles)


def item(at: datetime = START, days: float = 30, **changes: object) -> Assert:
    """Return an item with one signal, made of nothing."""
    code = sha256(repr(sorted(changes.items())).encode()).hexdigest()
    said = Assert(
        signals=(SignalSaid(type="pdq", value=code, quality=90),),
        basis=Basis(kind="terms", reference="terms of service, 4.2"),
        expires_at=moment(at + timedelta(days=days)),
    )
    return said.model_copy(update=changes)


class Ledger:
    """All entries so far, and the register of one who reads every payload."""

    def __init__(self, *parties: str) -> None:
        self.register = Register(ORIGIN)
        self.parcels: list[Parcel] = []
        self.judgements: list[Judgement] = []
        self.at = START
        if parties:
            self.said("industry", join("industry"))
        for name in parties:
            if name != "industry":
                self.admit(name)

    @classmethod
    def of_all(cls) -> "Ledger":
        """Return one whose every party has joined."""
        return cls(*PARTIES)

    @property
    def size(self) -> int:
        return len(self.parcels)

    def lookup(self, index: int) -> Envelope | None:
        return self.parcels[index].envelope if index < self.size else None

    def parcel(self, member: str, statement: Statement, key: str = "", **changes) -> Parcel:
        """Return what the member submits; `changes` are to its envelope, after the signature."""
        sealed = seal(
            write(statement),
            entry_type(statement),
            origin=ORIGIN,
            after=self.register.positions.get(member, Position()),
            key=private_key(key or member),
            nonce=nonce(self.size),
            urgent=changes.pop("urgent", False),
        )
        envelope = sealed.envelope.received(self.at)
        return Parcel(_changed(envelope, changes), sealed.nonce, sealed.payload)

    def take(self, parcel: Parcel) -> Judgement:
        """Judge and apply one entry, as a follower does."""
        envelope, index = parcel.envelope, self.size
        statement = parse(parcel.payload)
        judgement = judge(self.register, index, envelope, statement, self.lookup)
        public = self.register.public_key(envelope)
        if public is not None and not envelope.is_signed_by(public, ORIGIN):
            judgement = Barred("bad_signature", "it is not signed with the key it names")
        apply(self.register, index, envelope, statement, judgement)
        self.parcels.append(parcel)
        self.judgements.append(judgement)
        return judgement

    def say(self, member: str, statement: Statement, key: str = "", **changes) -> str:
        """Let a member say something; returns "allowed", or the code of what bars it."""
        judgement = self.take(self.parcel(member, statement, key, **changes))
        return judgement.code if isinstance(judgement, Barred) else "allowed"

    def said(self, member: str, statement: Statement, key: str = "") -> int:
        """Let a member say what is allowed; returns the index."""
        assert self.say(member, statement, key) == "allowed"
        return self.size - 1

    def admit(self, name: str) -> None:
        """Let a party join; if there is a steward already, who else approves is up to that one."""
        if not approvals_of(self.register, join(name)):
            self.said("industry", join(name))
            return
        self.said("industry", join(name, (Role.READER,)))
        asked = self.said("industry", role(name, *PARTIES[name][2]))
        self.said("rights", Approve(of=asked, audience="public"))

    def wait(self, **duration: float) -> None:
        """Let time go by."""
        self.at += timedelta(**duration)

    def add_key(self, member: str, name: str, key: str = "") -> int:
        """Let a member add a key of that name, signing with `key`."""
        said = KeySaid(action="add", member=member, key=public_key(name))
        return self.said(member, said, key)


def _changed(envelope: Envelope, changes: dict) -> Envelope:
    fields = {name: getattr(envelope, name) for name in Envelope.__slots__}
    return Envelope(**(fields | changes))
