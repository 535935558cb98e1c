"""The application of an exchange: every route in one table, and the document that shows it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tocsin.errors import TocsinError
from tocsin.operating.exchange import Exchange
from tocsin.web.door import Door
from tocsin.web.exchange import objects, routes, stream
from tocsin.web.exchange.entering import SECURITY_SCHEMES, Handler, Signature, enter
from tocsin.web.exchange.guard import Limits
from tocsin.web.exchange.serving import Serving
from tocsin.web.faults import ProblemOut
from tocsin.web.problems import answer

OBJECTS: tuple[tuple[str, Handler, Signature], ...] = (
    ("/checkpoint", objects.checkpoint, Signature.NONE),
    ("/cosigned", objects.cosigned, Signature.NONE),
    ("/tile/{rest:path}", objects.tile, Signature.NONE),
    ("/payload/{rest:path}", objects.payload, Signature.OPTIONAL),
    ("/v1/bell", stream.bell, Signature.REQUIRED),
)
"""What is no JSON, and so not in the document; docs/spec/exchange-log.md has the first three."""


def create_app(exchange: Exchange, limits: Limits) -> FastAPI:
    """Build the application over an exchange, which it does not close."""
    serving = Serving(exchange, limits)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        del app
        leave = exchange.bell.subscribe(serving.hub.start(asyncio.get_running_loop()))
        yield
        leave()
        serving.hub.close()

    app = FastAPI(
        title="Tocsin exchange",
        version=version("tocsin"),
        description="A signed log of what members know; entries go in, and a bell rings.",
        docs_url=None,  # The usual page loads its scripts from somebody else's server.
        redoc_url=None,
        redirect_slashes=False,  # A redirect would repeat the host that the request names.
        lifespan=lifespan,
        exception_handlers={TocsinError: answer, HTTPException: answer},
    )
    for path, handle, signature in OBJECTS:
        app.router.routes.append(_route(path, handle, signature))
    app.include_router(routes.router)
    app.state.serving = serving
    app.state.methods_of = partial(_methods_of, app)
    app.add_middleware(Door, shortcuts={}, metrics=serving.figures)
    app.openapi = partial(_document, app)  # type: ignore[method-assign]  # as FastAPI's docs say
    return app


def _route(path: str, handle: Handler, signature: Signature) -> Route:
    async def endpoint(request: Request) -> Response:
        request.scope["route"] = route  # For the figures; FastAPI's own routes say it themselves.
        # Objects may be asked for by way of caches, which add what they like.
        return await enter(handle, signature, 0, False, request)

    route = Route(path, endpoint, methods=["GET"])
    return route


def _methods_of(app: FastAPI, path: str) -> set[str]:
    """Return every method that a path has."""
    found = [
        one.methods or set()
        for one in (*app.router.routes, *routes.router.routes)
        if isinstance(one, Route) and one.path_regex.match(path)
    ]
    return set[str]().union(*found) - {"HEAD"}


def _document(app: FastAPI) -> dict[str, Any]:
    """Describe the API, with what FastAPI cannot see: signatures, and the shape of problems."""
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        _, more = models_json_schema(
            [(ProblemOut, "serialization")], ref_template="#/components/schemas/{model}"
        )
        components = found.setdefault("components", {})
        components["schemas"] = more["$defs"] | components.get("schemas", {})
        components["securitySchemes"] = SECURITY_SCHEMES
        app.openapi_schema = found
    return app.openapi_schema
