"""The register: what the log says about members, keys, groups, rules and incidents.

Exchange, follower and auditor replay the same entries: `judging.judge` says whether an entry
counts, `applying.apply` takes note of it. So all come to the same state.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, TypeAdapter, ValidationError

from tocsin.entries.envelope import Envelope, Position
from tocsin.entries.incidents import Incident
from tocsin.entries.parties import IN_ORDER, MEMBERS, PUBLIC, Group, Member
from tocsin.entries.statements import IncidentSaid, MemberSaid, Rules, RuleSaid
from tocsin.errors import Damaged


@dataclass(frozen=True, slots=True)
class Request:
    """What one member asked for and others must approve."""

    statement: RuleSaid | MemberSaid | IncidentSaid
    issuer: str
    at: datetime
    approved_by: tuple[str, ...] = ()


@dataclass(slots=True)
class Register:
    """The state after all entries below `size`; changed only by `applying.apply`.

    `positions` is where each member's chain stands; `owners` names the member of every key that was
    ever added. `requests` and `incidents` hold what governance knows.
    """

    __pydantic_config__ = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    origin: str
    size: int = 0
    members: dict[str, Member] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    positions: dict[str, Position] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)
    requests: dict[int, Request] = field(default_factory=dict)
    incidents: dict[str, Incident] = field(default_factory=dict)
    erased: Annotated[set[int], IN_ORDER] = field(default_factory=set)

    def issuer_of(self, envelope: Envelope) -> Member | None:
        """Return whose key the envelope names; None for a key that was never added."""
        owner = self.owners.get(envelope.key_id.hex())
        return None if owner is None else self.members[owner]

    def public_key(self, envelope: Envelope) -> bytes | None:
        """Return the raw key that the envelope names, revoked or not; None if it is not known."""
        member = self.issuer_of(envelope)
        return None if member is None else member.keys[envelope.key_id.hex()].public

    def may_read(self, audience: str, member: str | None) -> bool:
        """Whether a member (None: anybody) reads what is addressed to an audience."""
        if audience == PUBLIC:
            return True
        if member not in self.members:
            return False
        if audience == MEMBERS:
            return self.members[member].active
        group = self.groups.get(audience)
        return group is not None and member in group.members and self.members[member].active

    def dump(self) -> bytes:
        """Write the register down, for `load`."""
        return _FORM.dump_json(self)

    @classmethod
    def load(cls, raw: bytes) -> "Register":
        """Read what `dump` wrote. Raises Damaged."""
        try:
            return _FORM.validate_json(raw)
        except ValidationError as error:
            raise Damaged(
                f"the stored register cannot be read: {error.error_count()} faults"
            ) from error


_FORM: TypeAdapter[Register] = TypeAdapter(Register)
