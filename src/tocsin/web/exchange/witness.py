"""A witness over HTTP (C2SP tlog-witness 1.0.0): it cosigns what extends all that it has seen."""

from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial

import structlog
from anyio import to_thread
from prometheus_client import CollectorRegistry, Counter
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tocsin.entries.translating import translated
from tocsin.errors import TocsinError
from tocsin.exchange.advance import MAX_ADVANCE_BYTES
from tocsin.exchange.witness import Conflict, Cosigned, Outcome, monitoring_path
from tocsin.operating.watching import Watch
from tocsin.web.bodies import HELD_FACTOR, Room, StrictRequest
from tocsin.web.door import Door
from tocsin.web.exchange.guard import AddressShares, Limits
from tocsin.web.listening import Announce, Server, address, listen, metrics_served, set_up_log
from tocsin.web.problems import answer, problem_of

PER_ADDRESS_MINUTE = 600
"""Requests of one address: a log asks once for each commit that it wants cosigned."""

_NOTE = "text/plain; charset=utf-8"
_FOR_A_MOMENT = {"cache-control": "public, max-age=2"}

log = structlog.get_logger("tocsin.witness")

Work = Callable[[StrictRequest], Awaitable[Response]]


class WitnessFigures:
    """What a witness tells Prometheus. Thread-safe."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "tocsin_witness_requests_total",
            "Requests answered; 409 and 422 of a known log deserve a look.",
            ("route", "status"),
            registry=self.registry,
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(route, str(status)).inc()


def create_app(watch: Watch, figures: WitnessFigures, limits: Limits | None = None) -> Starlette:
    """Build the application over a witness, which it does not close."""
    shares = AddressShares(limits or Limits(per_address_minute=PER_ADDRESS_MINUTE))
    room = Room(HELD_FACTOR * MAX_ADVANCE_BYTES)
    origins = {monitoring_path(origin): origin for origin in watch.origins}

    async def enter(work: Work, request: Request) -> Response:
        strict = StrictRequest(request.scope, request.receive, limit=MAX_ADVANCE_BYTES, room=room)
        try:
            shares.take(request.scope)
            return await work(strict)
        except TocsinError as error:
            return problem_of(error).response()
        finally:
            strict.let_go()

    async def add_checkpoint(request: StrictRequest) -> Response:
        body = await request.body()
        return _told(await to_thread.run_sync(partial(_asked, watch, body)))

    async def latest(request: StrictRequest) -> Response:
        path = f"{request.path_params['log']}/checkpoint"
        if path not in origins:
            raise HTTPException(404, "this witness does not watch that log")
        note = await to_thread.run_sync(partial(_latest, watch, origins[path]))
        return Response(note, headers=_FOR_A_MOMENT, media_type=_NOTE)

    async def health(request: StrictRequest) -> Response:
        del request
        return PlainTextResponse("alive\n")

    table = (
        ("/add-checkpoint", add_checkpoint, "POST"),
        ("/{log}/checkpoint", latest, "GET"),
        ("/health", health, "GET"),
    )
    routes = [_route(path, partial(enter, work), method) for path, work, method in table]
    app = Starlette(routes=routes, exception_handlers={HTTPException: answer})
    app.router.redirect_slashes = False
    app.state.methods_of = partial(_methods_of, routes)
    app.add_middleware(Door, shortcuts={}, metrics=figures)
    return app


def serve_witness(
    watch: Watch,
    host: str,
    port: int,
    announce: Announce,
    *,
    metrics_host: str = "127.0.0.1",
    metrics_port: int = -1,
    log_level: str = "info",
) -> None:
    """Serve a witness until the process is told to stop, then return. Raises ConfigurationError."""
    set_up_log(log_level)
    figures = WitnessFigures()
    server = Server(create_app(watch, figures))
    with (
        closing(listen(host, port)) as listening,
        metrics_served(metrics_host, metrics_port, figures.registry) as metrics,
    ):
        served = address(host, listening.getsockname()[1])
        server.when_started = partial(announce, served, metrics)
        server.run([listening])


def _asked(watch: Watch, body: bytes) -> Outcome:
    """Ask the witness. Where its own record was altered, nothing is said but that it failed."""
    with translated():
        return watch.witness.add_checkpoint(body)


def _latest(watch: Watch, origin: str) -> bytes:
    with translated():
        return watch.witness.latest(origin)


def _told(outcome: Outcome) -> Response:
    if isinstance(outcome, Cosigned):
        return Response(outcome.lines, media_type=_NOTE)
    if isinstance(outcome, Conflict):
        kind = {"content-type": outcome.content_type}
        return Response(f"{outcome.size}\n", outcome.status, kind)
    log.warning("not_cosigned", status=outcome.status, reason=outcome.reason)
    return PlainTextResponse(f"{outcome.reason}\n", outcome.status)


def _route(path: str, work: Callable[[Request], Awaitable[Response]], method: str) -> Route:
    async def endpoint(request: Request) -> Response:
        request.scope["route"] = route
        return await work(request)

    route = Route(path, endpoint, methods=[method])
    return route


def _methods_of(routes: list[Route], path: str) -> set[str]:
    found = [one.methods or set() for one in routes if one.path_regex.match(path)]
    return set[str]().union(*found) - {"HEAD"}
