"""What goes out: the shapes of answers, in the words of docs/glossary.md.

Most are built by name from our own values. The look-ups, which have to be fast, answer plain
dictionaries of the same shape; OpenAPI shows the models, and a test holds the two together.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import PlainSerializer, WithJsonSchema

from tocsin.keys import Key, Scope
from tocsin.model import (
    Item,
    ListKind,
    ListRule,
    Screening,
    Signal,
    SignalType,
    Stage,
    Verdict,
    View,
)
from tocsin.recording.actions import ActionState, StoredAction
from tocsin.recording.events import Tag
from tocsin.recording.history import Recorded
from tocsin.recording.screenings import hit_fields
from tocsin.web.faults import Out

Moment = Annotated[
    datetime,
    PlainSerializer(datetime.isoformat),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A time, aware UTC, spelt as the record spells it: "2026-01-31T12:00:00+00:00"."""


class SignalOut(Out):
    """A signal: hex in lower case, or a link."""

    type: SignalType
    signal: str
    quality: int | None

    @classmethod
    def of(cls, signal: Signal) -> "SignalOut":
        """Show a signal."""
        return cls(type=signal.type, signal=signal.text, quality=signal.quality)


class ViewOut(SignalOut):
    """A view of an upload: one reading of it, and the signal that this reading gave."""

    view: str

    @classmethod
    def of_view(cls, view: View) -> "ViewOut":
        """Show a view."""
        return cls(
            view=view.name, type=view.type, signal=view.signal.text, quality=view.signal.quality
        )


class HitOut(Out):
    """A view within the radius of a signal; `distance` in bits.

    `signal` is empty where it was erased since.
    """

    signal: str
    type: SignalType
    item: int
    list: str
    distance: int
    view: str
    quality: int | None
    labels: Sequence[str]
    expires_at: Moment | None
    stage: Stage = Stage.ENFORCED
    disputed: bool = False


class ReasonOut(Out):
    """Why the verdict is what it is. `list` is empty where no list is concerned."""

    code: str
    text: str
    list: str


class Screened(Out):
    """The answer to an upload. `revision` is the state of the lists it was matched at."""

    id: str
    at: Moment
    verdict: Verdict
    reasons: list[ReasonOut]
    hits: list[HitOut]
    revision: int
    format: str


class ScreenedPart(Screened):
    """The answer to some hashes of a batch: `places` says which, counted from 0."""

    places: list[int]


class ScreenedBatch(Out):
    """The answers to a batch. Each place is in exactly one of them."""

    screenings: list[ScreenedPart]


class ScreeningOut(Screened):
    """A screening as it was recorded. `draw` is the canary draw that was used."""

    kind: Literal["file", "link", "hashes"]
    territory: str
    draw: float
    views: int
    actor: str
    name: str | None

    @classmethod
    def of(cls, recorded: Recorded) -> "ScreeningOut":
        """Show a recorded screening."""
        event = recorded.event
        name = event.body.get("name")
        more = {"id": event.subject, "at": event.at, "actor": event.actor, "name": name}
        return cls(**(event.body | more))


class HashOut(Out):
    """What was read of a file. `obstacle` says why nothing more could be, or is empty."""

    format: str
    signals: list[ViewOut]
    obstacle: str


class CompareOut(Out):
    """How far two hashes are apart, in bits, and the radius within which they match."""

    distance: int
    radius: int
    match: bool


class LabelsOut(Out):
    """The vocabulary of labels, each with its meaning."""

    version: int
    behaviour: dict[str, str]
    producer: dict[str, str]


class ListOut(Out):
    """A list and the rule it stands for."""

    name: str
    kind: ListKind
    radius: int
    quality_floor: int
    verdict: Verdict
    exact_verdict: Verdict
    labels: list[str]
    territories: list[str]
    sample_ratio: float
    reason: str
    enabled: bool
    ttl_days: float

    @classmethod
    def of(cls, rule: ListRule, **more: Any) -> "ListOut":  # noqa: ANN401 - fields of a subclass
        """Show a list."""
        own = {name: getattr(rule, name) for name in ListOut.model_fields}
        return cls(**own, **more)


class CountedList(ListOut):
    """A list with how much is on it: "items", and the signals of each type."""

    counts: dict[str, int]


class ListsOut(Out):
    """Every list, by name."""

    lists: list[ListOut]


class ItemOut(Out):
    """An item. It counts from `active_from` to `expires_at`, while enabled and not removed.

    `issuer` is the member who asserted it, or empty for what was listed here; `stage` is how far it
    acts, and where it is `disputed` it holds at most. See docs/trust-in-a-signal.md.
    """

    id: int
    list: str
    signals: Sequence[SignalOut]
    source_id: str
    labels: Sequence[str]
    note: str
    enabled: bool
    active_from: Moment | None
    expires_at: Moment | None
    created_at: Moment
    removed_at: Moment | None
    stage: Stage
    disputed: bool
    issuer: str

    @classmethod
    def of(cls, item: Item) -> "ItemOut":
        """Show an item."""
        own = {name: getattr(item, name) for name in cls.model_fields if name != "signals"}
        return cls(**own, signals=[SignalOut.of(one) for one in item.signals])


class ItemsPage(Out):
    """A page of items. `next` is the address of the next one, or null at the end."""

    items: list[ItemOut]
    next: str | None


class DecidedOut(Out):
    """The item as it stands after a person's decision, and to how many exchanges it is told."""

    item: ItemOut
    told: int


class AddedOut(Out):
    """What became of an item: its id, and whether it is new or was on the list already."""

    item: int
    fresh: bool


class AddedFile(AddedOut):
    """The same for a file, with what was stored of it."""

    signals: list[SignalOut]


class LineFault(Out):
    """A line that was not imported."""

    line: int
    reason: str


class Imported(Out):
    """What became of an import. `faults` are the first ones, `refused` counts all."""

    added: int
    known: int
    refused: int
    faults: list[LineFault]


class EventOut(Out):
    """Something that happened."""

    id: int
    at: Moment
    tag: Tag
    actor: str
    subject: str
    body: dict[str, Any]

    @classmethod
    def of(cls, recorded: Recorded) -> "EventOut":
        """Show an event."""
        event = recorded.event
        return cls(
            id=recorded.id,
            at=event.at,
            tag=event.tag,
            actor=event.actor,
            subject=event.subject,
            body=event.body,
        )


class EventsPage(Out):
    """A page of events, oldest first. `cursor` continues after the last one, also at the end."""

    events: list[EventOut]
    cursor: str
    next: str | None


class ActionOut(Out):
    """An action, where it stands, and what came of the last attempt."""

    id: str
    upload: str
    connector: str
    state: ActionState
    attempts: int
    next_at: Moment
    outcome: str
    created_at: Moment

    @classmethod
    def of(cls, stored: StoredAction) -> "ActionOut":
        """Show an action."""
        return cls(
            id=stored.action.id,
            upload=stored.action.upload_id,
            connector=stored.action.connector,
            state=stored.state,
            attempts=stored.action.attempts,
            next_at=stored.next_at,
            outcome=stored.outcome,
            created_at=stored.created_at,
        )


class ActionsOut(Out):
    """The actions that were given up, newest first, and how many stand in each state."""

    actions: list[ActionOut]
    counts: dict[ActionState, int]


class KeyOut(Out):
    """An API key, without its token."""

    id: str
    name: str
    scopes: list[Scope]
    created_at: Moment
    expires_at: Moment | None
    revoked_at: Moment | None

    @classmethod
    def of(cls, key: Key) -> "KeyOut":
        """Show a key."""
        own = {name: getattr(key, name) for name in cls.model_fields if name != "scopes"}
        return cls(**own, scopes=sorted(key.scopes))


class KeysOut(Out):
    """Every key, revoked ones too, oldest first."""

    keys: list[KeyOut]


class NewKeyOut(Out):
    """A key that was just made. `token` is shown this once."""

    key: KeyOut
    token: str


class LookbackOut(Out):
    """What a look-back did: uploads looked at, and how many of them matched."""

    done: int
    matched: int


class Alive(Out):
    """The process answers."""

    status: Literal["alive"]


class WallOut(Out):
    """A wall around the decoders, and whether it stands on this machine."""

    name: str
    stands: bool


class Ready(Out):
    """The node can do its work. `problems` counts what does not keep it from that.

    The problems themselves are told by `tocsin doctor`: nobody needs a key to read this.
    """

    status: Literal["ready"]
    revision: int
    signals: int
    walls: list[WallOut]
    problems: int


def screened(screening: Screening) -> dict[str, Any]:
    """Return a screening in the shape of `Screened`."""
    judgement = screening.judgement
    return {
        "id": screening.id,
        "at": screening.at.isoformat(),
        "verdict": judgement.verdict.value,
        "reasons": [
            {"code": one.code, "text": one.text, "list": one.list} for one in judgement.reasons
        ],
        "hits": [hit_fields(hit) for hit in screening.hits],
        "revision": screening.revision,
        "format": screening.format,
    }
