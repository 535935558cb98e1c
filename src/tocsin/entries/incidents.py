"""A crisis in the log: asked for by one member, opened by another, ended by its own clock. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from tocsin.entries.statements import IncidentSaid, IncidentType, when


class Phase(StrEnum):
    """Where an incident stands."""

    PROPOSED = "proposed"
    OPEN = "open"
    ENDED = "ended"
    CLOSED = "closed"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident. Times are aware UTC.

    `asked_by` and `approved_by` are the members who asked for its opening and agreed to it.
    `ends_at` is when it ends by itself, as last approved. `log` holds the indices of all its
    entries. `counts` is what the closing entry said.
    """

    id: str
    kind: IncidentType
    title: str
    territories: tuple[str, ...]
    drill: bool
    audience: str
    reason: str
    asked_by: str
    approved_by: tuple[str, ...]
    opened_at: datetime | None
    ends_at: datetime
    closed_at: datetime | None
    declined: bool
    log: tuple[int, ...]
    counts: tuple[tuple[str, int], ...] = ()

    def phase(self, now: datetime) -> Phase:
        """Return where it stands at a moment; nobody is needed for it to end."""
        if self.declined:
            return Phase.DECLINED
        if self.closed_at is not None:
            return Phase.CLOSED
        if self.opened_at is None:
            return Phase.PROPOSED
        return Phase.OPEN if now < self.ends_at else Phase.ENDED

    def is_open(self, now: datetime) -> bool:
        """Whether items may be asserted under it."""
        return self.phase(now) is Phase.OPEN

    def noted(self, index: int) -> "Incident":
        """Return the incident with one more entry in its situation log."""
        return replace(self, log=(*self.log, index))


def begin(said: IncidentSaid, index: int, issuer: str, at: datetime) -> Incident:
    """Return the incident that an `open` or `decline` begins. The register checked the fields."""
    declined = said.action == "decline"
    return Incident(
        id=said.incident,
        kind=said.kind or IncidentType.AWARENESS,
        title=said.title,
        territories=said.territories,
        drill=said.drill,
        audience=said.audience,
        reason=said.reason,
        asked_by=issuer,
        approved_by=(),
        opened_at=None,
        ends_at=at if said.ends_at is None else when(said.ends_at),
        closed_at=None,
        declined=declined,
        log=(index,),
    )
