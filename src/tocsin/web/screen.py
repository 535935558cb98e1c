"""Screening: what a platform asks about an upload."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from tocsin import intake
from tocsin.app import Node
from tocsin.errors import Refused
from tocsin.keys import Scope
from tocsin.model import Screening, SignalType, Undecodable, Upload
from tocsin.screening import Reading
from tocsin.web.answers import Screened, ScreenedBatch, ScreeningOut, screened
from tocsin.web.batches import screen_batch
from tocsin.web.bodies import file_of
from tocsin.web.routing import FILE_BODY, Actor, Guarded, Held, Shared, asks
from tocsin.web.schemas import (
    Asked,
    Question,
    ScreenBatch,
    ScreenHashes,
    ScreenLink,
    ScreenUrl,
    UploadId,
)
from tocsin.web.signals import read_signals, read_texts

router = APIRouter(tags=["screening"], route_class=Guarded)

Parameters = Annotated[Asked, Query()]


@router.post(
    "/v1/screen/file",
    response_model=Screened,
    **asks(Scope.SCREEN, 404, body="file", once=True, request_body=FILE_BODY),
)
async def screen_file(
    request: Request, asked: Parameters, actor: Actor, serving: Shared
) -> dict[str, Any]:
    """Screen a file: raw in the body, which is fastest, or as the part `file` of a form."""
    file = await file_of(request)
    name = asked.name or file.name[: intake.MAX_NAME_CHARS]
    upload = intake.from_bytes(
        file.content, name=name, territory=asked.territory, source=asked.source
    )
    return screened(await serving.screen(upload, actor=actor, lists=asked.lists))


@router.post(
    "/v1/screen/link",
    response_model=Screened,
    **asks(Scope.SCREEN, 404, body="json", once=True),
)
async def screen_link(body: ScreenLink, actor: Actor, serving: Shared) -> dict[str, Any]:
    """Screen a link by its address, without fetching it."""
    upload = intake.from_link(body.link, **_of(body))
    return screened(await serving.look_up(upload, actor=actor, lists=body.lists))


@router.post(
    "/v1/screen/url",
    response_model=Screened,
    **asks(Scope.SCREEN, 404, body="json", once=True),
)
async def screen_url(body: ScreenUrl, actor: Actor, serving: Shared) -> dict[str, Any]:
    """Fetch an address and screen what is there. Off unless the operator turned it on."""
    node = serving.node
    if not node.settings.fetch_urls:
        raise Refused(
            "this node does not fetch addresses",
            advice="Turn the setting `fetch_urls` on, or send the file itself.",
        )

    def work() -> Screening:
        limit = node.settings.max_upload_bytes
        found = intake.fetch(body.url, node.fetcher, limit_bytes=limit)
        asked = _of(body) | {"name": body.name or body.url[: intake.MAX_NAME_CHARS]}
        if isinstance(found, Undecodable):
            upload, reading = intake.from_bytes(b"", **asked), Reading((), obstacle=found)
        else:
            upload = intake.from_bytes(found.content, **asked)
            reading = node.road.read(upload)
        return screen_many(node, [upload], [reading], actor=actor, lists=body.lists)[0]

    return screened(serving.counted(await serving.with_file(work)))


@router.post(
    "/v1/screen/hashes",
    response_model=Screened,
    **asks(Scope.SCREEN, 404, body="json", once=True),
)
async def screen_hashes(body: ScreenHashes, actor: Actor, serving: Shared) -> dict[str, Any]:
    """Screen an upload by hashes that the platform made itself."""
    signals = read_signals(body.signals)
    upload = intake.from_hashes(signals, **_of(body))
    return screened(await serving.look_up(upload, actor=actor, lists=body.lists))


@router.post(
    "/v1/screen/batch",
    response_model=ScreenedBatch,
    **asks(Scope.SCREEN, 404, body="json", once=True),
)
async def screen_hashes_of_many(body: ScreenBatch, actor: Actor, serving: Shared) -> Response:
    """Screen many uploads by one hash each.

    Each screening names the places of its hashes in the batch, from 0. Hashes that nothing is like
    share a screening; a known one has a screening of its own.
    """

    def work() -> bytes:
        hashes = read_texts(SignalType(body.type), body.signals)
        found = screen_batch(
            serving.node.road,
            hashes,
            actor=actor,
            only=body.lists,
            territory=body.territory,
            source=body.source,
        )
        answers = [
            screened(serving.counted(one, len(places))) | {"places": places}
            for one, places in found
        ]
        return json.dumps({"screenings": answers}).encode()

    return Response(await run_in_threadpool(work), media_type="application/json")


@router.get(
    "/v1/screenings/{id}",
    response_model=ScreeningOut,
    **asks(Scope.SCREEN, 404),
)
def read_screening(id: UploadId, node: Held) -> ScreeningOut:
    """Read a screening as it was recorded, by the id that its answer gave."""
    return ScreeningOut.of(node.history.screening(id))


def _of(body: Question) -> dict[str, str]:
    """Return what a request says of its upload, as `intake` takes it."""
    return {"name": body.name, "territory": body.territory, "source": body.source}


def screen_many(
    node: Node,
    uploads: Sequence[Upload],
    readings: Sequence[Reading],
    *,
    actor: str,
    lists: Sequence[str],
) -> list[Screening]:
    """Screen uploads that were read already, all in one pass; durable on return."""
    found = node.road.judge_many(uploads, readings, only=lists)
    for record in [node.road.record(screening, actor=actor) for screening in found]:
        record.result()
    node.road.settle(*found)
    return found
