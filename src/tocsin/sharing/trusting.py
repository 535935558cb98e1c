"""The seam to trust: what a followed exchange says of items, handed on inside one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from tocsin.entries.parties import Member
from tocsin.entries.statements import Opinion
from tocsin.model import Signal
from tocsin.trust.rule import Claim


@dataclass(frozen=True, slots=True)
class Received:
    """An item that a member asserted. A drill's items stay in shadow whatever is said of them."""

    item_id: int
    issuer: Member
    signals: tuple[Signal, ...]
    claim: Claim
    incident: bool
    drill: bool


@dataclass(frozen=True, slots=True)
class Heard:
    """A member's opinion of an item."""

    item_id: int
    member: Member
    said: Opinion
    at: datetime


class Trust(Protocol):
    """Decides how far items go. All calls but `settle` are inside the transaction of the entries.

    Every call but `received` may come again for the same item after a replay, and then changes
    nothing.
    """

    def received(self, connection: Connection, exchange: str, items: Sequence[Received]) -> None:
        """Take items in that are on their lists, in shadow: they rise as trust says."""

    def heard(self, connection: Connection, opinions: Sequence[Heard]) -> None:
        """Take opinions in."""

    def withdrawn(self, connection: Connection, item_id: int, member: str, stance: str) -> None:
        """Forget an opinion whose entry was erased."""

    def retracted(self, connection: Connection, item_ids: Sequence[int]) -> None:
        """Note that items are off their lists for good: what rested on them is reopened."""

    def destroyed(self, connection: Connection, item_ids: Sequence[int]) -> None:
        """Forget what erased items said, and note that they are off their lists for good."""

    def quarantined(self, connection: Connection, item_ids: Sequence[int]) -> None:
        """Put items back into shadow and keep them there."""

    def released(self, connection: Connection, item_ids: Sequence[int]) -> None:
        """Let quarantined items rise again."""

    def settle(self) -> None:
        """Finish, outside any transaction, what corrections began. May be left to a review."""
