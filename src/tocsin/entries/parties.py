"""Who takes part in an exchange: members, their kinds, roles and keys, and groups of them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

from pydantic import PlainSerializer

PUBLIC: Final = "public"
MEMBERS: Final = "members"
"""The two audiences that every exchange has. Others are groups."""


IN_ORDER: Final = PlainSerializer(sorted)
"""How sets are written down, so that equal ones give equal bytes."""


class Kind(StrEnum):
    """What kind of organisation a member is. Stored: values may be added, never renamed."""

    PLATFORM = "platform"
    AUTHORITY = "authority"
    ACCESS_PROVIDER = "access_provider"
    CIVIL_SOCIETY = "civil_society"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    WITNESS = "witness"


class Role(StrEnum):
    """What a member may do, one duty per word. Stored: values may be added, never renamed."""

    READER = "reader"
    CONTRIBUTOR = "contributor"
    REVIEWER = "reviewer"
    COORDINATOR = "coordinator"
    STEWARD = "steward"
    AUDITOR = "auditor"
    OPERATOR = "operator"


EXCLUSIVE = {
    Role.OPERATOR: frozenset({Role.CONTRIBUTOR, Role.REVIEWER, Role.COORDINATOR, Role.STEWARD}),
    Role.AUDITOR: frozenset(set(Role) - {Role.AUDITOR, Role.READER}),
}
"""Duties that one member never holds together: who runs the exchange neither says what is listed
nor approves its own changes, and who audits does nothing else."""

APPROVING = frozenset({Role.STEWARD, Role.COORDINATOR})
"""Roles by which a member approves. Once there is a steward, one of them agrees to who gets these:
or the operator would approve its own requests, through a member in disguise."""


_PRIME = 2**255 - 19
_Y8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER = frozenset({0, 1, _PRIME - 1, _Y8, _PRIME - _Y8})


def is_weak(public: bytes) -> bool:
    """Whether a raw Ed25519 key is a point of small order, under which anybody can sign.

    Its holder could disown what it signed. The y of all such points: RFC 8032, section 5.1.
    """
    y = int.from_bytes(public, "little") & (2**255 - 1)
    return y % _PRIME in _SMALL_ORDER


@dataclass(frozen=True, slots=True)
class MemberKey:
    """A raw Ed25519 key. It counts for entries after index `added` and before `revoked_since`.

    `added_by` is the id, in hex, of the key of the same member that signed its adding, or "".
    """

    public: bytes
    added: int
    revoked_since: int | None = None
    added_by: str = ""

    def counts_at(self, index: int) -> bool:
        """Whether an entry at `index` may be signed with it."""
        return self.added < index and (self.revoked_since is None or index < self.revoked_since)


@dataclass(frozen=True, slots=True)
class Member:
    """An organisation, never a person. `jurisdiction` is an ISO 3166-1 alpha-2 code or "".

    `name` is empty for a member that others do not learn by name. `keys` are by key id in hex.
    """

    id: str
    kind: Kind
    name: str
    jurisdiction: str
    roles: Annotated[frozenset[Role], IN_ORDER]
    keys: dict[str, MemberKey]
    joined: int
    suspended_since: int | None = None

    @property
    def active(self) -> bool:
        """Whether its new entries count."""
        return self.suspended_since is None


@dataclass(frozen=True, slots=True)
class Group:
    """An audience: the members who see what is addressed to it."""

    name: str
    members: Annotated[frozenset[str], IN_ORDER]
