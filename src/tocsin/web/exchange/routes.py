"""The routes of JSON: what members send, and what they ask that is no object of the log."""

import asyncio
from functools import partial

from fastapi import APIRouter
from fastapi import Path as InPath
from starlette.requests import Request
from starlette.responses import Response

from tocsin.entries.canonical import MAX_INTEGER
from tocsin.web.bodies import JSON_BYTES
from tocsin.web.exchange.entering import Entered, Member, Shared, Signature, asks
from tocsin.web.exchange.shapes import (
    AboutOut,
    AdmittedAll,
    AdmittedOut,
    Alive,
    JoinedOut,
    JoinIn,
    PositionOut,
    ReadyOut,
    Submission,
)

JOIN_BYTES = 4096
"""Largest body of who is no member yet."""

router = APIRouter(route_class=Entered)


@router.get(
    "/v1/position", response_model=PositionOut, tags=["entries"], **asks(Signature.REQUIRED)
)
async def position(serving: Shared, member: Member) -> PositionOut:
    """Say where the chain of the member who asks stands: its next entry follows that one."""
    found = serving.exchange.position(member)
    return PositionOut(sequence=found.sequence, digest=found.digest.hex())


@router.post(
    "/v1/entries",
    status_code=201,
    response_model=AdmittedAll,
    tags=["entries"],
    **asks(Signature.REQUIRED, 403, 409, body_bytes=JSON_BYTES),
)
async def submit(serving: Shared, member: Member, submission: Submission) -> AdmittedAll:
    """Admit entries, all or none. Sending the same ones again gives the same answer.

    They are durable in the log, and its new checkpoint is published, when this answers.
    """
    parcels = [one.parcel() for one in submission.entries]
    future = await serving.apart(partial(serving.exchange.submit, parcels, member=member))
    # Shielded: who hangs up does not take back what is being admitted.
    admitted = await asyncio.shield(asyncio.wrap_future(future))
    return AdmittedAll(entries=[AdmittedOut.of(one) for one in admitted])


@router.get(
    "/v1/proof/{index}",
    response_class=Response,
    tags=["log"],
    **asks(Signature.NONE, 404),
)
async def proof(serving: Shared, index: int = InPath(ge=0, le=MAX_INTEGER)) -> Response:
    """Give the receipt of an entry, which anybody verifies with the log's key (C2SP tlog-proof)."""
    receipt = await serving.apart(partial(serving.exchange.proof, index))
    return Response(receipt, media_type="text/plain; charset=utf-8")


@router.post(
    "/v1/join",
    status_code=201,
    response_model=JoinedOut,
    tags=["members"],
    **asks(Signature.OWN, 403, 409, body_bytes=JOIN_BYTES),
)
async def join(serving: Shared, request: Request, wanted: JoinIn) -> JoinedOut:
    """Become a member by an invitation. The request is signed with the key that it brings."""
    public = bytes.fromhex(wanted.key)
    asked = serving.guard.prove(request.scope, public)
    asked.check_body(await request.body())
    index = await serving.apart(partial(serving.exchange.join, wanted.token, public))
    return JoinedOut(index=index)


@router.get("/v1/about", response_model=AboutOut, tags=["log"], **asks(Signature.NONE))
async def about(serving: Shared) -> AboutOut:
    """Say which exchange this is."""
    exchange = serving.exchange
    return AboutOut(
        origin=exchange.origin,
        url=exchange.url,
        key=str(exchange.verifier),
        witnesses=list(exchange.witnesses),
        size=exchange.head.checkpoint.size,
    )


@router.get("/health", response_model=Alive, tags=["health"], **asks(Signature.NONE))
async def health() -> Alive:
    """Say that the process answers. Restart it if it does not."""
    return Alive(status="alive")


@router.get("/ready", response_model=ReadyOut, tags=["health"], **asks(Signature.NONE))
async def ready(serving: Shared) -> ReadyOut:
    """Say whether the exchange admits entries. Send it no traffic while it does not."""
    await serving.apart(serving.exchange.check)
    return ReadyOut(status="ready", size=serving.exchange.head.checkpoint.size)
