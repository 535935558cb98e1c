"""Whether an entry counts: who may say what, and when. Pure.

Validity is judged by index, never by a clock of one's own; where a time counts, it is the one that
the exchange wrote into the leaf.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin.entries.envelope import EntryType, Envelope, Position, key_id
from tocsin.entries.incidents import Phase
from tocsin.entries.parties import (
    APPROVING,
    EXCLUSIVE,
    MEMBERS,
    PUBLIC,
    Kind,
    Member,
    Role,
    is_weak,
)
from tocsin.entries.register import Register
from tocsin.entries.statements import (
    Approve,
    Assert,
    Erase,
    Erased,
    GroupSaid,
    IncidentSaid,
    KeySaid,
    MemberSaid,
    Opinion,
    Retract,
    RuleSaid,
    Statement,
    Supersede,
    entry_type,
    when,
)

MAX_APPROVAL_WAIT = timedelta(days=7)
"""A request that nobody approved for so long is void."""

MAX_KEYS = 1000
MAX_INCIDENT_ENTRIES = 1000
"""Of one member, and of one incident: what a register keeps must not grow at one party's will."""

ROLES: dict[EntryType, frozenset[Role]] = {
    EntryType.MEMBER: frozenset({Role.OPERATOR}),
    EntryType.KEY: frozenset(Role),
    EntryType.GROUP: frozenset({Role.OPERATOR}),
    EntryType.RULE: frozenset({Role.OPERATOR}),
    EntryType.APPROVE: APPROVING,
    EntryType.ASSERT: frozenset({Role.CONTRIBUTOR}),
    EntryType.OPINION: frozenset({Role.REVIEWER, Role.CONTRIBUTOR}),
    EntryType.RETRACT: frozenset({Role.CONTRIBUTOR}),
    EntryType.SUPERSEDE: frozenset({Role.CONTRIBUTOR}),
    EntryType.ERASE: frozenset({Role.CONTRIBUTOR, Role.OPERATOR}),
    EntryType.ERASED: frozenset(Role),
    EntryType.INCIDENT: frozenset({Role.COORDINATOR}),
}
"""Which role a member needs, one of them, for each type of entry."""

_ROLES = {int(number): roles for number, roles in ROLES.items()}

ERASABLE = frozenset({EntryType.ASSERT, EntryType.OPINION})
"""What may be erased. Without the others nobody could judge the rest of the log; and to erase a
retraction would bring its item back for whoever reads the log anew."""

OPEN = frozenset({EntryType.MEMBER, EntryType.KEY, EntryType.RULE, EntryType.ERASE})
"""What is always addressed to the public and never erased: it cannot be another's to read."""

Lookup = Callable[[int], Envelope | None]
"""Reads the leaf at an index, None where there is none; for the entry that a statement is about."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """The entry counts."""

    issuer: str


@dataclass(frozen=True, slots=True)
class Barred:
    """The entry has no effect: a stable code, and a sentence for a person."""

    code: str
    reason: str


Judgement = Allowed | Barred


def judge(
    register: Register, index: int, envelope: Envelope, statement: Statement | None, lookup: Lookup
) -> Judgement:
    """Judge the entry at `index`, whose signature was verified; None: not ours to read.

    The first entry of a log founds it: the operator joins, signing with the key it brings.
    """
    if index == 0:
        return _judge_founding(envelope, statement)
    member = register.issuer_of(envelope)
    if member is None:
        return Barred("unknown_key", "no member has this key")
    if not member.keys[envelope.key_id.hex()].counts_at(index):
        return Barred("revoked_key", f"{member.id}'s key does not count at this index")
    broken = _judge_chain(register, member, envelope)
    if broken is not None:
        return broken
    if not member.active and envelope.type != EntryType.ERASED:
        return Barred("suspended", f"{member.id} is suspended")
    try:
        roles = _ROLES[envelope.type]
    except KeyError:
        return Barred("unknown_type", f"type {envelope.type} is not known here")
    if not roles & member.roles:
        return Barred("not_permitted", f"{member.id} does not have the role for this")
    if statement is None and _is_open(envelope, member):
        return Barred("withheld", "everybody reads what this says, and it was not handed out")
    if statement is None:
        return Allowed(member.id)
    if entry_type(statement) != envelope.type:
        return Barred("malformed", "the payload is of another type than the leaf says")
    objection = _objection(register, member, index, envelope.received_at, statement, lookup)
    return objection or Allowed(member.id)


def _is_open(envelope: Envelope, member: Member) -> bool:
    """Whether everybody reads what an entry says, as far as its leaf tells.

    What stewards approve is addressed to the public; only coordinators approve for a few.
    """
    steward = envelope.type == EntryType.APPROVE and Role.COORDINATOR not in member.roles
    return steward or envelope.type in OPEN


def chains(register: Register, envelope: Envelope) -> bool:
    """Whether the entry is the next one of its issuer."""
    member = register.issuer_of(envelope)
    return member is not None and _judge_chain(register, member, envelope) is None


def _judge_founding(envelope: Envelope, statement: Statement | None) -> Judgement:
    founds = (
        envelope.type == EntryType.MEMBER
        and isinstance(statement, MemberSaid)
        and statement.action == "join"
        and statement.kind is Kind.OPERATOR
        and Role.OPERATOR in statement.roles
        and may_hold(statement.roles)
        and statement.key is not None
        and not is_weak(bytes.fromhex(statement.key))
        and key_id(bytes.fromhex(statement.key)) == envelope.key_id
        and envelope.sequence == 1
        and envelope.previous == Position().digest
    )
    if founds and isinstance(statement, MemberSaid):
        return Allowed(statement.member)
    return Barred("unfounded", "the first entry does not make its issuer the operator")


def _judge_chain(register: Register, member: Member, envelope: Envelope) -> Barred | None:
    position = register.positions.get(member.id, Position())
    if envelope.sequence <= position.sequence:
        return Barred("replayed", f"{member.id} made its entry {envelope.sequence} before")
    follows = envelope.sequence == position.sequence + 1
    if not follows or envelope.previous != position.digest:
        return Barred("gap", f"this is not what follows entry {position.sequence} of {member.id}")
    return None


def _objection(
    register: Register,
    member: Member,
    index: int,
    at: datetime,
    statement: Statement,
    lookup: Lookup,
) -> Barred | None:
    """Say why a statement may not be made, or nothing."""
    match statement:
        case Assert():
            return _object_to_assert(register, member, at, statement)
        case Opinion() | Retract() | Supersede() | Erase() | Erased():
            return _object_to_reference(register, member, index, statement, lookup)
        case MemberSaid():
            return _object_to_member(register, statement)
        case KeySaid():
            return _object_to_key(register, member, index, statement)
        case GroupSaid():
            unknown = set(statement.members) - register.members.keys()
            named = statement.audience in {PUBLIC, MEMBERS}
            bad = named or bool(unknown)
            return Barred("bad_group", "a group has its own name, and members") if bad else None
        case RuleSaid():
            return None
        case Approve():
            return _object_to_approve(register, member, at, statement)
        case IncidentSaid():
            return _object_to_incident(register, member, at, statement)


def _object_to_assert(
    register: Register, member: Member, at: datetime, said: Assert
) -> Barred | None:
    if not _addresses(register, member, said.audience):
        return Barred("wrong_audience", f"{member.id} is not in {said.audience}")
    if said.list == "block" and said.expires_at is None:
        return Barred("no_end", "an item of a block list needs an end")
    longest = timedelta(days=register.rules.max_ttl_days)
    if said.incident is not None:
        incident = register.incidents.get(said.incident)
        # One answer for all: whoever does not read of an incident must not learn that there is one.
        if incident is None or incident.audience not in {PUBLIC, said.audience}:
            return Barred("no_incident", f"{said.audience} reads of no incident {said.incident}")
        if not incident.is_open(at):
            return Barred("no_incident", f"the incident {said.incident} is not open")
        longest = timedelta(hours=register.rules.incident_ttl_hours)
    if said.expires_at is not None and not _within(at, when(said.expires_at), longest):
        hours = longest // timedelta(hours=1)
        most = f"{longest.days} days" if longest.days > 1 else f"{hours} hours"
        return Barred("bad_end", f"an item ends within {most}, and not in the past")
    return None


def _object_to_reference(
    register: Register,
    member: Member,
    index: int,
    said: Opinion | Retract | Supersede | Erase | Erased,
    lookup: Lookup,
) -> Barred | None:
    about = lookup(said.of) if said.of < index else None
    if about is None:
        return Barred("no_subject", f"there is no entry {said.of} before this one")
    if isinstance(said, Erased):
        erases = about.type == EntryType.ERASE
        return None if erases else Barred("no_subject", f"entry {said.of} erases nothing")
    owner = register.issuer_of(about)
    own = owner is not None and owner.id == member.id
    if isinstance(said, Erase):
        allowed = own or Role.OPERATOR in member.roles
        if about.type not in ERASABLE:
            return Barred("needed", "what members, keys and rules are must stay readable")
        return None if allowed else Barred("not_own", "only its issuer or the operator erases it")
    if about.type != EntryType.ASSERT:
        return Barred("no_subject", f"entry {said.of} asserts nothing")
    if isinstance(said, Opinion):
        return Barred("own_item", "nobody confirms or disputes its own item") if own else None
    if not own:
        return Barred("not_own", f"entry {said.of} is not {member.id}'s")
    if isinstance(said, Supersede):
        successor = lookup(said.by) if said.of < said.by < index else None
        fits = successor is not None and successor.type == EntryType.ASSERT
        if not fits or successor is None or register.issuer_of(successor) != owner:
            return Barred("no_successor", f"entry {said.by} is no later item of {member.id}")
    return None


def _object_to_member(register: Register, said: MemberSaid) -> Barred | None:
    if said.action == "join":
        if said.member in register.members:
            return Barred("exists", f"{said.member} is a member already")
        if said.key is None or said.kind is None or not said.roles:
            return Barred("malformed", "who joins has a key, a kind and a role")
        unfit = _object_to_new_key(register, said.key)
        if unfit is not None:
            return unfit
    elif said.member not in register.members:
        return Barred("no_member", f"{said.member} is no member")
    elif said.key is not None or said.kind is not None:
        return Barred("malformed", "only who joins brings a key and a kind")
    if said.action in {"join", "role"} and not may_hold(said.roles):
        return Barred("roles_clash", "one member never holds these roles together")
    if said.action == "join" and approvals_of(register, said):
        return Barred("unapproved", "a role to approve with comes later, and a steward approves")
    if _orphans(register, said):
        return Barred("last_operator", "nobody could admit or suspend members any more")
    return None


def _orphans(register: Register, said: MemberSaid) -> bool:
    """Whether no active operator would be left."""
    keeps = said.action == "role" and Role.OPERATOR in said.roles
    if said.action in {"join", "reinstate"} or keeps:
        return False
    operators = {
        one.id for one in register.members.values() if one.active and Role.OPERATOR in one.roles
    }
    return operators == {said.member}


def _object_to_key(register: Register, member: Member, index: int, said: KeySaid) -> Barred | None:
    own = said.member == member.id
    if said.action == "add":
        if not own:
            # Or the operator could speak as anybody.
            return Barred("not_own", "a member adds its own keys")
        if len(member.keys) >= MAX_KEYS:
            return Barred("too_many", f"a member has at most {MAX_KEYS} keys in all")
        return _object_to_new_key(register, said.key)
    if not own and Role.OPERATOR not in member.roles:
        return Barred("not_own", "a member's key is revoked by itself or the operator")
    held = register.members.get(said.member)
    if held is None or key_id(bytes.fromhex(said.key)).hex() not in held.keys:
        return Barred("no_key", f"{said.member} has no such key")
    late = said.since is not None and said.since > index
    return Barred("malformed", "a key is revoked since now or before") if late else None


def _object_to_new_key(register: Register, key: str) -> Barred | None:
    public = bytes.fromhex(key)
    if is_weak(public):
        return Barred("weak_key", "under this key anybody can sign")
    known = key_id(public).hex() in register.owners
    return Barred("exists", "this key belongs to a member already") if known else None


def _object_to_approve(
    register: Register, member: Member, at: datetime, said: Approve
) -> Barred | None:
    request = register.requests.get(said.of)
    if request is None or at - request.at > MAX_APPROVAL_WAIT:
        return Barred("no_request", f"nothing waits for approval at {said.of}")
    if request.issuer == member.id:
        return Barred("own_request", "nobody approves its own request")
    if member.id in request.approved_by:
        return Barred("twice", f"{member.id} has approved this")
    asked = request.statement
    if isinstance(asked, MemberSaid) and asked.member == member.id and _gives(register, asked):
        return Barred("own_request", "nobody approves a role of its own")
    if said.audience != asked.audience:
        return Barred("wrong_audience", f"who reads entry {said.of} reads who approved it")
    needed = Role.COORDINATOR if isinstance(asked, IncidentSaid) else Role.STEWARD
    if needed not in member.roles:
        return Barred("not_permitted", f"a {needed} approves this")
    if isinstance(asked, IncidentSaid) and _is_over(register, at, asked):
        return Barred("not_open", f"incident {asked.incident} is over")
    # Since it was asked for, others may have changed: two operators never suspend each other.
    return _object_to_member(register, asked) if isinstance(asked, MemberSaid) else None


def _is_over(register: Register, at: datetime, asked: IncidentSaid) -> bool:
    """Whether approval comes too late: what ended by itself is not opened again."""
    return register.incidents[asked.incident].phase(at) not in {Phase.PROPOSED, Phase.OPEN}


def _object_to_incident(
    register: Register, member: Member, at: datetime, said: IncidentSaid
) -> Barred | None:
    known = register.incidents.get(said.incident)
    if not _addresses(register, member, said.audience):
        return Barred("wrong_audience", f"{member.id} is not in {said.audience}")
    if said.action in {"open", "decline"}:
        if known is not None:
            return Barred("exists", f"there was an incident {said.incident} already")
        if said.kind is None or not said.title:
            return Barred("malformed", "an incident has a kind and a title")
    elif known is None or known.audience != said.audience:
        return Barred("no_incident", f"there is no incident {said.incident} of this audience")
    elif said.action in {"extend", "close"} and not known.is_open(at):
        return Barred("not_open", f"incident {said.incident} is not open")
    elif said.action == "update" and len(known.log) >= MAX_INCIDENT_ENTRIES:
        return Barred("too_many", f"an incident has at most {MAX_INCIDENT_ENTRIES} entries")
    if said.action in {"open", "extend"}:
        longest = timedelta(hours=register.rules.incident_hours)
        if said.ends_at is None or not _within(at, when(said.ends_at), longest):
            return Barred("bad_end", f"it ends within {register.rules.incident_hours} hours")
    return None


def may_hold(roles: tuple[Role, ...] | frozenset[Role]) -> bool:
    """Whether one member may hold these roles together: the separation of duties."""
    held = frozenset(roles)
    return not any(role in held and held & others for role, others in EXCLUSIVE.items())


def approvals_of(register: Register, said: MemberSaid) -> int:
    """Return how many stewards approve a change of a member before it takes effect.

    Whatever takes a role or the voice from a member needs as many as the rules say. Once there is a
    steward, one at least agrees to who approves from now on, and to who does so no longer: without
    the second, an operator would suspend all stewards and begin anew with its own.
    """
    before, after = _roles_around(register, said)
    takes = said.action in {"suspend", "leave"} or not before <= after
    needed = register.rules.suspend_approvals if takes else 0
    guarded = _gives(register, said) or Role.STEWARD in before - after
    return max(needed, 1) if guarded and _has_steward(register) else needed


def _gives(register: Register, said: MemberSaid) -> bool:
    """Whether a change gives a member a role by which it approves."""
    before, after = _roles_around(register, said)
    return bool((after - before) & APPROVING)


def _roles_around(register: Register, said: MemberSaid) -> tuple[frozenset[Role], frozenset[Role]]:
    """Return the roles of a member before and after a change; one that is suspended has none."""
    member = register.members.get(said.member)
    held = frozenset[Role]() if member is None else member.roles
    if said.action in {"join", "role"}:
        return held, frozenset(said.roles)
    if said.action == "reinstate":
        active = member is not None and member.active
        return held if active else frozenset(), held
    return held, frozenset()


def _has_steward(register: Register) -> bool:
    return any(one.active and Role.STEWARD in one.roles for one in register.members.values())


def _within(at: datetime, end: datetime, longest: timedelta) -> bool:
    return timedelta() < end - at <= longest


def _addresses(register: Register, member: Member, audience: str) -> bool:
    return audience in {PUBLIC, MEMBERS} or register.may_read(audience, member.id)
