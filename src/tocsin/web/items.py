"""Items of a list: read, add by signals or as a file, import in bulk, change, remove, restore."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from tocsin.keys import Scope
from tocsin.recording.events import Tag
from tocsin.web.answers import (
    AddedFile,
    AddedOut,
    DecidedOut,
    Imported,
    ItemOut,
    ItemsPage,
    SignalOut,
)
from tocsin.web.bodies import file_of, strict_json, strictly
from tocsin.web.importing import AHEAD, arrive, give_up, import_arriving
from tocsin.web.lists import Name, note_read
from tocsin.web.pages import Page, next_link
from tocsin.web.reading import read_item
from tocsin.web.routing import FILE_BODY, Actor, Guarded, Held, Shared, asks
from tocsin.web.schemas import MAX_ID, Decision, ItemChange, ItemNew, ItemNotes
from tocsin.web.signals import read_item_signals

router = APIRouter(tags=["items"], route_class=Guarded)

ItemId = Annotated[int, Path(ge=1, le=MAX_ID, description="Number of the item.")]

_FORM = "multipart/form-data"
ITEM_FILE_BODY = FILE_BODY | {
    "content": FILE_BODY["content"]
    | {
        _FORM: {
            "schema": {
                "type": "object",
                "properties": {
                    "file": {"type": "string", "format": "binary"},
                    "item": {"$ref": "#/components/schemas/ItemNotes"},
                },
                "required": ["file"],
                "additionalProperties": False,
            }
        }
    }
}
LINE_TYPES = ("application/jsonl", "application/x-ndjson", "text/csv")
LINES_BODY = {
    "required": True,
    "content": {kind: {"schema": {"type": "string"}} for kind in LINE_TYPES},
}


@router.get("/v1/lists/{name}/items", response_model=ItemsPage, **asks(Scope.LISTS_READ, 404))
def read_items(name: Name, page: Annotated[Page, Query()], node: Held, actor: Actor) -> ItemsPage:
    """Read the items that are on a list, in order of their numbers."""
    items = node.items.page(name, after=page.after, limit=page.limit)
    if items:
        note_read(node, Tag.LIST_READ, name, actor, first=items[0].id, last=items[-1].id)
    full = len(items) == page.limit
    link = next_link(f"/v1/lists/{name}/items", items[-1].id, page.limit) if full else None
    return ItemsPage(items=[ItemOut.of(item) for item in items], next=link)


@router.post(
    "/v1/lists/{name}/items",
    status_code=201,
    response_model=AddedOut,
    **asks(Scope.LISTS_WRITE, 404, body="json", once=True, present=AddedOut),
)
def add_item(name: Name, body: ItemNew, node: Held, actor: Actor, response: Response) -> AddedOut:
    """Add an item by its signals. It is matchable when this answers.

    Answers 200 instead of 201 if all its signals are on the list already.
    """
    added = node.items.add(name, body.draft(read_item_signals(body.signals)), actor=actor)
    node.lookback.wake()
    response.status_code = 201 if added.fresh else 200
    return AddedOut(item=added.item_id, fresh=added.fresh)


@router.post(
    "/v1/lists/{name}/files",
    status_code=201,
    response_model=AddedFile,
    **asks(
        Scope.LISTS_WRITE,
        404,
        body="file",
        once=True,
        request_body=ITEM_FILE_BODY,
        present=AddedFile,
    ),
)
async def add_file(
    name: Name, request: Request, actor: Actor, serving: Shared, response: Response
) -> AddedFile:
    """Add a file as an item: it is decoded in the sandbox, hashed, and not kept."""
    file, node = await file_of(request, "item"), serving.node
    notes = _notes(file.fields.get("item", "{}"))

    def work() -> AddedFile:
        node.rules.get(name)
        signals = read_item(node, file.content)
        added = node.items.add(name, notes.draft(signals), actor=actor)
        node.lookback.wake()
        shown = [SignalOut.of(one) for one in signals]
        return AddedFile(item=added.item_id, fresh=added.fresh, signals=shown)

    done = await serving.with_file(work)
    response.status_code = 201 if done.fresh else 200
    return done


@router.post(
    "/v1/lists/{name}/import",
    response_model=Imported,
    **asks(Scope.LISTS_WRITE, 404, body="stream", request_body=LINES_BODY),
)
async def import_items(name: Name, request: Request, actor: Actor, serving: Shared) -> Imported:
    """Import JSON lines or CSV, of any size. See docs/lists.md for the columns.

    A line at fault never stops the rest. Sending the same again adds only what is missing.
    """
    strict = strictly(request, *LINE_TYPES)
    pieces: asyncio.Queue[bytes | Exception] = asyncio.Queue(AHEAD)
    loop = asyncio.get_running_loop()
    arriving = asyncio.create_task(arrive(strict.pieces(None), pieces))
    try:
        return await serving.with_import(
            lambda: import_arriving(serving.node, name, pieces, loop, actor=actor)
        )
    finally:
        arriving.cancel()
        give_up(pieces)


@router.get("/v1/lists/{name}/items/{id}", response_model=ItemOut, **asks(Scope.LISTS_READ, 404))
def read_item_of(name: Name, id: ItemId, node: Held, actor: Actor) -> ItemOut:
    """Read one item, also if it was removed."""
    item = node.items.get(name, id)
    note_read(node, Tag.LIST_READ, name, actor, first=id, last=id)
    return ItemOut.of(item)


@router.patch(
    "/v1/lists/{name}/items/{id}",
    response_model=ItemOut,
    **asks(Scope.LISTS_WRITE, 404, 409, body="json"),
)
def change_item(name: Name, id: ItemId, body: ItemChange, node: Held, actor: Actor) -> ItemOut:
    """Change some fields of an item; the change acts at once."""
    changed = node.items.change(name, id, actor=actor, **body.changes())
    node.lookback.wake()
    return ItemOut.of(changed)


@router.delete("/v1/lists/{name}/items/{id}", status_code=204, **asks(Scope.LISTS_WRITE, 404))
def remove_item(name: Name, id: ItemId, node: Held, actor: Actor) -> None:
    """Take an item off its list; it can be restored."""
    node.items.remove(name, id, actor=actor)


@router.post(
    "/v1/lists/{name}/items/{id}/restore",
    response_model=ItemOut,
    **asks(Scope.LISTS_WRITE, 404, once=True),
)
def restore_item(name: Name, id: ItemId, node: Held, actor: Actor) -> ItemOut:
    """Put a removed item back on its list."""
    node.items.restore(name, id, actor=actor)
    node.lookback.wake()
    return ItemOut.of(node.items.get(name, id))


@router.post(
    "/v1/lists/{name}/items/{id}/confirm",
    response_model=DecidedOut,
    **asks(Scope.LISTS_WRITE, 404, 409, body="json", once=True),
)
def confirm_item(name: Name, id: ItemId, body: Decision, node: Held, actor: Actor) -> DecidedOut:
    """Say that a person looked at what the item matches, and that it is what it was listed as.

    Lets the item act again where the flood breaker held it back, and spares it for a day.
    """
    told = node.decisions.confirm(
        name, id, actor=actor, reason=body.reason, own_media=body.own_media
    )
    return DecidedOut(item=ItemOut.of(node.items.get(name, id)), told=told)


@router.post(
    "/v1/lists/{name}/items/{id}/dispute",
    response_model=DecidedOut,
    **asks(Scope.LISTS_WRITE, 404, 409, body="json", once=True),
)
def dispute_item(name: Name, id: ItemId, body: Decision, node: Held, actor: Actor) -> DecidedOut:
    """Say that an item of somebody else is not what it was listed as.

    It holds at most from now on, and what was decided because of it is reopened.
    """
    told = node.decisions.dispute(
        name, id, actor=actor, reason=body.reason, own_media=body.own_media
    )
    return DecidedOut(item=ItemOut.of(node.items.get(name, id)), told=told)


def _notes(text: str) -> ItemNotes:
    """Read what the form says of its file. Raises Malformed, RequestValidationError."""
    try:
        return ItemNotes.model_validate(strict_json(text.encode()))
    except ValidationError as error:
        faults = [{**one, "loc": ("item", *one["loc"])} for one in error.errors()]
        raise RequestValidationError(faults) from error
