"""The outermost layer: every request comes in and goes out here, whatever becomes of it.

It measures, writes the log line, adds the headers that every answer has, and turns a fault of our
own into an answer that shows nothing of the inside. Look-ups take a short cut from here past the
framework's machinery, which would take longer than they do.
"""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tocsin.web.auth import ACTOR, SHARE
from tocsin.web.problems import INTERNAL
from tocsin.web.rates import Share

if TYPE_CHECKING:  # Both hang on a whole node; an exchange has its own figures and no short cuts.
    from tocsin.web.shortcuts import Shortcut

log = structlog.get_logger("tocsin.web")

HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
"""Of every answer: hashes and verdicts are for whoever asked, and nothing here is a page. An answer
that may be kept says so itself."""

GONE = 499
"""Status in figures and log of a client that hung up before its answer (as nginx counts it)."""

CACHING = b"cache-control"

Shortcuts = Mapping[tuple[str, str], "Shortcut[Any]"]
"""Method and path of a route, and the way past the framework."""


class Figures(Protocol):
    """Where requests are counted."""

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""


class Door:
    """A middleware, the outermost of ours."""

    def __init__(self, app: ASGIApp, shortcuts: Shortcuts, metrics: Figures) -> None:
        self._app = app
        self._shortcuts = shortcuts
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Only a fault after the answer had begun leaves here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        out = _Out(scope, send)
        try:
            shortcut = self._shortcuts.get((scope["method"], scope["path"]))
            way = shortcut if shortcut and shortcut.takes(scope) else self._app
            await way(scope, receive, out)
        except ClientDisconnect:
            out.status = out.status or GONE
        except Exception:  # Top loop: a fault is logged, and answered as one.
            log.exception("request_failed", method=scope["method"], route=_route(scope))
            if out.status and not out.ended:
                raise  # The server must cut the answer off, or it would look complete.
            if not out.status:
                await INTERNAL.response()(scope, receive, out)
        finally:
            self._tell(scope, out.status, time.perf_counter() - started)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route(scope)
        self._metrics.answered(scope["method"], route, status, seconds)
        write = log.warning if status >= 500 else log.debug
        write(
            "request",
            method=scope["method"],
            route=route,
            status=status,
            ms=round(seconds * 1000, 2),
            actor=scope.get(ACTOR, ""),
        )


class _Out:
    """Sends the answer on, with the headers of every answer, and remembers how it went."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self.status = 0
        self.ended = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            share: Share | None = self._scope.get(SHARE)
            own = share.headers() if share else []
            given = list(message.get("headers", ()))
            ours = HEADERS
            if any(name == CACHING for name, _ in given):
                ours = [one for one in HEADERS if one[0] != CACHING]
            message["headers"] = [*given, *ours, *own]
        elif not message.get("more_body", False):
            self.ended = True
        await self._send(message)


def _route(scope: Scope) -> str:
    """Return the path as declared: one with names in it would make endless figures."""
    return str(getattr(scope.get("route"), "path", "unknown"))
