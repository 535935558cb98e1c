"""The log's published objects, and bundles of contents beside them.

A path is read by the log's own grammar of paths before anything looks for a file, so that none can
lead elsewhere.
"""

import asyncio
from contextlib import ExitStack
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tocsin.errors import NotFound
from tocsin.exchange.bundles import encode_bundle
from tocsin.exchange.errors import Malformed
from tocsin.exchange.tiles import CHECKPOINT, WIDTH, Tile
from tocsin.web.exchange.entering import caller_of, serving_of
from tocsin.web.exchange.ringing import SEND_S
from tocsin.web.exchange.turns import Release
from tocsin.web.wire import CUT, WIRE

PIECE_BYTES = 64 << 10
_NOTE = "text/plain; charset=utf-8"
_BYTES = "application/octet-stream"
_FOR_EVER = {"cache-control": "public, max-age=31536000, immutable"}
_FOR_A_MOMENT = {"cache-control": "public, max-age=2"}


async def checkpoint(request: Request) -> Response:
    """Give the latest checkpoint."""
    serving = serving_of(request)
    note = await serving.apart(partial(serving.exchange.published, CHECKPOINT))
    return Response(note, headers=_FOR_A_MOMENT, media_type=_NOTE)


async def cosigned(request: Request) -> Response:
    """Give the latest checkpoint that witnesses have cosigned, which may be an older one."""
    serving = serving_of(request)
    note = await serving.apart(serving.exchange.cosigned)
    return Response(note, headers=_FOR_A_MOMENT, media_type=_NOTE)


async def tile(request: Request) -> Response:
    """Give a tile of hashes or a bundle of leaves. Both never change."""
    serving = serving_of(request)
    named = _parsed(f"tile/{request.path_params['rest']}")
    data = await serving.apart(partial(serving.exchange.published, named.path))
    return Response(data, headers=_FOR_EVER, media_type=_BYTES)


async def payload(request: Request) -> Response:
    """Give a bundle of contents: nonce and payload of each entry, or nothing where not theirs.

    Numbered and framed as the bundles of leaves. Never to be kept by anything in between: it is
    made for who asks, and entries may be erased.
    """
    serving, caller = serving_of(request), caller_of(request)
    named = _parsed(f"tile/entries/{request.path_params['rest']}")
    start = named.index * WIDTH
    member = None if caller is None else caller.member
    read = partial(serving.exchange.payloads, start, start + named.width, member=member)
    release = await serving.bundles.take(serving.guard.asker(request.scope))
    with ExitStack() as undo:
        undo.callback(release)
        bundle = encode_bundle(await serving.apart(read))
        undo.pop_all()
    return _Bundle(bundle, release)


class _Bundle(Response):
    """A bundle that is sent piece by piece, so that it is not held for who takes none of it."""

    media_type = _BYTES

    def __init__(self, bundle: bytes, release: Release) -> None:
        super().__init__(bundle)
        self._bundle = bundle
        self._release = release

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; hang up where a piece is not taken in time."""
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        try:
            await send(start)
            for at in range(0, len(self._bundle), PIECE_BYTES):
                piece = self._bundle[at : at + PIECE_BYTES]
                async with asyncio.timeout(SEND_S):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        except TimeoutError:
            scope["extensions"][WIRE][CUT]()
        finally:
            self._release()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _parsed(path: str) -> Tile:
    try:
        return Tile.parse(path)
    except Malformed as error:
        raise NotFound(str(error), code="absent") from error
