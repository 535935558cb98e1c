"""What the commands about lists, items, keys and events need of a node: its records alone.

`app.build` builds the whole node, with decoders and indices; to create a key or show a list it
would take a second and several processes for nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tocsin.cli.clock import now
from tocsin.cli.options import ACTOR, settings
from tocsin.keys import Keys
from tocsin.lists.items import Items
from tocsin.lists.rules import Rules
from tocsin.recording.events import Event, Tag
from tocsin.recording.history import History
from tocsin.recording.store import Store


@dataclass(frozen=True, slots=True)
class Records:
    """The database of a node and what reads and changes it."""

    store: Store
    rules: Rules
    items: Items
    keys: Keys
    history: History

    def note(self, tag: Tag, subject: str, **body: Any) -> None:  # noqa: ANN401 - any JSON
        """Record that something was read; when this returns it is durable. Raises Unavailable."""
        self.store.record(Event(now(), tag, ACTOR, subject, body)).result()


@contextmanager
def open_records(data: Path | None) -> Iterator[Records]:
    """Open the records in a data folder, making them if need be.

    Raises ConfigurationError, Unavailable.
    """
    chosen = settings(data)
    chosen.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = Store(chosen.store_url)
    try:
        yield Records(store, Rules(store, now), Items(store, now), Keys(store, now), History(store))
    finally:
        store.close()
