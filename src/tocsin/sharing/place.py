"""Where an exchange is reached: what following and publishing ask of it (see `remote.py`)."""

from collections.abc import Callable, Iterator, Sequence
from threading import Event
from typing import Protocol

from tocsin.entries.envelope import Parcel, Position
from tocsin.sharing.answers import Ring


class Place(Protocol):
    """An exchange at an address. Nothing that it says is trusted. Thread-safe.

    Every method raises Unavailable when it does not answer.
    """

    def get(self, path: str) -> bytes:
        """Return a published object; see `exchange.tree.Fetch`."""

    def payloads(self, index: int, width: int) -> Sequence[bytes]:
        """Return nonce and payload of the entries of a bundle, empty where not ours or erased."""

    def position(self) -> Position:
        """Return where our own chain stands."""

    def cosigned(self) -> bytes:
        """Return the latest checkpoint that the witnesses cosigned. Raises NotFound."""

    def submit(self, parcels: Sequence[Parcel]) -> Sequence[int]:
        """Have entries logged, all or none. Raises Conflict, Refused, InvalidInput."""

    def rings(self, since: int, stop: Event, heard: Callable[[], None]) -> Iterator[Ring]:
        """Yield each ring of the bell until `stop` is set; `heard` at every sign of life."""

    def close(self) -> None:
        """End what is under way. May be called twice."""
