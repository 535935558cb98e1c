"""What a connector is: a name and one method. It gets an action, never the node."""

from dataclasses import dataclass
from typing import Protocol

from tocsin.model import Action


@dataclass(frozen=True, slots=True)
class Delivered:
    """The action was carried out; `detail` is shown in the record."""

    detail: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The action was not carried out. `permanent`: trying again without a change is pointless."""

    reason: str
    permanent: bool


class Connector(Protocol):
    """Carries actions out. Called from several threads at once."""

    name: str
    """The connector's name in the record; stored, so it never changes."""

    def deliver(self, action: Action) -> Delivered | Failed:
        """Carry one action out. Idempotent by the action's id; never raises for a refusal."""
        ...
