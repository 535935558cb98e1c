"""What an entry changes in the register."""

from dataclasses import replace
from datetime import datetime

from tocsin.entries.envelope import Envelope, Position, key_id
from tocsin.entries.incidents import begin
from tocsin.entries.judging import Allowed, Barred, Judgement, approvals_of, chains
from tocsin.entries.parties import Group, Member, MemberKey
from tocsin.entries.register import Register, Request
from tocsin.entries.statements import (
    Approve,
    Erase,
    GroupSaid,
    IncidentSaid,
    KeySaid,
    MemberSaid,
    RuleSaid,
    Statement,
    when,
)

NOT_ITS_OWN = frozenset({"bad_signature", "unknown_key", "revoked_key"})
"""Judgements of entries that need not come from the member whose key they name."""


def apply(
    register: Register,
    index: int,
    envelope: Envelope,
    statement: Statement | None,
    judgement: Judgement,
) -> None:
    """Take note of the entry at `index`, which must be `size`, and of what was judged."""
    pass_over(register, index)
    if isinstance(judgement, Allowed) and statement is not None:
        _effect(register, judgement.issuer, index, envelope, statement)
    # A barred entry still takes its place in the chain of the member that signed it; what another
    # made in its name does not, or its own next entry would look like a replay.
    foreign = isinstance(judgement, Barred) and judgement.code in NOT_ITS_OWN
    if isinstance(judgement, Allowed) or (not foreign and chains(register, envelope)):
        member = register.issuer_of(envelope)
        if member is not None:
            position = Position(envelope.sequence, envelope.digest(register.origin))
            register.positions[member.id] = position


def pass_over(register: Register, index: int) -> None:
    """Take note that the entry at `index` has no issuer: its leaf is malformed, or not signed."""
    if index != register.size:
        raise ValueError(f"entry {index} does not follow {register.size} entries")
    register.size = index + 1


def _effect(
    register: Register, issuer: str, index: int, envelope: Envelope, statement: Statement
) -> None:
    """Change the register as an allowed statement says."""
    at = envelope.received_at
    match statement:
        case MemberSaid() if approvals_of(register, statement):
            register.requests[index] = Request(statement, issuer, at)
        case MemberSaid():
            _change_member(register, index, statement)
        case KeySaid():
            _change_key(register, index, envelope.key_id.hex(), statement)
        case GroupSaid():
            if statement.members:
                group = Group(statement.audience, frozenset(statement.members))
                register.groups[statement.audience] = group
            else:
                register.groups.pop(statement.audience, None)
        case RuleSaid():
            register.requests[index] = Request(statement, issuer, at)
        case IncidentSaid():
            _change_incident(register, issuer, index, at, statement)
        case Approve():
            _approve(register, issuer, index, at, statement)
        case Erase():
            register.erased.add(statement.of)
        case _:
            pass


def _change_member(register: Register, index: int, said: MemberSaid) -> None:
    if said.action == "join" and said.key is not None and said.kind is not None:
        public = bytes.fromhex(said.key)
        name = key_id(public).hex()
        # A founder signs with the key it brings, so that one counts from its own entry on.
        added = index or -1
        keys = {name: MemberKey(public, added)}
        roles = frozenset(said.roles)
        register.members[said.member] = Member(
            said.member, said.kind, said.name, said.jurisdiction, roles, keys, index
        )
        register.owners[name] = said.member
        return
    member = register.members[said.member]
    if said.action == "role":
        changed = replace(member, roles=frozenset(said.roles))
    elif said.action == "reinstate":
        changed = replace(member, suspended_since=None)
    else:
        changed = replace(member, suspended_since=index)
    register.members[said.member] = changed


def _change_key(register: Register, index: int, by: str, said: KeySaid) -> None:
    member = register.members[said.member]
    public = bytes.fromhex(said.key)
    name = key_id(public).hex()
    if said.action == "add":
        keys = {**member.keys, name: MemberKey(public, index, added_by=by)}
        register.owners[name] = said.member
    else:
        keys = _revoked(member.keys, name, index if said.since is None else said.since)
    register.members[said.member] = replace(member, keys=keys)


def _revoked(keys: dict[str, MemberKey], name: str, since: int) -> dict[str, MemberKey]:
    """Revoke a key, and what was added with it since then: a thief adds keys of its own."""
    ends = {name: since}
    # In the order of their adding, so that a key comes after the one that added it.
    for other, key in keys.items():
        if key.added_by in ends and key.added >= ends[key.added_by]:
            ends[other] = key.added
    changed = dict(keys)
    for other, end in ends.items():
        earlier = keys[other].revoked_since
        end = end if earlier is None else min(end, earlier)
        changed[other] = replace(keys[other], revoked_since=end)
    return changed


def _change_incident(
    register: Register, issuer: str, index: int, at: datetime, said: IncidentSaid
) -> None:
    known = register.incidents.get(said.incident)
    if known is None:
        register.incidents[said.incident] = begin(said, index, issuer, at)
    else:
        changed = known.noted(index)
        if said.action == "close":
            counts = tuple(sorted(said.counts.items()))
            changed = replace(changed, closed_at=at, counts=counts)
        register.incidents[said.incident] = changed
    if said.action in {"open", "extend"}:
        register.requests[index] = Request(said, issuer, at)


def _approve(register: Register, issuer: str, index: int, at: datetime, said: Approve) -> None:
    request = register.requests[said.of]
    request = replace(request, approved_by=(*request.approved_by, issuer))
    asked = request.statement
    if len(request.approved_by) < _needed(register, asked):
        register.requests[said.of] = request
        return
    del register.requests[said.of]
    if isinstance(asked, RuleSaid):
        register.rules = asked.rules
    elif isinstance(asked, MemberSaid):
        _change_member(register, index, asked)
    else:
        incident = register.incidents[asked.incident].noted(index)
        ends_at = incident.ends_at if asked.ends_at is None else when(asked.ends_at)
        # Whoever agrees to an extension stands in the situation log, not for the opening.
        register.incidents[asked.incident] = replace(
            incident,
            opened_at=incident.opened_at or at,
            ends_at=ends_at,
            approved_by=incident.approved_by or request.approved_by,
        )


def _needed(register: Register, asked: RuleSaid | MemberSaid | IncidentSaid) -> int:
    if isinstance(asked, RuleSaid):
        return register.rules.rule_approvals
    if isinstance(asked, MemberSaid):
        return approvals_of(register, asked)
    return register.rules.incident_approvals
