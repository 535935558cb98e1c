"""What an entry that counts means for a node: effects, named before any is carried out. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256

from tocsin.entries.envelope import EntryType
from tocsin.entries.judging import Lookup
from tocsin.entries.parties import MEMBERS, Group, Member
from tocsin.entries.register import Register
from tocsin.entries.statements import (
    Approve,
    Assert,
    Erase,
    IncidentSaid,
    Opinion,
    Retract,
    SignalSaid,
    Supersede,
    when,
)
from tocsin.errors import InvalidInput
from tocsin.hashing.url import canonical
from tocsin.lists.vocabulary import LABELS
from tocsin.model import ListKind, Signal, SignalType, Unhashable
from tocsin.sharing.replaying import Checked, Fault, Told, replay
from tocsin.trust.rule import Claim

INCIDENT = "incident:"
DRILL = "drill:"
_MAX_ROLE_CHARS = 200
_GOVERNING = frozenset(
    {
        EntryType.MEMBER,
        EntryType.KEY,
        EntryType.GROUP,
        EntryType.RULE,
        EntryType.APPROVE,
        EntryType.ERASE,
        EntryType.INCIDENT,
    }
)
"""Types of entries that change the register beyond their issuer's chain."""


@dataclass(frozen=True, slots=True)
class Listing:
    """An asserted item. `role` names the list that takes it, see `role_of`.

    What a node has no use for is left out: thousands are kept until their page is written.
    """

    entry: int
    issuer: str
    key: bytes
    role: str
    audience: str
    signals: tuple[Signal, ...]
    claim: Claim
    incident: bool
    note: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Held:
    """A member's opinion of the item that entry `said.of` asserted."""

    entry: int
    issuer: str
    said: Opinion
    at: datetime


@dataclass(frozen=True, slots=True)
class Delisted:
    """The item of entry `of` is off its list: "retracted" or "superseded"."""

    of: int
    why: str


@dataclass(frozen=True, slots=True)
class Destroyed:
    """What entry `of` said is to be destroyed, because entry `entry` asks for it."""

    entry: int
    of: int


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Items of a member, asserted at [`since`, `before`), act no more; of one key, where named."""

    issuer: str
    key: bytes | None
    since: int
    before: int


@dataclass(frozen=True, slots=True)
class Released:
    """A member is reinstated: its items may rise again."""

    issuer: str


@dataclass(frozen=True, slots=True)
class Left:
    """We left this audience at `entry`: what it was told before is not ours to keep."""

    entry: int
    audience: str


@dataclass(frozen=True, slots=True)
class Joined:
    """We are in this audience since entry `entry`: what was said to it before can be read now."""

    entry: int
    audience: str


@dataclass(frozen=True, slots=True)
class Reported:
    """A line of an incident's situation log."""

    entry: int
    incident: str
    issuer: str
    action: str
    reason: str
    at: datetime


Effect = Listing | Held | Delisted | Destroyed | Quarantined | Released | Left | Joined | Reported


@dataclass(slots=True)
class Chunk:
    """The effects of some entries in their order, and what was noted on the way."""

    start: int
    end: int
    told: int
    effects: list[Effect]
    faults: list[Fault]
    governed: bool


def follow(register: Register, checked: Checked, lookup: Lookup, now: datetime, me: str) -> Chunk:
    """Replay entries into the register; return their effects on a node that is member `me`."""
    chunk = Chunk(checked.start, checked.end, 0, [], [], governed=False)
    before = _Before.of(register)
    for outcome in replay(register, checked, lookup, now):
        if isinstance(outcome, Fault):
            chunk.faults.append(outcome)
            continue
        try:
            chunk.effects += _effects(register, outcome)
        except InvalidInput as error:
            chunk.faults.append(Fault(outcome.index, "bad_signal", str(error)))
            continue
        chunk.told += 1
        if outcome.envelope.type in _GOVERNING:
            chunk.governed = True
            chunk.effects += before.changes(register, outcome.index, me)
            before = _Before.of(register)
    return chunk


def role_of(said: Assert, *, drill: bool) -> str:
    """Name the list for an item: territories belong to rules, so they are part of the name."""
    base: str = said.list
    if said.incident is not None:
        base = f"{DRILL if drill else INCIDENT}{said.incident}"
        base += "" if said.list == "block" else "/allow"
    if not said.territories:
        return base
    where = ",".join(sorted(set(said.territories)))
    if len(base) + len(where) > _MAX_ROLE_CHARS:
        where = sha256(where.encode()).hexdigest()[:16]
    return f"{base}@{where}"


@dataclass(frozen=True, slots=True)
class _Before:
    """The parties before an entry. Members and groups are replaced, never changed, by it."""

    members: dict[str, Member]
    groups: dict[str, Group]

    @classmethod
    def of(cls, register: Register) -> "_Before":
        return cls(dict(register.members), dict(register.groups))

    def changes(self, register: Register, index: int, me: str) -> Iterator[Effect]:
        for name, member in register.members.items():
            old = self.members.get(name)
            if old is not None and old is not member:
                yield from _changed(old, member, index)
                if name == me and member.active and not old.active:
                    # What was said to members meanwhile was kept from us.
                    yield Joined(index, MEMBERS)
        for name in self.groups.keys() | register.groups.keys():
            was = name in self.groups and me in self.groups[name].members
            now = name in register.groups and me in register.groups[name].members
            if was and not now:
                yield Left(index, name)
            elif now and not was:
                yield Joined(index, name)


def _changed(old: Member, member: Member, index: int) -> Iterator[Effect]:
    if old.active and not member.active:
        yield Quarantined(member.id, None, 0, index)
    released = member.active and not old.active
    if released:
        yield Released(member.id)
    for name, key in member.keys.items():
        known = old.keys.get(name)
        since = key.revoked_since
        # What a stolen key signed stays where it was put when its owner comes back.
        moved = known is not None and since != known.revoked_since
        if since is not None and (moved or released):
            yield Quarantined(member.id, bytes.fromhex(name), since, index)


def _effects(register: Register, told: Told) -> tuple[Effect, ...]:
    match told.statement:
        case Assert() as said:
            incident = register.incidents.get(said.incident or "")
            drill = incident is not None and incident.drill
            return (_listing(told, said, role_of(said, drill=drill)),)
        case Opinion() as said:
            return (Held(told.index, told.issuer, said, told.envelope.received_at),)
        case Retract() as said:
            return (Delisted(said.of, "retracted"),)
        case Supersede() as said:
            return (Delisted(said.of, "superseded"),)
        case Erase() as said:
            return (Destroyed(told.index, said.of),)
        case IncidentSaid() as said:
            return (_report(told, said.incident, said.action, said.reason),)
        case Approve() as said:
            about = (one.id for one in register.incidents.values() if told.index in one.log)
            return tuple(_report(told, one, "approve", said.reason) for one in about)
        case _:
            return ()


def _report(told: Told, incident: str, action: str, reason: str) -> Reported:
    at = told.envelope.received_at
    return Reported(told.index, incident, told.issuer, action, reason, at)


def _listing(told: Told, said: Assert, role: str) -> Listing:
    return Listing(
        entry=told.index,
        issuer=told.issuer,
        key=told.envelope.key_id,
        role=role,
        audience=said.audience,
        signals=_signals(said),
        claim=_claim(said.labels, said.list, said.territories),
        incident=said.incident is not None,
        note=said.note,
        expires_at=None if said.expires_at is None else when(said.expires_at),
    )


@lru_cache(maxsize=1024)
def _claim(labels: tuple[str, ...], kind: str, territories: tuple[str, ...]) -> Claim:
    """Return what is claimed, with the labels that this version knows; most are like another."""
    known = tuple(dict.fromkeys(one for one in labels if one in LABELS))
    return Claim(known, ListKind(kind), territories)


def _signals(said: Assert) -> tuple[Signal, ...]:
    """Return the signals in the form that is listed, each once. Raises InvalidInput."""
    if len(said.signals) == 1:
        return (_signal(said.signals[0]),)
    return tuple({(one.type, one.value): one for one in map(_signal, said.signals)}.values())


def _signal(said: SignalSaid) -> Signal:
    """Bring a signal into the form that is listed. Raises InvalidInput."""
    signal = Signal.parse(said.type, said.value, said.quality)
    if signal.type is not SignalType.URL:
        return signal
    link = canonical(signal.text)
    if isinstance(link, Unhashable):
        raise InvalidInput(f"{signal.text[:80]!r} cannot be listed: {link.reason}")
    return Signal(SignalType.URL, link.encode())
