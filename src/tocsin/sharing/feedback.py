"""Feedback: what this node thinks of others' items becomes an opinion, where its terms say so."""

from dataclasses import dataclass

from sqlalchemy import select

from tocsin.entries.statements import Opinion, View
from tocsin.recording import shared
from tocsin.recording.store import Store
from tocsin.sharing.holdings import LISTED
from tocsin.sharing.settings import Terms


@dataclass(frozen=True, slots=True)
class Reply:
    """An opinion that is to be published at an exchange, by its name."""

    exchange: str
    said: Opinion


class Feedback:
    """Finds out what is to be said about an item, and where. Thread-safe."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def on(self, item_id: int, view: View, *, reason: str = "", own_media: bool) -> list[Reply]:
        """Return the opinions to publish when this node comes to a view of an item.

        None for an item of its own, of no exchange, or where its terms keep that view to itself.
        Raises Unavailable.
        """
        item, exchange = shared.shared_items.c, shared.exchanges.c
        query = (
            select(shared.exchanges, item.entry, item.audience, item.issuer)
            .join(shared.shared_items, item.exchange_id == exchange.id)
            .where(item.item_id == item_id, item.state == LISTED, exchange.removed_at.is_(None))
        )
        with self._store.read() as connection:
            rows = connection.execute(query).all()
        return [
            Reply(row.name, _opinion(row.entry, row.audience, view, reason, own_media))
            for row in rows
            if wants(Terms.load(row.settings), view) and row.member not in {"", row.issuer}
        ]


def wants(terms: Terms, view: View) -> bool:
    """Whether the operator lets this view be told to the exchange."""
    return view in terms.feedback


def _opinion(entry: int, audience: str, view: View, reason: str, own_media: bool) -> Opinion:
    return Opinion(of=entry, opinion=view, reason=reason, own_media=own_media, audience=audience)
