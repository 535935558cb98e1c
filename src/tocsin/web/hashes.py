"""Hashing and comparing, without asking whether anything is known."""

from fastapi import APIRouter
from starlette.requests import Request

from tocsin import intake
from tocsin.keys import Scope
from tocsin.model import PDQ_RADIUS, Undecodable
from tocsin.web.answers import CompareOut, HashOut, ViewOut
from tocsin.web.bodies import file_of
from tocsin.web.routing import FILE_BODY, Guarded, Shared, asks
from tocsin.web.schemas import Compare

router = APIRouter(tags=["hashes"], route_class=Guarded)


@router.post(
    "/v1/hash",
    response_model=HashOut,
    **asks(Scope.SCREEN, body="file", request_body=FILE_BODY),
)
async def hash_file(request: Request, serving: Shared) -> HashOut:
    """Hash a file: every view that a screening would match, with its signal and quality."""
    upload = intake.from_bytes((await file_of(request)).content)
    reading = await serving.with_file(lambda: serving.node.road.read(upload))
    obstacle = reading.obstacle
    said = obstacle.detail if isinstance(obstacle, Undecodable) else ""
    views = [ViewOut.of_view(view) for view in reading.views]
    return HashOut(format=reading.format, signals=views, obstacle=said)


@router.post("/v1/compare", response_model=CompareOut, **asks(Scope.SCREEN, body="json"))
def compare(body: Compare) -> CompareOut:
    """Say how far two PDQ hashes are apart, and whether the default radius holds both."""
    distance = (int(body.left, 16) ^ int(body.right, 16)).bit_count()
    return CompareOut(distance=distance, radius=PDQ_RADIUS, match=distance <= PDQ_RADIUS)
