"""Routes in HMA's shape: banks, their content, and what HMA calls configuration."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from tocsin.app import Node, now
from tocsin.errors import Conflict, InvalidInput, NotFound, Refused
from tocsin.keys import Scope
from tocsin.lists.items import ItemDraft
from tocsin.lists.rules import ListDraft
from tocsin.model import Item, ListKind, Signal
from tocsin.recording.events import Tag
from tocsin.web.bodies import media_type, strict_json, strictly
from tocsin.web.hma import fetch_and_hash, hash_file, shown
from tocsin.web.hma_shapes import (
    CONTENT_TYPES,
    FORM_BODY,
    SIGNAL_TYPES,
    SIGNALS_BODY,
    HmaIn,
    HmaRoute,
    bank,
    bank_named,
    hma_asks,
    parse_signal,
    signals_of,
    sizes,
)
from tocsin.web.lists import note_read
from tocsin.web.reading import read_item
from tocsin.web.routing import Actor, Held, Shared
from tocsin.web.schemas import MAX_ID

JSON = dict[str, Any]

router = APIRouter(prefix="/c", tags=["hma"], route_class=HmaRoute)

Name = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]*$")]
ContentId = Annotated[int, Path(ge=1, le=MAX_ID)]

ON, OFF = 1, 0
"""What `disable_until_ts` means besides a time: enabled, and disabled."""

_BANK_NAME = re.compile(r"[A-Z][A-Z0-9_]*")
_FIVE_YEARS = timedelta(days=365 * 5)
_MAX_NOTE = 255
_EXTRA = ("content_uri", "json")


class BankNew(HmaIn):
    """A bank to be created."""

    name: str
    enabled_ratio: Annotated[float, Field(ge=0, le=1)] | None = None
    enabled: bool | None = None


class BankChange(HmaIn):
    """What to change of a bank."""

    name: str | None = None
    enabled_ratio: Annotated[float, Field(ge=0, le=1)] | None = None
    enabled: bool | None = None


class ContentChange(HmaIn):
    """What to change of content."""

    disable_until_ts: Annotated[int, Field(ge=0)] | None = None
    note: Annotated[str, Field(max_length=_MAX_NOTE)] | None = None


class ContentNotes(HmaIn):
    """What is said of content when it is added. `metadata` has keys of HMA's alone."""

    metadata: Annotated[dict[str, Any], Field(default_factory=dict)]
    note: Annotated[str, Field(max_length=_MAX_NOTE)] = ""


@router.get("/banks", **hma_asks(Scope.LISTS_READ))
def read_banks(node: Held) -> list[JSON]:
    """Read every bank: the block lists."""
    return [bank(rule) for rule in node.rules.all() if rule.kind is ListKind.BLOCK]


@router.post("/banks", status_code=201, **hma_asks(Scope.LISTS_WRITE, body="json"))
def create_bank(body: BankNew, node: Held, actor: Actor) -> JSON:
    """Create a bank: a list that holds what matches for a person."""
    ratio = _ratio(body)
    draft = ListDraft(_name(body.name), sample_ratio=1.0 if ratio is None else ratio)
    with _named_once():
        return bank(node.rules.create(draft, actor=actor))


@router.get("/bank/{name}", **hma_asks(Scope.LISTS_READ, 404))
def read_bank(name: Name, node: Held) -> JSON:
    """Read a bank."""
    return bank(bank_named(node, name))


@router.put("/bank/{name}", **hma_asks(Scope.LISTS_WRITE, 404, body="json"))
def change_bank(name: Name, body: BankChange, node: Held, actor: Actor) -> JSON:
    """Rename a bank, or change the share of matches that it acts on."""
    changes: JSON = {} if body.name is None else {"name": _name(body.name)}
    ratio = _ratio(body)
    if ratio is not None:
        changes |= {"sample_ratio": ratio, "enabled": True}
    bank_named(node, name)
    with _named_once():
        return bank(node.rules.change(name, actor=actor, **changes))


@router.delete("/bank/{name}", **hma_asks(Scope.LISTS_WRITE))
def remove_bank(name: Name, node: Held, actor: Actor) -> dict[str, str]:
    """Remove a bank. One that does not exist is gone as well."""
    with suppress(NotFound):
        bank_named(node, name)
        node.rules.remove(name, actor=actor)
    return {"message": "Done"}


@router.post(
    "/bank/{name}/content",
    **hma_asks(Scope.LISTS_WRITE, 404, body="file", request_body=FORM_BODY),
)
async def add_content(
    name: Name,
    request: Request,
    actor: Actor,
    serving: Shared,
    url: str = "",
    content_type: str = "",
    types: str = "",
) -> JSON:
    """Add a file to a bank, from a form or from an address."""
    node = serving.node
    await run_in_threadpool(bank_named, node, name)
    notes = await _notes(request)
    if url:
        hashed = await fetch_and_hash(serving, url, content_type, types)
    else:
        hashed = await hash_file(request, serving, types)

    def work() -> JSON:
        # Beside HMA's signals also our own, under which altered copies are found.
        signals = (*hashed.signals, *read_item(node, hashed.content))
        added = node.items.add(name, _draft(signals, notes), actor=actor)
        node.lookback.wake()
        return {"id": added.item_id, "signals": shown(hashed)}

    return await serving.with_file(work)


@router.post(
    "/bank/{name}/signal",
    **hma_asks(Scope.LISTS_WRITE, 404, body="json", request_body=SIGNALS_BODY),
)
async def add_signals(name: Name, request: Request, actor: Actor, serving: Shared) -> JSON:
    """Add content to a bank by its signals."""
    given, node = await request.json(), serving.node
    if not isinstance(given, dict) or not all(isinstance(one, str) for one in given.values()):
        raise InvalidInput("signals are given as an object of signal type and signal")
    notes = _checked({"note": given.pop("note", "")})
    if not given:
        raise InvalidInput("No signals given")
    signals = tuple(parse_signal(type_, text) for type_, text in given.items())

    def work() -> JSON:
        bank_named(node, name)
        added = node.items.add(name, _draft(signals, notes), actor=actor)
        node.lookback.wake()
        return {"id": added.item_id, "signals": signals_of(signals)}

    return await run_in_threadpool(work)


@router.get("/bank/{name}/content/{id}", **hma_asks(Scope.LISTS_READ, 404))
def read_content(
    name: Name,
    id: ContentId,
    node: Held,
    actor: Actor,
    include_signals: bool = False,
    include_metadata: bool = False,
) -> JSON:
    """Read content of a bank; of this bank alone, unlike HMA."""
    item = _content(node, name, id)
    note_read(node, Tag.LIST_READ, name, actor, first=id, last=id)
    found = _record(node, item)
    if include_signals:
        found["signals"] = signals_of(item.signals)
    if include_metadata:
        found["metadata"] = _metadata(item)
    return found


@router.put("/bank/{name}/content/{id}", **hma_asks(Scope.LISTS_WRITE, 404, 409, body="json"))
def change_content(
    name: Name, id: ContentId, body: ContentChange, node: Held, actor: Actor
) -> JSON:
    """Enable or disable content, now or until a time; or change its note."""
    _content(node, name, id)
    changes: JSON = {} if body.note is None else {"note": body.note}
    if body.disable_until_ts is not None:
        changes |= _enabling(body.disable_until_ts)
    return _record(node, node.items.change(name, id, actor=actor, **changes))


@router.delete("/bank/{name}/content/{id}", **hma_asks(Scope.LISTS_WRITE, 404))
def remove_content(name: Name, id: ContentId, node: Held, actor: Actor) -> dict[str, int]:
    """Remove content from a bank; from this bank alone, unlike HMA."""
    bank_named(node, name)
    try:
        removed = node.items.get(name, id).removed_at is None
    except NotFound:
        return {"deleted": 0}
    node.items.remove(name, id, actor=actor)
    return {"deleted": int(removed)}


@router.get("/signal_type", **hma_asks(Scope.LISTS_READ))
def read_signal_types() -> list[JSON]:
    """Read the signal types."""
    return [{"name": name, "enabled_ratio": 1.0} for name in SIGNAL_TYPES]


@router.get("/content_type", **hma_asks(Scope.LISTS_READ))
def read_content_types() -> list[JSON]:
    """Read the content types."""
    return [{"name": name, "enabled": True} for name in CONTENT_TYPES]


@router.get("/signal_type/index", **hma_asks(Scope.LISTS_READ))
def read_index(node: Held, signal_type: str = "") -> JSON:
    """Say how much of the database can be matched: all of it, always."""
    at = int(time.time())
    return {
        name: {
            "db_size": size,
            "index_size": size,
            "index_out_of_date": False,
            "newest_db_item": at,
            "index_built_to": at,
        }
        for name, size in sizes(node, signal_type).items()
    }


@router.get("/exchanges", **hma_asks(Scope.LISTS_READ))
def read_exchanges() -> list[str]:
    """Read the exchanges: none."""
    return []


def _name(name: str) -> str:
    if not _BANK_NAME.fullmatch(name):
        raise InvalidInput(f"a bank's name has upper-case letters, digits and _, not {name[:80]!r}")
    return name


def _ratio(body: BankNew | BankChange) -> float | None:
    """Read the share of matches to act on. HMA lets a default override `enabled: false`."""
    if body.enabled_ratio is not None:
        return body.enabled_ratio
    return None if body.enabled is None else float(body.enabled)


@contextmanager
def _named_once() -> Iterator[None]:
    """Say as HMA does that a name is taken."""
    try:
        yield
    except Conflict as error:
        raise Refused("Bank already exists") from error


def _content(node: Node, name: str, id: int) -> Item:
    """Find content that is in this bank. Raises NotFound."""
    bank_named(node, name)
    item = node.items.get(name, id)
    if item.removed_at is not None:
        raise NotFound(f"content '{id}' not found")
    return item


def _record(node: Node, item: Item) -> JSON:
    later = item.active_from is not None and item.active_from > now()
    until = int(item.active_from.timestamp()) if item.active_from and later else ON
    return {
        "id": item.id,
        "disable_until_ts": until if item.enabled else OFF,
        "collab_metadata": {},
        "original_media_uri": _metadata(item).get("content_uri"),
        "bank": bank(node.rules.get(item.list)),
        "note": item.note,
    }


def _enabling(disable_until_ts: int) -> JSON:
    if disable_until_ts in (ON, OFF):
        return {"enabled": disable_until_ts == ON, "active_from": None}
    if disable_until_ts > (now() + _FIVE_YEARS).timestamp():
        raise InvalidInput("disable_until_ts must be less than 5 years in the future")
    return {"enabled": True, "active_from": datetime.fromtimestamp(disable_until_ts, UTC)}


async def _notes(request: Request) -> ContentNotes:
    """Read what is said of content: in a form's fields, or in a JSON body beside an address."""
    if media_type(request) == "application/json":
        given = await request.json()
    elif media_type(request) == "multipart/form-data":
        fields = (await strictly(request).file()).fields
        given = {key: fields[key] for key in ("note",) if key in fields}
        if "metadata" in fields:
            given["metadata"] = strict_json(fields["metadata"].encode())
    else:
        given = {}
    return _checked(given)


def _checked(given: JSON) -> ContentNotes:
    """Check what is said of content. Raises InvalidInput."""
    try:
        notes = ContentNotes.model_validate(given)
    except ValidationError as error:
        raise InvalidInput(f"metadata or note is not valid: {error.errors()[0]['msg']}") from error
    unexpected = set(notes.metadata) - {"content_id", *_EXTRA}
    if unexpected:
        raise InvalidInput(f"metadata contains unexpected keys: {', '.join(sorted(unexpected))}")
    return notes


def _draft(signals: tuple[Signal, ...], notes: ContentNotes) -> ItemDraft:
    """Make an item. What HMA keeps as metadata and we have no field for goes into the note."""
    extra = {key: notes.metadata[key] for key in _EXTRA if notes.metadata.get(key)}
    note = json.dumps(extra | {"note": notes.note}) if extra else notes.note
    return ItemDraft(signals, source_id=str(notes.metadata.get("content_id") or ""), note=note)


def _metadata(item: Item) -> JSON:
    """Read back what `_draft` put into the note."""
    try:
        kept = json.loads(item.note) if item.note.startswith("{") else {}
    except ValueError:
        kept = {}
    found = {key: kept[key] for key in _EXTRA if key in kept}
    return found | ({"content_id": item.source_id} if item.source_id else {})
