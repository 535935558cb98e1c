"""How it stands with the exchanges that a node follows, for a person."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from tocsin.sharing.follower import NO_QUORUM
from tocsin.sharing.line import WITNESS_S, Health, Standing
from tocsin.sharing.settings import Followed


@dataclass(frozen=True, slots=True)
class Status:
    """How it stands with one exchange.

    `size` counts the entries applied, `told` those that count; `faults` those that do not, by code.
    `advanced_at` is when the latest were applied. `health` is None in a process that does not
    follow; `barred` says why one that follows cannot, `unsent` why what we say does not go out.
    `suspect` and `frozen` say why, or are empty.
    `waiting` and `refused` count statements of ours that are to be published, or that the exchange
    would not have in the last day. `early_until` is when entries that were ahead of our clock may
    count, None where there are none.
    """

    followed: Followed
    size: int
    told: int
    faults: dict[str, int]
    advanced_at: datetime | None
    suspect: str
    frozen: str
    early_until: datetime | None
    replaying: bool
    waiting: int
    refused: int
    health: Health | None
    barred: str
    unsent: str
    now: datetime

    @classmethod
    def of(
        cls,
        row: Row[Any],
        *,
        waiting: int,
        refused: int,
        health: Health | None,
        barred: str,
        unsent: str,
        now: datetime,
    ) -> "Status":
        """Read a row of `exchange`, beside what is counted and known elsewhere."""
        return cls(
            followed=Followed.of(row),
            size=row.size,
            told=row.told,
            faults=row.faults,
            advanced_at=row.advanced_at,
            suspect=row.suspect,
            frozen=row.frozen,
            early_until=row.early_until,
            replaying=row.sweep_at is not None,
            waiting=waiting,
            refused=refused,
            health=health,
            barred=barred,
            unsent=unsent,
            now=now,
        )

    @property
    def standing(self) -> str:
        """One word: `frozen`, `suspect`, or what the line says."""
        if self.frozen:
            return Standing.FROZEN.value
        standing = "not followed here" if self.health is None else self.health.standing.value
        return "suspect" if self.suspect and standing == Standing.FOLLOWING.value else standing

    @property
    def unwitnessed(self) -> bool:
        """Whether a quorum of witnesses is asked for and has not been seen for two rounds."""
        if self.health is None or self.followed.quorum.quorum == NO_QUORUM:
            return False
        last = self.health.witnessed_at
        return last is None or abs((self.now - last).total_seconds()) > 2 * WITNESS_S

    @property
    def age_s(self) -> float | None:
        """For how many seconds nothing was heard of it; None before the first time."""
        heard = None if self.health is None else self.health.contact_at
        heard = heard or self.advanced_at
        return None if heard is None else max(0.0, (self.now - heard).total_seconds())

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with it, in sentences."""
        name = self.followed.name
        if self.frozen:
            yield f"the exchange {name} is frozen: {self.frozen}"
        elif self.health is not None and self.health.standing is Standing.UNREACHABLE:
            yield f"the exchange {name} is not reached: {self.health.error}"
        elif self.barred:
            yield f"the exchange {name} is not reached: {self.barred}"
        elif self.unsent:
            yield f"the exchange {name} does not take what we say: {self.unsent}"
        if self.refused:
            yield f"the exchange {name} refused {self.refused} of our statements of the last day"
        if self.unwitnessed:
            yield f"the exchange {name} lacks its quorum of witnesses"
        if self.early_until is not None:
            ahead = f"up to {self.early_until:%Y-%m-%d %H:%M} UTC wait"
            yield f"entries of the exchange {name} are ahead of this machine's clock, and {ahead}"
        if self.suspect:
            yield f"the exchange {name} is suspect: {self.suspect}"
