"""Routes in HMA's shape: hashing, matching, status. Banks are in `banks.py`."""

import random
import time
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from tocsin import intake
from tocsin.app import Node
from tocsin.decoding.magic import identify
from tocsin.errors import InvalidInput, Refused
from tocsin.hashing.exact import file_signals
from tocsin.keys import Scope
from tocsin.model import (
    PDQ_QUALITY_FLOOR,
    PDQ_RADIUS,
    Screening,
    Signal,
    SignalType,
    Undecodable,
    View,
)
from tocsin.web.bodies import strictly
from tocsin.web.hma_shapes import (
    CONTENT_TYPES,
    FORM_BODY,
    PAIRS_BODY,
    SIGNAL_TYPES,
    HmaIn,
    HmaRoute,
    banks_of,
    hma_asks,
    matches_by_bank,
    parse_signal,
    raw_matches,
    signal_type,
    signals_of,
    sizes,
)
from tocsin.web.reading import read_exact
from tocsin.web.routing import Actor, Held, Shared
from tocsin.web.screen import screen_many

router = APIRouter(tags=["hma"], route_class=HmaRoute)
entrance = APIRouter(tags=["hma"])
"""What needs no key, with HMA as with us."""

JSON = dict[str, Any]


class Media(HmaIn):
    """A file behind an address, and what to hash it to."""

    url: str
    content_type: str = ""
    types: str = ""


class RawLookup(HmaIn):
    """A hash to look up in every bank."""

    signal: str
    signal_type: str
    banks: str = ""
    include_distance: bool = False


class LookUp(HmaIn):
    """A hash, or an address, to look up in the banks that act."""

    signal: str = ""
    signal_type: str = ""
    url: str = ""
    content_type: str = ""
    types: str = ""
    banks: str = ""
    seed: str | None = None
    bypass_coinflip: bool = False


class LookUpFile(HmaIn):
    """What may be said of a file that is looked up."""

    types: str = ""
    banks: str = ""
    seed: str | None = None
    bypass_coinflip: bool = False


@dataclass(frozen=True, slots=True)
class Hashed:
    """A file, the signal types that are asked for, and its signals of these types."""

    content: bytes
    types: tuple[str, ...]
    signals: tuple[Signal, ...]


@router.get("/h/hash", **hma_asks(Scope.SCREEN))
async def hash_url(asked: Annotated[Media, Query()], serving: Shared) -> JSON:
    """Fetch a file and hash it. Off unless the operator turned fetching on."""
    hashed = await fetch_and_hash(serving, asked.url, asked.content_type, asked.types)
    return shown(hashed)


@router.post("/h/hash", **hma_asks(Scope.SCREEN, body="file", request_body=FORM_BODY))
async def hash_form(request: Request, serving: Shared, types: str = "") -> JSON:
    """Hash a file."""
    return shown(await hash_file(request, serving, types))


@router.get("/m/raw_lookup", **hma_asks(Scope.SCREEN))
async def raw_lookup(asked: Annotated[RawLookup, Query()], actor: Actor, serving: Shared) -> JSON:
    """Look a hash up in every bank, whether it acts or not."""
    signal = parse_signal(asked.signal_type, asked.signal)
    upload = intake.from_hashes([signal])
    screening = await serving.look_up(upload, actor=actor, lists=[])
    banks = banks_of(asked.banks)
    return {"matches": raw_matches(screening, banks, with_distance=asked.include_distance)}


@router.get("/m/lookup", **hma_asks(Scope.SCREEN))
async def look_up(asked: Annotated[LookUp, Query()], actor: Actor, serving: Shared) -> JSON:
    """Look a hash, or what is behind an address, up in the banks that act."""
    if asked.url:
        hashed = await fetch_and_hash(serving, asked.url, asked.content_type, asked.types)
        return await look_up_hashed(hashed, LookUpFile(**asked.model_dump()), actor, serving)
    if not asked.signal or not asked.signal_type:
        raise InvalidInput("Either url or both signal and signal_type are required")
    upload = intake.from_hashes([parse_signal(asked.signal_type, asked.signal)])
    if asked.seed is None:
        screening = await serving.look_up(upload, actor=actor, lists=[])
    else:
        node = _seeded(serving.node, asked.seed)
        readings = [node.road.read(upload)]
        (screening,) = await run_in_threadpool(
            lambda: screen_many(node, [upload], readings, actor=actor, lists=[])
        )
    type_, banks = signal_type(asked.signal_type), banks_of(asked.banks)
    return matches_by_bank(screening, type_, banks, bypass=asked.bypass_coinflip)


@router.post("/m/lookup", **hma_asks(Scope.SCREEN, body="file", request_body=FORM_BODY))
async def look_up_form(
    request: Request, asked: Annotated[LookUpFile, Query()], actor: Actor, serving: Shared
) -> JSON:
    """Look a file up in the banks that act, by every view of it."""
    hashed = await hash_file(request, serving, asked.types)
    return await look_up_hashed(hashed, asked, actor, serving)


@router.post("/m/compare", **hma_asks(Scope.SCREEN, body="json", request_body=PAIRS_BODY))
async def compare(request: Request) -> JSON:
    """Say of pairs of hashes whether they match, and how far they are apart."""
    asked = await request.json()
    if not isinstance(asked, dict):
        raise InvalidInput("Request input was not a dict")
    return {name: _compared(name, pair) for name, pair in asked.items()}


@router.get("/m/index/status", **hma_asks(Scope.SCREEN))
def index_status(node: Held, signal_type: str = "") -> JSON:
    """Say how many signals can be matched. They are built to this moment, always."""
    now = int(time.time())
    return {
        name: {"present": True, "built_to": now, "size": size}
        for name, size in sizes(node, signal_type).items()
    }


@entrance.get("/status", response_class=PlainTextResponse)
def status(node: Held) -> str:
    """Say in HMA's words that the node can match; 503 while it cannot."""
    node.indices.refresh()
    return "I-AM-ALIVE"


@entrance.get("/status/live", response_class=PlainTextResponse)
async def live() -> str:
    """Say in HMA's words that the process answers."""
    return "I-AM-ALIVE"


@entrance.get("/site-map")
async def site_map(request: Request) -> list[str]:
    """List the paths of all routes."""
    return sorted(request.app.openapi()["paths"])


async def hash_file(request: Request, serving: Shared, types: str) -> Hashed:
    """Hash the one file of a form, whose part is named after its content type."""
    file = await strictly(request).file()
    wanted = _types(file.part, types)
    return await serving.with_file(lambda: _hashed(serving.node, file.content, wanted))


async def fetch_and_hash(serving: Shared, url: str, content_type: str, types: str) -> Hashed:
    """Fetch an address and hash what is there. Raises Refused unless the operator allows it."""
    node = serving.node
    if not node.settings.fetch_urls:
        raise Refused("this node does not fetch addresses; see its setting `fetch_urls`")

    def work() -> Hashed:
        limit = node.settings.max_upload_bytes
        found = intake.fetch(url, node.fetcher, limit_bytes=limit)
        if isinstance(found, Undecodable):
            raise InvalidInput(found.detail)
        looks = "photo" if isinstance(identify(found.content), str) else "video"
        return _hashed(node, found.content, _types(content_type or looks, types))

    return await serving.with_file(work)


async def look_up_hashed(
    hashed: Hashed, asked: LookUpFile, actor: str, serving: Shared
) -> dict[str, Any]:
    """Screen a file and show what it matched, by signal type."""
    node = serving.node if asked.seed is None else _seeded(serving.node, asked.seed)

    def work() -> Screening:
        upload = intake.from_bytes(hashed.content)
        reading = node.road.read(upload)
        # The exact pixels as well: whatever HMA would find, we find.
        more = tuple(View("exact", signal) for signal in hashed.signals)
        readings = [replace(reading, views=(*reading.views, *more))]
        return screen_many(node, [upload], readings, actor=actor, lists=[])[0]

    screening = serving.counted(await serving.with_file(work))
    banks = banks_of(asked.banks)
    return {
        name: matches_by_bank(screening, SIGNAL_TYPES[name], banks, bypass=asked.bypass_coinflip)
        for name in hashed.types
    }


def _hashed(node: Node, content: bytes, types: tuple[str, ...]) -> Hashed:
    signals = []
    if "pdq" in types:
        found = read_exact(node, content)
        if isinstance(found, Undecodable):
            raise InvalidInput(f"the file cannot be hashed: {found.detail}")
        signals.append(found)
    if "video_md5" in types:
        signals += [one for one in file_signals(content) if one.type is SignalType.MD5]
    return Hashed(content, types, tuple(signals))


def shown(hashed: Hashed) -> dict[str, str]:
    """Show signals by type; one that says too little is empty, as with HMA."""
    poor = [
        one for one in hashed.signals if one.quality is not None and one.quality < PDQ_QUALITY_FLOOR
    ]
    return signals_of(hashed.signals) | dict.fromkeys(signals_of(poor), "")


def _types(content_type: str, types: str) -> tuple[str, ...]:
    """Read which signal types are asked for. Raises InvalidInput."""
    if content_type not in CONTENT_TYPES:
        raise InvalidInput(f"no such content_type: '{content_type[:40]}'")
    known = CONTENT_TYPES[content_type]
    wanted = tuple(one.strip() for one in types.split(",") if one.strip())
    for one in wanted:
        if one not in known:
            raise InvalidInput(f"signal type '{one[:40]}' doesn't exist or is disabled")
    return wanted or known


def _compared(name: str, pair: object) -> list[Any]:
    if not isinstance(pair, list) or not all(isinstance(one, str) for one in pair):
        raise InvalidInput(f"Comparison hashes for {name[:40]} was not a list")
    if len(pair) != 2:
        raise InvalidInput("Comparison hash list length must be exactly 2")
    left, right = (parse_signal(name, one) for one in pair)
    if not left.type.perceptual:
        return [left == right, {}]
    distance = (int.from_bytes(left.value) ^ int.from_bytes(right.value)).bit_count()
    return [distance <= PDQ_RADIUS, {"distance": distance}]


def _seeded(node: Node, seed: str) -> Node:
    """Return the node with the canary draw that HMA would make of a seed."""
    draw = random.Random(seed).random()
    return replace(node, road=replace(node.road, draw=lambda: draw))
