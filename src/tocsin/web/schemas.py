"""What comes in: strict shapes. An unknown field or a number as text is refused, not guessed.

Sizes and patterns are bounded here, where OpenAPI shows them, before anything is done. What goes
out is in `answers.py`.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from tocsin.intake import MAX_LINK_CHARS, MAX_SOURCE_CHARS
from tocsin.intake import MAX_NAME_CHARS as MAX_UPLOAD_NAME
from tocsin.keys import MAX_NAME_CHARS as MAX_KEY_NAME
from tocsin.keys import Scope
from tocsin.lists.items import MAX_NOTE, MAX_SIGNALS, MAX_SOURCE_ID, ItemDraft
from tocsin.lists.rules import DEFAULT_TTL_DAYS, MAX_TTL_DAYS, NAME, TERRITORY, ListDraft
from tocsin.lists.vocabulary import LABELS
from tocsin.model import (
    MAX_RADIUS,
    PDQ_QUALITY_FLOOR,
    PDQ_RADIUS,
    ListKind,
    Signal,
    Verdict,
)
from tocsin.recording.events import Tag
from tocsin.web.pages import MAX_LIMIT, Page

MAX_BATCH = 10_000
"""Most hashes of one batch."""

MAX_NAMED_LISTS = 100
MAX_REASON = 500
MAX_ID = 2**63 - 1
_YEARS = range(1970, 3000)


def _text_only(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("must be a time as text, such as 2026-01-31T12:00:00Z")
    return value


def _whole(value: object) -> object:
    """Take 31.0 for 31, as JSON and JSON Schema do."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _storable(value: datetime) -> datetime:
    if value.year not in _YEARS:
        raise ValueError("must lie between the years 1970 and 2999")
    return value


def _labels(words: list[str]) -> list[str]:
    if len(set(words)) != len(words):
        raise ValueError("a label occurs twice")
    return words


# PostgreSQL stores no NUL in text; refusing it here keeps both databases alike.
Text = Annotated[str, Field(pattern=r"^[^\x00]*$")]
Time = Annotated[
    AwareDatetime, Field(strict=False), BeforeValidator(_text_only), AfterValidator(_storable)
]
ListName = Annotated[str, Field(pattern=f"^{NAME.pattern}$")]
Territory = Annotated[
    str,
    Field(pattern=f"^({TERRITORY.pattern})?$", description="ISO 3166-1 alpha-2, or empty."),
]
Label = Annotated[str, Field(json_schema_extra={"enum": list(LABELS)})]
Labels = Annotated[
    list[Label],
    Field(max_length=len(LABELS), json_schema_extra={"uniqueItems": True}),
    AfterValidator(_labels),
]
Hex256 = Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{64}$")]
Hex160 = Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{40}$")]
Hex128 = Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{32}$")]
Link = Annotated[Text, Field(min_length=1, max_length=MAX_LINK_CHARS)]
Batch = Field(min_length=1, max_length=MAX_BATCH)
UploadId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
ActionId = UploadId
KeyId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
UploadName = Annotated[Text, Field(max_length=MAX_UPLOAD_NAME)]
Source = Annotated[
    Text,
    Field(
        max_length=MAX_SOURCE_CHARS,
        description="Your own pseudonym of the account, to tell a flood from one. Never stored.",
    ),
]
Whole = Annotated[int, BeforeValidator(_whole)]
Quality = Annotated[Whole | None, Field(ge=0, le=100, description="PDQ's quality, if known.")]


class In(BaseModel):
    """Whatever comes in."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PdqIn(In):
    """A PDQ hash: 256 bits in hex, in either case."""

    type: Literal["pdq"]
    signal: Hex256
    quality: Quality = None


class Sha256In(In):
    """The SHA-256 of a file."""

    type: Literal["sha256"]
    signal: Hex256


class Sha1In(In):
    """The SHA-1 of a file."""

    type: Literal["sha1"]
    signal: Hex160


class Md5In(In):
    """The MD5 of a file."""

    type: Literal["md5"]
    signal: Hex128


class UrlIn(In):
    """A link, in any spelling."""

    type: Literal["url"]
    signal: Link


SignalIn = Annotated[PdqIn | Sha256In | Sha1In | Md5In | UrlIn, Field(discriminator="type")]


class Question(In):
    """What is asked about any upload."""

    lists: Annotated[
        list[ListName],
        Field(max_length=MAX_NAMED_LISTS, description="Block lists to match; all when empty."),
    ] = []
    territory: Territory = ""
    name: Annotated[UploadName, Field(description="Your own label of the upload.")] = ""
    source: Source = ""


class ScreenLink(Question):
    """A link to be looked up, without fetching it."""

    link: Link


class ScreenUrl(Question):
    """An address whose content is fetched and screened."""

    url: Link


class ScreenHashes(Question):
    """Hashes of one upload."""

    signals: Annotated[list[SignalIn], Field(min_length=1, max_length=MAX_SIGNALS)]


class BatchFields(In):
    """Hashes of many uploads, one each, all of one type."""

    lists: Annotated[list[ListName], Field(max_length=MAX_NAMED_LISTS)] = []
    territory: Territory = ""
    source: Source = ""


class PdqBatch(BatchFields):
    """PDQ hashes of many uploads, one each."""

    type: Literal["pdq"]
    signals: Annotated[list[Hex256], Batch]


class Sha256Batch(BatchFields):
    """SHA-256 of many files."""

    type: Literal["sha256"]
    signals: Annotated[list[Hex256], Batch]


class Sha1Batch(BatchFields):
    """SHA-1 of many files."""

    type: Literal["sha1"]
    signals: Annotated[list[Hex160], Batch]


class Md5Batch(BatchFields):
    """MD5 of many files."""

    type: Literal["md5"]
    signals: Annotated[list[Hex128], Batch]


class UrlBatch(BatchFields):
    """Many links, in any spelling."""

    type: Literal["url"]
    signals: Annotated[list[Link], Batch]


ScreenBatch = Annotated[
    PdqBatch | Sha256Batch | Sha1Batch | Md5Batch | UrlBatch, Field(discriminator="type")
]


class Asked(BaseModel):
    """The same questions in a query string, for a body that is a file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lists: Annotated[list[ListName], Field(max_length=MAX_NAMED_LISTS)] = []
    territory: Territory = ""
    name: UploadName = ""
    source: Source = ""


class Compare(In):
    """Two PDQ hashes. Those of other types are equal or not, which needs no answer from us."""

    left: Hex256
    right: Hex256


class ListFields(In):
    """What a list can be told to do. See docs/lists.md."""

    radius: Annotated[Whole, Field(ge=0, le=MAX_RADIUS, description="Bits.")] = PDQ_RADIUS
    quality_floor: Annotated[Whole, Field(ge=0, le=100)] = PDQ_QUALITY_FLOOR
    verdict: Literal["allow", "limit", "hold", "refuse"] = "hold"
    exact_verdict: Literal["allow", "limit", "hold", "refuse"] | None = None
    labels: Labels = []
    territories: Annotated[
        list[Annotated[str, Field(pattern=f"^{TERRITORY.pattern}$")]], Field(max_length=300)
    ] = []
    sample_ratio: Annotated[float, Field(ge=0, le=1)] = 1.0
    reason: Annotated[Text, Field(max_length=MAX_REASON)] = ""
    enabled: bool = True
    ttl_days: Annotated[float, Field(ge=0, le=MAX_TTL_DAYS)] = DEFAULT_TTL_DAYS

    def changes(self) -> dict[str, Any]:
        """Return the fields that were given, as `Rules.change` takes them."""
        given = self.model_dump(exclude_unset=True)
        for field in ("verdict", "exact_verdict"):
            if given.get(field) is not None:
                given[field] = Verdict(given[field])
        return {key: tuple(one) if isinstance(one, list) else one for key, one in given.items()}


class ListNew(ListFields):
    """A list to be created. What is not given has its default."""

    name: ListName
    kind: Literal["block", "allow"] = "block"

    def draft(self) -> ListDraft:
        """Return it as `Rules.create` takes it."""
        return ListDraft(**(self.changes() | {"kind": ListKind(self.kind)}))


class ListChange(ListFields):
    """Fields of a list to be changed; the others stay."""

    name: ListName = ""


class ItemNotes(In):
    """What is said of an item. Without `expires_at` it counts for the list's `ttl_days`."""

    source_id: Annotated[Text, Field(max_length=MAX_SOURCE_ID)] = ""
    labels: Labels = []
    note: Annotated[Text, Field(max_length=MAX_NOTE)] = ""
    enabled: bool = True
    active_from: Time | None = None
    expires_at: Time | None = None

    def draft(self, signals: tuple[Signal, ...]) -> ItemDraft:
        """Return it as `Items.add` takes it, with the signals read."""
        return ItemDraft(
            signals,
            self.source_id,
            tuple(self.labels),
            self.note,
            self.enabled,
            self.active_from,
            self.expires_at,
        )


class ItemNew(ItemNotes):
    """An item to be added, by its signals."""

    signals: Annotated[list[SignalIn], Field(min_length=1, max_length=MAX_SIGNALS)]


class ItemChange(In):
    """Fields of an item to be changed; the others stay."""

    enabled: bool = True
    active_from: Time | None = None
    expires_at: Time | None = None
    labels: Labels = []
    note: Annotated[Text, Field(max_length=MAX_NOTE)] = ""

    def changes(self) -> dict[str, Any]:
        """Return the fields that were given, as `Items.change` takes them."""
        return self.model_dump(exclude_unset=True)


class Decision(In):
    """What a person decided about an item. See docs/api.md on confirming and disputing.

    `own_media`: you hold a copy yourself, and the person looked at it. `reason` is for the record,
    and for the members of the exchange that the item came from.
    """

    reason: Annotated[Text, Field(max_length=MAX_REASON)] = ""
    own_media: bool = False


class KeyNew(In):
    """An API key to be made."""

    name: Annotated[Text, Field(min_length=1, max_length=MAX_KEY_NAME)]
    scopes: Annotated[
        list[Annotated[Scope, Field(strict=False)]], Field(min_length=1, max_length=len(Scope))
    ]
    expires_at: Time | None = None


class LookbackNew(In):
    """A look-back. `everything`: over all signals, not only those since the last one."""

    everything: bool = False


class ActionsAsked(BaseModel):
    """How many of the actions that were given up are asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, description="Most actions.")] = 100


class ExportAsked(BaseModel):
    """In which format a list is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["jsonl", "csv"] = "jsonl"


class EventsAsked(Page):
    """Which events are asked for: of these tags, about this subject."""

    tag: Annotated[list[Tag], Field(max_length=len(Tag), default_factory=list)]
    subject: Annotated[Text, Field(max_length=MAX_UPLOAD_NAME)] = ""
