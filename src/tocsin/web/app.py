"""The application: every route in one table, the door around it, and the document that shows it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from tocsin.app import Node
from tocsin.errors import TocsinError
from tocsin.web import banks, hashes, health, history, hma, items, keyring, lists, screen
from tocsin.web.door import Door, Shortcuts
from tocsin.web.faults import ProblemOut
from tocsin.web.hma_shapes import Message
from tocsin.web.problems import answer
from tocsin.web.routing import SECURITY_SCHEMES
from tocsin.web.schemas import Asked, ItemNotes, ScreenHashes
from tocsin.web.serving import Serving
from tocsin.web.shortcuts import FileShortcut, Shortcut

ROUTERS = (
    screen.router,
    hashes.router,
    lists.router,
    items.router,
    history.router,
    keyring.router,
    health.router,
)
"""All routes of the API, in the order of its document."""

HMA_ROUTERS = (hma.entrance, hma.router, banks.router)
"""Routes in the shape of Meta's HMA, unless the operator turned them off."""

_REF = "#/components/schemas/{model}"


def create_app(node: Node) -> FastAPI:
    """Build the application over a node, which it neither starts nor closes."""
    serving = Serving(node)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        del app
        yield
        # In a thread: those that end here may still need the event loop for it.
        await run_in_threadpool(serving.close)

    app = FastAPI(
        title="Tocsin",
        version=version("tocsin"),
        description="Recognise known terrorist content on upload, and decide by policy.",
        docs_url=None,  # The usual page loads its scripts from somebody else's server.
        redoc_url=None,
        lifespan=lifespan,
        exception_handlers={TocsinError: answer, HTTPException: answer},
    )
    routers = (*ROUTERS, *HMA_ROUTERS) if node.settings.hma_routes else ROUTERS
    for router in routers:
        app.include_router(router)
    app.state.serving = serving
    app.state.methods_of = partial(_methods_of, routers)
    app.add_middleware(Door, shortcuts=_shortcuts(serving), metrics=serving.metrics)
    app.openapi = partial(_document, app)  # type: ignore[method-assign]  # as FastAPI's docs say
    return app


def _methods_of(routers: Sequence[APIRouter], path: str) -> set[str]:
    """Return every method that a path has."""
    routes = [one for router in routers for one in router.routes if isinstance(one, APIRoute)]
    found = [one.methods or set() for one in routes if one.path_regex.match(path)]
    return set[str]().union(*found)


def _shortcuts(serving: Serving) -> Shortcuts:
    """Give a short way to the routes that are asked thousands of times a second."""
    ways: list[Shortcut[Any]] = [
        Shortcut(screen.router, screen.screen_hashes, ScreenHashes, serving),
        FileShortcut(screen.router, screen.screen_file, Asked, serving),
    ]
    if serving.node.settings.hma_routes:
        ways += [
            Shortcut(hma.router, hma.raw_lookup, hma.RawLookup, serving),
            Shortcut(hma.router, hma.look_up, hma.LookUp, serving),
        ]
    return {way.key: way for way in ways}


def _document(app: FastAPI) -> dict[str, Any]:
    """Describe the API, with what FastAPI cannot see: keys, and models only referred to."""
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        _, more = models_json_schema(
            [(ProblemOut, "serialization"), (Message, "serialization"), (ItemNotes, "validation")],
            ref_template=_REF,
        )
        components = found.setdefault("components", {})
        components["schemas"] = more["$defs"] | components.get("schemas", {})
        components["securitySchemes"] = SECURITY_SCHEMES
        app.openapi_schema = found
    return app.openapi_schema
