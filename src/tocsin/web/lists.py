"""Lists: what we know, and the rule that each stands for."""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.responses import Response, StreamingResponse

from tocsin.app import Node, now
from tocsin.keys import Scope
from tocsin.lists.exporting import export_lines
from tocsin.lists.vocabulary import BEHAVIOUR, PRODUCER, VERSION
from tocsin.recording.events import Event, Tag
from tocsin.web.answers import CountedList, LabelsOut, ListOut, ListsOut
from tocsin.web.routing import Actor, Guarded, Held, asks
from tocsin.web.schemas import ExportAsked, ListChange, ListName, ListNew

router = APIRouter(tags=["lists"], route_class=Guarded)

Name = Annotated[ListName, Path(description="Name of the list.")]

MEDIA_TYPES = {"jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8"}
_PIECE_CHARS = 64 * 1024


@router.get("/v1/labels", response_model=LabelsOut, **asks(Scope.SCREEN))
def read_labels() -> LabelsOut:
    """Read the vocabulary: the words that items and lists can be labelled with."""
    return LabelsOut(version=VERSION, behaviour=BEHAVIOUR, producer=PRODUCER)


@router.get("/v1/lists", response_model=ListsOut, **asks(Scope.LISTS_READ))
def read_lists(node: Held) -> ListsOut:
    """Read every list and its rule."""
    return ListsOut(lists=[ListOut.of(rule) for rule in node.rules.all()])


@router.post(
    "/v1/lists",
    status_code=201,
    response_model=ListOut,
    **asks(Scope.LISTS_WRITE, 409, body="json", once=True),
)
def create_list(body: ListNew, node: Held, actor: Actor) -> ListOut:
    """Create a list. What is not given: hold what matches for a person, everywhere, for a year."""
    return ListOut.of(node.rules.create(body.draft(), actor=actor))


@router.get("/v1/lists/{name}", response_model=CountedList, **asks(Scope.LISTS_READ, 404))
def read_list(name: Name, node: Held) -> ListOut:
    """Read a list, its rule, and how much is on it."""
    return CountedList.of(node.rules.get(name), counts=node.items.count(name))


@router.patch(
    "/v1/lists/{name}",
    response_model=ListOut,
    **asks(Scope.LISTS_WRITE, 404, 409, body="json"),
)
def change_list(name: Name, body: ListChange, node: Held, actor: Actor) -> ListOut:
    """Change some fields of a list; the change acts at once."""
    return ListOut.of(node.rules.change(name, actor=actor, **body.changes()))


@router.delete("/v1/lists/{name}", status_code=204, **asks(Scope.LISTS_WRITE, 404))
def remove_list(name: Name, node: Held, actor: Actor) -> None:
    """Remove a list with its items. The record of it stays."""
    node.rules.remove(name, actor=actor)


@router.get(
    "/v1/lists/{name}/export",
    response_class=StreamingResponse,
    **asks(Scope.LISTS_READ, 404),
)
def export_list(
    name: Name, asked: Annotated[ExportAsked, Query()], node: Held, actor: Actor
) -> Response:
    """Export every item of a list, as JSON lines or CSV, of any size."""
    node.rules.get(name)
    note_read(node, Tag.LIST_EXPORTED, name, actor, format=asked.format)
    lines = export_lines(node.items.walk(name), asked.format)
    headers = {"Content-Disposition": f'attachment; filename="{name}.{asked.format}"'}
    kind = MEDIA_TYPES[asked.format]
    return StreamingResponse(_pieces(lines), media_type=kind, headers=headers)


def note_read(node: Node, tag: Tag, subject: str, actor: str, **body: Any) -> None:  # noqa: ANN401 - any JSON
    """Record that something was read, before it is shown. Raises Unavailable."""
    node.store.record(Event(now(), tag, actor, subject, body)).result()


def _pieces(lines: Iterator[str]) -> Iterator[bytes]:
    """Join lines: each piece is a turn through a thread, which a single line is not worth."""
    waiting: list[str] = []
    size = 0
    for line in lines:
        waiting.append(line)
        size += len(line)
        if size >= _PIECE_CHARS:
            yield "".join(waiting).encode()
            waiting, size = [], 0
    yield "".join(waiting).encode()
