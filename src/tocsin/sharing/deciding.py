"""What a person at this node decides about an item: it is what it was listed as, or it is not.

The decision is heard here at once, as the opinion of this node's member at the exchange that the
item came from, and told to that exchange where the terms let it. When it comes back through the log
it is the same opinion of the same member, so it counts once.
"""

from collections.abc import Callable
from datetime import datetime

from pydantic import ValidationError

from tocsin.entries import statements
from tocsin.entries.parties import PUBLIC
from tocsin.entries.statements import View
from tocsin.errors import Conflict, InvalidInput, NotFound
from tocsin.lists.items import Items
from tocsin.lists.rules import Rules
from tocsin.model import Item
from tocsin.recording.events import Event, Tag
from tocsin.recording.store import Store
from tocsin.sharing.entrusting import party_of
from tocsin.sharing.following import Following
from tocsin.trust.breaker import Breaker
from tocsin.trust.opinions import Opinion, Party, Stance
from tocsin.trust.standing import Standing

STRANGER = Party("this node", "this node", "", "")
"""Who decides where this node is no member: no member's name has a space in it."""


class Decisions:
    """Takes decisions of persons about items. Thread-safe. Doing the same again changes nothing.

    `breaker` is that of this process, if it screens; other processes go by what is stored.
    """

    def __init__(
        self,
        store: Store,
        standing: Standing,
        following: Following,
        clock: Callable[[], datetime],
        breaker: Breaker | None = None,
    ) -> None:
        self._store = store
        self._rules = Rules(store, clock)
        self._items = Items(store, clock)
        self._standing = standing
        self._following = following
        self._clock = clock
        self._breaker = breaker

    def confirm(
        self, name: str, item_id: int, *, actor: str, reason: str = "", own_media: bool = False
    ) -> int:
        """Say that an item is what it was listed as: the breaker lets it act, and spares it a day.

        Takes an earlier dispute of this node back. Returns how many exchanges are told. Raises
        InvalidInput, NotFound, Conflict for an item off its list, Unavailable.
        """
        _check(View.CONFIRM, reason)
        item = self._present(name, item_id)
        if item.issuer:
            self._say(item_id, Stance.CONFIRM, actor, own_media=own_media)
        self._standing.cleared(item_id, actor=actor)
        if self._breaker is not None:
            self._breaker.confirmed(self._rules.get(name).id, item_id, self._clock())
        told = self._following.reply(item_id, View.CONFIRM, reason=reason, own_media=own_media)
        self._record(Tag.ITEM_CONFIRMED, item, actor, reason, told)
        return told

    def dispute(
        self, name: str, item_id: int, *, actor: str, reason: str = "", own_media: bool = False
    ) -> int:
        """Say that an item of others is not what it was listed as: it holds at most.

        What was decided because of it is reopened. Returns how many exchanges are told. Raises
        InvalidInput, NotFound, Conflict for an item off its list or listed here, Unavailable.
        """
        _check(View.DISPUTE, reason)
        item = self._present(name, item_id)
        if not item.issuer:
            raise Conflict(
                f"item {item_id} was listed here, by nobody else",
                advice=f"Take it off: `tocsin signals remove {name} {item_id}`.",
            )
        self._say(item_id, Stance.DISPUTE, actor, own_media=own_media)
        told = self._following.reply(item_id, View.DISPUTE, reason=reason, own_media=own_media)
        self._record(Tag.ITEM_DISPUTED, item, actor, reason, told)
        return told

    def _present(self, name: str, item_id: int) -> Item:
        item = self._items.get(name, item_id)
        if item.removed_at is not None:
            raise Conflict("the item is off the list; restore it first")
        return item

    def _say(self, item_id: int, stance: Stance, actor: str, *, own_media: bool) -> None:
        party = self._party(self._standing.get(item_id).exchange)
        opinion = Opinion(party, stance, self._clock(), own_media)
        self._standing.opinion(item_id, opinion, actor=actor)

    def _party(self, exchange: str) -> Party:
        """Return who this node is at an exchange."""
        try:
            member = self._following.get(exchange).member
            found = self._following.dossier.register(exchange).members.get(member)
        except NotFound:  # It was left meanwhile.
            return STRANGER
        return STRANGER if found is None else party_of(found)

    def _record(self, tag: Tag, item: Item, actor: str, reason: str, told: int) -> None:
        body = {"reason": reason, "told": told}
        subject = f"{item.list}/{item.id}"
        self._store.record(Event(self._clock(), tag, actor, subject, body)).result()


def _check(view: View, reason: str) -> None:
    """Refuse a reason that no exchange would take, before anything is done."""
    try:
        statements.Opinion(of=0, opinion=view, reason=reason, audience=PUBLIC)
    except ValidationError as error:
        said = error.errors(include_url=False)[0]["msg"]
        raise InvalidInput(f"the reason cannot be told: {said}") from error
