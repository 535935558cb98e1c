"""Nodes under attack: they follow a log into which somebody dishonest wrote what they liked."""

from dataclasses import dataclass

from sqlalchemy import select

from ledger import ORIGIN
from tocsin.errors import TocsinError
from tocsin.recording import shared, tables
from tocsin.recording.store import Store
from tocsin.sharing.digest import state_digest
from tocsin.sharing.entrusting import Entrusted, ExchangeRules
from tocsin.sharing.follower import Follower
from tocsin.sharing.following import Following
from tocsin.trust.standing import Standing

NAME = "hub"


@dataclass
class Victim:
    """A node under attack: its store, what it follows with, and its clock."""

    store: Store
    following: Following
    follower: Follower
    exchange_id: int

    def take(self) -> str:
        """Catch up; return what came of it: "done", or the name of the error."""
        try:
            self.follower.catch_up()
        except TocsinError as error:
            return type(error).__name__
        return "done"

    @property
    def status(self):
        (one,) = self.following.status()
        return one

    @property
    def digest(self) -> str:
        return state_digest(self.store, self.exchange_id)

    def stages(self) -> dict[int, str]:
        """Return the stage of every item that is listed, by the index of its entry."""
        entry, item = shared.shared_items.c, tables.items.c
        query = select(entry.entry, item.stage).join(tables.items, item.id == entry.item_id)
        with self.store.read() as connection:
            rows = connection.execute(query.where(item.removed_at.is_(None))).all()
        return {index: str(getattr(stage, "value", stage)) for index, stage in rows}

    def faults(self) -> dict[int, str]:
        """Return the code of each entry without effect."""
        return {one.index: one.code for one in self.following.dossier.faults(NAME)}


def victim_of(place, store, folder, member="rights", clock=None) -> Victim:
    """Let a node follow what is at a place."""
    now = clock or (lambda: place.ledger.at)
    rules = ExchangeRules(store)
    trust = Entrusted(now, rules, Standing(store, now, rules))
    following = Following(
        store,
        trust,
        now,
        folder / "keys",
        connect=lambda *_: place,
        changed=lambda: None,
        processes=1,
    )
    url = "https://exchange.example"
    followed = following.add(
        NAME, origin=ORIGIN, url=url, policy=place.policy, member=member, actor="cli"
    )
    return Victim(store, following, following._follower(followed, place), followed.id)
