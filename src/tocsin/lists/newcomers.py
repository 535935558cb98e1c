"""The newest signals alone: what a look-back searches, in an index of its own for as long."""

import tempfile
from pathlib import Path

from sqlalchemy import select

from tocsin.lists.indices import COLUMNS, grouped
from tocsin.lists.rules import Rules
from tocsin.matching.index import Index, Matches
from tocsin.model import PDQ_RADIUS, Codes, ListRule, SignalType
from tocsin.recording import tables
from tocsin.recording.store import Store


class Newcomers:
    """The signals that changed after one revision, up to another, by list and type.

    Nothing of them has a name on the disk once they are there, so that no crash leaves them behind.
    """

    def __init__(
        self, store: Store, rules: Rules, since: int, until: int, *, many: bool = False
    ) -> None:
        """Read them. `many` searches will follow: lay them out for that. Raises Unavailable."""
        self.rules = rules.all()
        self._until = until
        signal = tables.signals.c
        query = select(*COLUMNS).where(
            signal.revision > since, signal.revision <= until, signal.removed.is_(False)
        )
        self._open: dict[tuple[int, SignalType], Index] = {}
        with (
            tempfile.TemporaryDirectory(prefix="tocsin-lookback-") as folder,
            store.read() as connection,
        ):
            for key, change in grouped(connection.execute(query)).items():
                radius = PDQ_RADIUS if key[1].perceptual else 0
                index = Index.open(Path(folder, f"{key[0]}-{key[1]}"), radius=radius, writer=True)
                index.apply(revision=until, **change)
                if many and index.needs_merge:
                    index.merge()
                self._open[key] = index

    def __len__(self) -> int:
        return sum(map(len, self._open.values()))

    def refresh(self) -> int:
        """Return the revision: a look-back searches one state of the lists."""
        return self._until

    def has(self, rule: ListRule, type: SignalType) -> bool:
        """Whether a list got new signals of this type."""
        return (rule.id, type) in self._open

    def search(self, rule: ListRule, type: SignalType, codes: Codes) -> Matches:
        """Search the new signals of a list."""
        return self._open[rule.id, type].search(codes, radius=rule.radius if type.perceptual else 0)

    def close(self) -> None:
        """Let go of the files."""
        for index in self._open.values():
            index.close()
