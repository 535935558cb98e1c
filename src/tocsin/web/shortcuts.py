"""A way past the framework: the same function of the route, without the machinery.

FastAPI takes longer to find a route and resolve its arguments than a look-up takes to be answered.
A shortcut does by hand what the framework would do for one route: key, input, function, answer.
What else a request may carry goes the long way.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tocsin.errors import TocsinError
from tocsin.web.bodies import JSON_BYTES, StrictRequest, refuse_nul
from tocsin.web.idempotency import HEADER
from tocsin.web.routing import Guarded, limit_of
from tocsin.web.serving import Serving

Asked = TypeVar("Asked", bound=BaseModel)
Endpoint = Callable[..., Awaitable[Any]]
"""Takes the input, the id of the key, and what all routes share; returns JSON."""

_LONG_WAY = HEADER.lower().encode()


class Shortcut(Generic[Asked]):
    """An ASGI application for one route, which is declared to FastAPI like any other."""

    def __init__(
        self,
        router: APIRouter,
        endpoint: Endpoint,
        model: type[Asked],
        serving: Serving,
    ) -> None:
        found = [one for one in router.routes if getattr(one, "endpoint", None) is endpoint]
        (self._route,) = [one for one in found if isinstance(one, Guarded)]
        self._scope = self._route.scope
        self._endpoint = endpoint
        self._model = model
        self._serving = serving
        self._limit = JSON_BYTES

    @property
    def key(self) -> tuple[str, str]:
        """The method and the path of the route."""
        return min(self._route.methods or {"GET"}), self._route.path

    def takes(self, scope: Scope) -> bool:
        """Whether the request is plain enough for the short way."""
        return all(name != _LONG_WAY for name, _ in scope["headers"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        scope["route"] = self._route
        request = StrictRequest(scope, receive, limit=self._limit, room=self._serving.room)
        try:
            response = await self._answer(request)
        except (TocsinError, RequestValidationError) as error:
            response = self._route.explain(error)
        finally:
            request.let_go()
        await response(scope, receive, send)

    async def _answer(self, request: StrictRequest) -> Response:
        open_ = self._route.is_open(self._serving.node)
        actor = self._serving.guard.admit(request.scope, self._scope, open_=open_)
        refuse_nul(request.scope)
        found = await self._found(request, actor)
        return Response(json.dumps(found).encode(), media_type="application/json")

    async def _found(self, request: StrictRequest, actor: str) -> Any:  # noqa: ANN401 - any JSON
        if request.method == "GET":
            query = parse_qsl(request.scope["query_string"].decode("latin-1"))
            asked = self._read("query", dict(query))
        else:
            asked = self._read("body", await request.json())
        return await self._endpoint(asked, actor, self._serving)

    def _read(self, place: str, given: object) -> Asked:
        try:
            return self._model.model_validate(given)
        except ValidationError as error:
            faults = [{**one, "loc": (place, *one["loc"])} for one in error.errors()]
            raise RequestValidationError(faults) from error


class FileShortcut(Shortcut[Asked]):
    """The same for a route that takes a file, where nothing is asked beside it."""

    def __init__(
        self, router: APIRouter, endpoint: Endpoint, model: type[Asked], serving: Serving
    ) -> None:
        super().__init__(router, endpoint, model, serving)
        self._limit = limit_of("file", serving)

    def takes(self, scope: Scope) -> bool:
        """Whether the request is plain enough for the short way."""
        return not scope["query_string"] and super().takes(scope)

    async def _found(self, request: StrictRequest, actor: str) -> Any:  # noqa: ANN401 - any JSON
        return await self._endpoint(request, self._read("query", {}), actor, self._serving)
