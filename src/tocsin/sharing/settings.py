"""An exchange that is followed: whom it is, on which terms, and which lists it fills."""

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from sqlalchemy import Row

from tocsin.entries.statements import View
from tocsin.errors import Damaged, InvalidInput
from tocsin.exchange.errors import Malformed
from tocsin.exchange.policy import Policy
from tocsin.lists.rules import DEFAULT_TTL_DAYS, ListDraft
from tocsin.model import ListKind, Verdict
from tocsin.sharing.effects import DRILL, INCIDENT
from tocsin.trust.rule import Claim

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,23}")
INCIDENT_TTL_DAYS = 3.0
_MAX_LIST_CHARS = 58
_NAMED_TERRITORIES = 3


@dataclass(frozen=True, slots=True)
class Terms:
    """What the operator of this node decided about an exchange.

    `verdict` and `exact_verdict` are for its block lists, as in `ListRule`; items go so far only
    once they are enforced. `allow`: take its allow lists too. `feedback`: which opinions this node
    publishes of itself. `rule`: who may assert what, see `trust`; empty means the default.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    verdict: Verdict = Verdict.HOLD
    exact_verdict: Verdict = Verdict.HOLD
    allow: bool = False
    feedback: tuple[View, ...] = (View.FLOOD,)
    rule: dict[str, Any] = field(default_factory=dict)

    def dump(self) -> dict[str, Any]:
        """Return the terms as they are stored."""
        fields: dict[str, Any] = _FORM.dump_python(self, mode="json")
        return fields

    @classmethod
    def load(cls, stored: dict[str, Any]) -> "Terms":
        """Read what `dump` returned. Raises Damaged."""
        try:
            return _FORM.validate_python(stored, strict=False)
        except ValidationError as error:
            raise Damaged(f"the stored terms of an exchange cannot be read: {error}") from error


@dataclass(frozen=True, slots=True)
class Followed:
    """An exchange as this node follows it. `member` is who we are there, "" for a stranger.

    `policy` is read as C2SP tlog-policy. `acting`: its lists count. `round` numbers the replays.
    """

    id: int
    name: str
    origin: str
    url: str
    policy: str
    member: str
    terms: Terms
    acting: bool
    round: int

    @classmethod
    def of(cls, row: Row[Any]) -> "Followed":
        """Read a row of `exchange`."""
        return cls(
            id=row.id,
            name=row.name,
            origin=row.origin,
            url=row.url,
            policy=row.policy,
            member=row.member,
            terms=Terms.load(row.settings),
            acting=row.acting,
            round=row.round,
        )

    @property
    def quorum(self) -> Policy:
        """The policy with its witnesses."""
        return parse_policy(self.policy)

    @property
    def log(self) -> Policy:
        """The policy without witnesses: no witness shall stand in the way of an urgent signal."""
        return replace(self.quorum, witnesses={}, groups={}, quorum="none")

    def counts(self, kind: ListKind) -> bool:
        """Whether its lists of that kind are in force."""
        return self.acting and (kind is ListKind.BLOCK or self.terms.allow)

    def draft(self, role: str, claim: Claim) -> ListDraft:
        """Return the list that takes the items of a role; `claim` is that of one of them."""
        kind = claim.list_kind
        base = role.partition("@")[0].removesuffix("/allow")
        drill = base.startswith(DRILL)
        words = [self.name, *_words(base, kind), *_where(claim.territories)]
        verdict = Verdict.ALLOW if drill else self.terms.verdict
        exact = Verdict.ALLOW if drill else self.terms.exact_verdict
        short = base.startswith((INCIDENT, DRILL))
        what = f"incident {_incident(base)}" if short else f"{kind.value} list"
        return ListDraft(
            name="-".join(words)[:_MAX_LIST_CHARS],
            kind=kind,
            verdict=verdict if kind is ListKind.BLOCK else Verdict.ALLOW,
            exact_verdict=exact if kind is ListKind.BLOCK else Verdict.ALLOW,
            territories=tuple(sorted(set(claim.territories))),
            reason=f"{'DRILL: ' if drill else ''}{what} of the exchange {self.name}",
            enabled=self.counts(kind),
            ttl_days=INCIDENT_TTL_DAYS if short else DEFAULT_TTL_DAYS,
        )


@lru_cache(maxsize=64)
def parse_policy(text: str) -> Policy:
    """Read a policy. Raises InvalidInput."""
    try:
        return Policy.parse(text.encode())
    except Malformed as error:
        raise InvalidInput(f"this is not a policy: {error}") from error


def _words(base: str, kind: ListKind) -> list[str]:
    incident = _incident(base)
    words = [incident] if incident != base else []
    return [*words, "allow"] if kind is ListKind.ALLOW else words


def _incident(base: str) -> str:
    return base.removeprefix(INCIDENT).removeprefix(DRILL)


def _where(territories: tuple[str, ...]) -> list[str]:
    codes = sorted({one.lower() for one in territories})
    return codes if len(codes) <= _NAMED_TERRITORIES else [f"{len(codes)}-territories"]


_FORM: TypeAdapter[Terms] = TypeAdapter(Terms)
