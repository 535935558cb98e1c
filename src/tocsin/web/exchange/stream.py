"""One follower's stream of server-sent events, from its request to its end."""

import asyncio
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tocsin.errors import InvalidInput
from tocsin.exchange.checkpoint import parse_size
from tocsin.exchange.errors import Malformed
from tocsin.operating.bell import Ring
from tocsin.web.exchange.entering import caller_of, serving_of
from tocsin.web.exchange.ringing import Hub, Line, written
from tocsin.web.wire import CUT, WIRE

_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
"""The last one keeps nginx from gathering events before it hands them on."""


async def bell(request: Request) -> Response:
    """Open a stream for a member. `since`: the size that the follower has, 0 if it has nothing.

    When the log is of another size, that is the first event: what lies between is to be fetched.
    """
    serving, caller = serving_of(request), caller_of(request)
    if caller is None:
        raise TypeError("only members listen, and the route says so")
    since = _since(request)
    line = Line(caller.asked.key, caller.member, _cut(request.scope))
    serving.hub.join(line)
    # Only now: what is committed from here on is told to the line.
    head = serving.exchange.head
    size = head.checkpoint.size
    first = b": listening\n\n"
    if size != since:
        first += written(Ring(min(since, size), size, head.note, (), ()))
    return _Stream(serving.hub, line, first)


class _Stream(Response):
    """The answer, which lasts until one side has had enough."""

    def __init__(self, hub: Hub, line: Line, first: bytes) -> None:
        super().__init__()
        self._hub = hub
        self._line = line
        self._first = first

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what is put on the line."""
        watching = asyncio.create_task(self._watch(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await self._send(send, self._first)
            while piece := await self._line.next():
                await self._send(send, piece)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            watching.cancel()
            self._hub.leave(self._line)

    async def _send(self, send: Send, piece: bytes) -> None:
        # The hub hangs up on whoever keeps us here for too long.
        self._line.sending_since = asyncio.get_running_loop().time()
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        self._line.sending_since = 0.0

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._line.end()


def _since(request: Request) -> int:
    """Read the size: of the query, or the id of the last event that a follower had."""
    told = request.query_params.get("since", request.headers.get("last-event-id", "0"))
    unknown = request.query_params.keys() - {"since"}
    try:
        if unknown:
            raise Malformed(f"{min(unknown)[:40]!r} is not a parameter of the bell")
        return parse_size(told)
    except Malformed as error:
        raise InvalidInput(str(error), code="malformed") from error


def _cut(scope: Scope) -> Callable[[], None]:
    cut: Callable[[], None] = scope["extensions"][WIRE][CUT]
    return cut
