"""Invitations: the operator offers a place under terms; who has the token takes it, once.

Only a hash of the token is stored. A place that was taken by a key can be asked for by that key
again, and the answer is the same: a new member whose connection broke is not locked out.
"""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, ValidationError

from tocsin.entries.judging import approvals_of, may_hold
from tocsin.entries.parties import APPROVING, MEMBERS, PUBLIC, Kind, Role
from tocsin.entries.register import Register
from tocsin.entries.statements import GroupSaid, MemberSaid, Name, Statement
from tocsin.errors import Conflict, InvalidInput, Refused
from tocsin.operating.database import Database

TOKEN_BYTES = 24
VALID = timedelta(days=14)


class Terms(BaseModel):
    """What a new member will be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    member: Name
    kind: Kind = Kind.PLATFORM
    name: str = ""
    jurisdiction: str = ""
    roles: tuple[Role, ...] = (Role.READER,)
    groups: tuple[Name, ...] = ()

    def statements(self, register: Register, public: bytes) -> list[Statement]:
        """Return what the operator says when a key takes the place.

        Roles that a steward has to agree to are asked for; until then it has the others, or reads.
        """
        groups = [self._group(register, group) for group in self.groups]
        joins = MemberSaid(
            action="join",
            member=self.member,
            kind=self.kind,
            name=self.name,
            jurisdiction=self.jurisdiction,
            roles=self.roles,
            key=public.hex(),
        )
        if not approvals_of(register, joins):
            return [joins, *groups]
        now = tuple(role for role in self.roles if role not in APPROVING) or (Role.READER,)
        asks = MemberSaid(action="role", member=self.member, roles=self.roles)
        return [joins.model_copy(update={"roles": now}), asks, *groups]

    def _group(self, register: Register, name: str) -> GroupSaid:
        known = register.groups.get(name)
        members = {self.member} | (known.members if known else frozenset())
        return GroupSaid(audience=name, members=tuple(sorted(members)))


def check_terms(**said: object) -> Terms:
    """Read terms. Raises InvalidInput for those under which nobody could join."""
    try:
        terms = Terms.model_validate(said)
        terms.statements(Register(""), bytes(32))
    except ValidationError as error:
        faults = error.errors(include_url=False)
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in faults)
        raise InvalidInput(f"nobody can join under these terms: {told}") from error
    if not may_hold(terms.roles):
        raise InvalidInput("one member never holds these roles together", code="roles_clash")
    if {MEMBERS, PUBLIC} & set(terms.groups):
        raise InvalidInput("a group has a name of its own", code="bad_group")
    return terms


class Invitations:
    """The table of invitations. Thread-safe; a command may make one beside the exchange."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def offer(self, terms: Terms, *, valid: timedelta = VALID) -> str:
        """Make an invitation and return its token, which is stored nowhere. Raises Unavailable."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        ends = int((self._clock() + valid).timestamp())
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO invitation VALUES (?, ?, ?, NULL)",
                (_hash(token), terms.model_dump_json(), ends),
            )
        return token

    def claim(self, token: str, public: bytes) -> Terms:
        """Take the place for a key, durably, and return its terms.

        Raises Refused: `no_invitation`, `invitation_expired`; Conflict: `invitation_used`.
        """
        with self._database.write() as connection:
            row: Sequence[object] | None = connection.execute(
                "SELECT terms, expires_at, key FROM invitation WHERE token = ?", (_hash(token),)
            ).fetchone()
            if row is None:
                raise Refused("there is no such invitation", code="no_invitation")
            terms, expires_at, taken = row
            if taken is not None and taken != public:
                raise Conflict("this invitation was used with another key", code="invitation_used")
            if taken is None and int(str(expires_at)) <= self._clock().timestamp():
                raise Refused("this invitation has run out", code="invitation_expired")
            connection.execute(
                "UPDATE invitation SET key = ? WHERE token = ?", (public, _hash(token))
            )
        return Terms.model_validate_json(str(terms))

    def release(self, token: str) -> None:
        """Give the place back: nobody joined."""
        with self._database.write() as connection:
            connection.execute("UPDATE invitation SET key = NULL WHERE token = ?", (_hash(token),))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
