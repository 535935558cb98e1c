"""What entries say: one strict model for each type of statement (docs/spec/exchange-record.md).

Times are seconds since 1970, whole numbers as all in a payload; `of` and `by` are indices in the
log. A field that is not known is refused: what cannot be read must not act.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from tocsin.entries import canonical
from tocsin.entries.envelope import EntryType
from tocsin.entries.parties import MEMBERS, PUBLIC, Kind, Role
from tocsin.errors import InvalidInput
from tocsin.model import SignalType

MAX_SIGNALS = 100
INCIDENT_VOCABULARY: Final = 1


_HIDDEN = r"\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
"""Control characters but newline, separators of lines, what turns the direction of text around.

They hide or forge what a person reads. Written for the engine of pydantic, which matches them ten
times as fast as a function of ours would.
"""
_VISIBLE = rf"^[^{_HIDDEN}]*$"
_ONE_LINE = rf"^[^\n{_HIDDEN}]*$"

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Text = Annotated[str, StringConstraints(max_length=2000, pattern=_VISIBLE)]
Line = Annotated[str, StringConstraints(max_length=300, pattern=_ONE_LINE)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=_VISIBLE)]
Territory = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Index = Annotated[int, Field(ge=0, le=canonical.MAX_INTEGER)]
Moment = Annotated[int, Field(ge=0, le=253_402_300_799)]
Hex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class IncidentType(StrEnum):
    """What kind of content a crisis is about (vocabulary 1, after GIFCT's framework of 2025)."""

    PERPETRATOR_CONTENT = "perpetrator-content"
    PERPETRATOR_LIVESTREAM = "perpetrator-livestream"
    AWARENESS = "awareness"


class View(StrEnum):
    """What a member says of an item. `saw`: had it too. `flood`: it matches far too much."""

    CONFIRM = "confirm"
    DISPUTE = "dispute"
    SAW = "saw"
    FLOOD = "flood"


class Tlp(StrEnum):
    """Traffic Light Protocol 2.0: how a reader may hand it on."""

    RED = "red"
    AMBER_STRICT = "amber+strict"
    AMBER = "amber"
    GREEN = "green"
    CLEAR = "clear"


class Model(BaseModel):
    """Base of all parts of a payload."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SignalSaid(Model):
    """A fingerprint. `value`: lower-case hex, or a canonical link. `quality`: PDQ's, 0 to 100."""

    type: SignalType
    value: Annotated[str, StringConstraints(min_length=1, max_length=2048, pattern=_ONE_LINE)]
    quality: Annotated[int, Field(ge=0, le=100)] | None = None


class Basis(Model):
    """Why the item may be listed: a law, a designation, or terms of service, and where in it."""

    kind: Literal["law", "designation", "terms"]
    reference: Line


class Addressed(Model):
    """A statement that only its audience reads: `public`, `members` or a group."""

    audience: Name = MEMBERS
    person: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{0,32}$")] = ""
    """A pseudonym that the issuer gave its analyst, so that two persons can be told apart."""


class Assert(Addressed):
    """Content that is known, and these signals recognise it."""

    type: Literal["assert"] = "assert"
    list: Literal["block", "allow"] = "block"
    signals: Annotated[tuple[SignalSaid, ...], Field(min_length=1, max_length=MAX_SIGNALS)]
    labels: Annotated[tuple[Line, ...], Field(max_length=20)] = ()
    vocabulary: Annotated[int, Field(ge=1)] = 1
    severity: Annotated[int, Field(ge=0, le=3)] = 1
    basis: Basis
    territories: Annotated[tuple[Territory, ...], Field(max_length=250)] = ()
    expires_at: Moment | None
    tlp: Tlp = Tlp.AMBER
    evidence: Line = ""
    own_media: bool = False
    incident: Name | None = None
    note: Text = ""


class Opinion(Addressed):
    """What a member thinks of somebody else's item. `own_media`: formed on its own copy."""

    type: Literal["opinion"] = "opinion"
    of: Index
    opinion: View
    reason: Text = ""
    own_media: bool = False


class Retract(Addressed):
    """The issuer withdraws its own item."""

    type: Literal["retract"] = "retract"
    of: Index
    reason: Reason


class Supersede(Addressed):
    """The issuer's item `of` is replaced by its newer one `by`."""

    type: Literal["supersede"] = "supersede"
    of: Index
    by: Index
    reason: Reason


class Erase(Model):
    """The payload of `of` is to be destroyed everywhere."""

    type: Literal["erase"] = "erase"
    audience: Literal["public"] = PUBLIC
    of: Index
    reason: Literal["data-protection", "court-order", "error", "security"]
    authority: Line = ""


class Erased(Model):
    """A receipt: this member has destroyed what entry `of` asked to erase."""

    type: Literal["erased"] = "erased"
    audience: Literal["members"] = MEMBERS
    of: Index


class MemberSaid(Model):
    """A member joins, gets other roles, is suspended, reinstated, or leaves.

    Where the rules ask for approvals of a suspension, they ask for them of all that takes a role.
    Once there is a steward, it approves who else becomes one or a coordinator, and who is none any
    more.

    `key` is the raw Ed25519 key in hex with which it begins; only `join` has one.
    """

    type: Literal["member"] = "member"
    audience: Literal["public"] = PUBLIC
    action: Literal["join", "role", "suspend", "reinstate", "leave"]
    member: Name
    kind: Kind | None = None
    name: Line = ""
    jurisdiction: Annotated[str, StringConstraints(pattern=r"^([A-Z]{2})?$")] = ""
    roles: Annotated[tuple[Role, ...], Field(max_length=len(Role))] = ()
    key: Hex | None = None
    reason: Text = ""


class KeySaid(Model):
    """A member adds a key of its own, or a key is revoked since an index."""

    type: Literal["key"] = "key"
    audience: Literal["public"] = PUBLIC
    action: Literal["add", "revoke"]
    member: Name
    key: Hex
    since: Index | None = None
    reason: Text = ""


class GroupSaid(Model):
    """A group has these members from now on; none dissolves it. Only they and operators read it."""

    type: Literal["group"] = "group"
    audience: Name
    members: Annotated[tuple[Name, ...], Field(max_length=1000)]


class Rules(Model):
    """The rules of an exchange. Approvals are by other members than the one who asked."""

    incident_approvals: Annotated[int, Field(ge=1, le=10)] = 1
    rule_approvals: Annotated[int, Field(ge=1, le=10)] = 1
    suspend_approvals: Annotated[int, Field(ge=0, le=10)] = 0
    max_ttl_days: Annotated[int, Field(ge=1, le=3650)] = 365
    incident_hours: Annotated[int, Field(ge=1, le=720)] = 72
    incident_ttl_hours: Annotated[int, Field(ge=1, le=720)] = 72
    asserts_per_day: Annotated[int, Field(ge=1, le=10_000_000)] = 10_000
    flood_reports: Annotated[int, Field(ge=1, le=1000)] = 3
    """How many members must report a flood before an item is held everywhere."""


class RuleSaid(Model):
    """These shall be the rules, once enough others approve."""

    type: Literal["rule"] = "rule"
    audience: Literal["public"] = PUBLIC
    rules: Rules
    reason: Reason


class Approve(Addressed):
    """A second party agrees to what `of` asks for."""

    type: Literal["approve"] = "approve"
    of: Index
    reason: Text = ""


class IncidentSaid(Addressed):
    """A crisis: `open` and `extend` take effect when another member approves.

    `decline` records that an event was assessed and not activated, with the reason. `update` adds a
    line to the situation log. `ends_at` is when it ends by itself. `drill`: an exercise, for which
    only harmless signals are asserted. `counts` is for the debrief, at `close`.
    """

    type: Literal["incident"] = "incident"
    action: Literal["open", "extend", "update", "close", "decline"]
    incident: Name
    kind: IncidentType | None = None
    vocabulary: Annotated[int, Field(ge=INCIDENT_VOCABULARY, le=INCIDENT_VOCABULARY)] = (
        INCIDENT_VOCABULARY
    )
    title: Line = ""
    territories: Annotated[tuple[Territory, ...], Field(max_length=250)] = ()
    ends_at: Moment | None = None
    drill: bool = False
    reason: Reason
    counts: dict[Name, Annotated[int, Field(ge=0, le=canonical.MAX_INTEGER)]] = {}


Statement = Annotated[
    Assert
    | Opinion
    | Retract
    | Supersede
    | Erase
    | Erased
    | MemberSaid
    | KeySaid
    | GroupSaid
    | RuleSaid
    | Approve
    | IncidentSaid,
    Field(discriminator="type"),
]

TYPES = {
    "member": EntryType.MEMBER,
    "key": EntryType.KEY,
    "group": EntryType.GROUP,
    "rule": EntryType.RULE,
    "approve": EntryType.APPROVE,
    "assert": EntryType.ASSERT,
    "opinion": EntryType.OPINION,
    "retract": EntryType.RETRACT,
    "supersede": EntryType.SUPERSEDE,
    "erase": EntryType.ERASE,
    "erased": EntryType.ERASED,
    "incident": EntryType.INCIDENT,
}
"""The number in the envelope of each type of statement."""

_READER: TypeAdapter[Statement] = TypeAdapter(Statement)


def parse(payload: bytes) -> Statement:
    """Read a payload. Raises InvalidInput for one that is not canonical or says what it cannot."""
    canonical.decode(payload)
    try:
        return _READER.validate_json(payload, strict=True)
    except ValidationError as error:
        raise InvalidInput(_explain(error)) from error


def reread(payload: bytes) -> Statement:
    """Read a payload that `parse` accepted before, in a third of its time."""
    return _READER.validate_json(payload)


def write(statement: Statement) -> bytes:
    """Write a payload in canonical form."""
    return canonical.encode(statement.model_dump(mode="json"))


def entry_type(statement: Statement) -> EntryType:
    """Return the number that the envelope of this statement carries."""
    return TYPES[statement.type]


def moment(at: datetime) -> int:
    """Return a time as payloads have it."""
    return int(at.timestamp())


def when(seconds: int) -> datetime:
    """Return a payload's time, aware UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def _explain(error: ValidationError) -> str:
    faults: Iterable[str] = (
        f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False)
    )
    return "; ".join(faults)[:500]
