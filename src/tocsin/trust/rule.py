"""The rule under which a node trusts what an exchange brings, one for each that it follows."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tocsin.errors import ConfigurationError, InvalidInput
from tocsin.lists.rules import TERRITORY
from tocsin.lists.vocabulary import parse_labels
from tocsin.model import ListKind, Stage
from tocsin.trust.opinions import Party, Quorum

EVERYBODY = "*"
"""In `trusted`: every member of the exchange."""

MAX_CHARACTERS = 100_000
"""Characters of a rule's JSON."""

MAX_SHADOW_HOURS = 24.0 * 365


@dataclass(frozen=True, slots=True)
class Claim:
    """What an item is asserted to be: its labels, the kind of its list, and where it counts."""

    labels: tuple[str, ...] = ()
    list_kind: ListKind = ListKind.BLOCK
    territories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Right:
    """Who may assert what. An empty tuple is no limit, but an allow list must be named.

    A claim for everywhere needs a right without territories.
    """

    kinds: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    list_kinds: tuple[ListKind, ...] = (ListKind.BLOCK,)
    territories: tuple[str, ...] = ()

    def covers(self, issuer: Party, claim: Claim) -> bool:
        """Whether this lets a member assert that."""
        return (
            (not self.kinds or issuer.kind in self.kinds)
            and (not self.members or issuer.member in self.members)
            and claim.list_kind in self.list_kinds
            and _within(claim.labels, self.labels)
            and _within(claim.territories, self.territories)
        )


@dataclass(frozen=True)
class TrustRule:
    """How far what others assert may go here, and on what evidence.

    `rights`: who may assert what; one that covers the claim is enough. `trusted`: members whose
    items leave the shadow without somebody else's word. `quorum`: for acting in full.
    `agreement`: share of weight that must confirm where somebody disputes; at 1.0 any dispute stops
    automatic action. `weights`: members that count for less than one, 0.0 to 1.0. `max_stage`: no
    further. `shadow_hours`: the wait in shadow; `shadow_matches`: would-be matches there above
    which only a quorum helps. `daily_items`: an issuer's items of a day above which the rest wait a
    day, in an incident too. `floods`: organisations whose breakers must trip to demote it here.

    The default enforces nothing on one party's word. Raises InvalidInput that names the field.
    """

    rights: tuple[Right, ...] = (Right(),)
    trusted: tuple[str, ...] = (EVERYBODY,)
    quorum: Quorum = field(default_factory=Quorum)
    agreement: float = 1.0
    weights: Mapping[str, float] = field(default_factory=dict)
    max_stage: Stage = Stage.ENFORCED
    shadow_hours: float = 24.0
    shadow_matches: int = 20
    daily_items: int = 10_000
    floods: int = 3

    def __post_init__(self) -> None:
        """Refuse figures that make no sense."""
        quorum = self.quorum
        figures = (quorum.organisations, quorum.kinds, quorum.jurisdictions, quorum.own_media)
        _require(all(0 <= one <= 100 for one in figures), "quorum: each figure must be 0 to 100")
        _require(0 <= self.agreement <= 1, "agreement must lie between 0 and 1")
        heavy = [name for name, weight in self.weights.items() if not 0 <= weight <= 1]
        _require(not heavy, f"weights must lie between 0 and 1: {', '.join(heavy)[:200]}")
        _require(0 <= self.shadow_hours <= MAX_SHADOW_HOURS, "shadow_hours must be 0 to 8760")
        counts = (self.shadow_matches, self.daily_items)
        _require(min(counts) >= 0, "shadow_matches and daily_items must not be negative")
        _require(self.floods >= 1, "floods must be at least 1")
        for right in self.rights:
            parse_labels(right.labels)
            wrong = [one for one in right.territories if not TERRITORY.fullmatch(one)]
            _require(not wrong, f"rights: {wrong} are no ISO 3166-1 alpha-2 codes")

    def permits(self, issuer: Party, claim: Claim) -> bool:
        """Whether a member may assert this. Ask before an allow list is added to."""
        return any(right.covers(issuer, claim) for right in self.rights)

    def trusts(self, member: str) -> bool:
        """Whether a member's items may leave the shadow on its word."""
        return EVERYBODY in self.trusted or member in self.trusted

    def weight_of(self, member: str) -> float:
        """Return how much a member's opinion weighs, 0.0 to 1.0."""
        return self.weights.get(member, 1.0)

    @property
    def digest(self) -> str:
        """SHA-256 of the rule, in hex: what the record names it by."""
        plain = json.dumps(_RULES.dump_python(self, mode="json"), sort_keys=True)
        return hashlib.sha256(plain.encode()).hexdigest()


def parse_rule(text: str) -> TrustRule:
    """Read a rule from JSON; fields left out keep their default. Raises ConfigurationError.

    Unknown fields, fields given twice and values of another type are refused: a rule that is read
    otherwise than it was meant would let others act here.
    """
    if len(text) > MAX_CHARACTERS:
        raise ConfigurationError(f"a rule has at most {MAX_CHARACTERS:,} characters")
    try:
        json.loads(text, object_pairs_hook=_once)
        return _RULES.validate_json(text, strict=True, extra="forbid")
    except ValidationError as error:
        raise ConfigurationError(f"the rule cannot be read: {_first(error)}") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise ConfigurationError(f"the rule is not JSON: {error}") from error
    except InvalidInput as error:
        raise ConfigurationError(f"the rule cannot be used: {error}") from error


_RULES = TypeAdapter(TrustRule)


def _within(asked: tuple[str, ...], allowed: tuple[str, ...]) -> bool:
    return not allowed or (bool(asked) and set(asked) <= set(allowed))


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise InvalidInput(message)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    twice = [name for name in names if names.count(name) > 1]
    _require(not twice, f"given twice: {', '.join(sorted(set(twice)))[:200]}")
    return dict(pairs)


def _first(error: ValidationError) -> str:
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"])
    return f"{where}: {fault['msg']}" if where else fault["msg"]
