"""How every route is entered: first the key, then the body, then the work, and errors at the end.

FastAPI reads a body before it asks who sent it. Here the key comes first, so that a stranger cannot
make the node read, parse or hold anything.
"""

from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Annotated, Any

from fastapi import Depends
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tocsin.app import Node
from tocsin.errors import TocsinError
from tocsin.keys import Scope
from tocsin.web.auth import ACTOR
from tocsin.web.bodies import FORM_SLACK_BYTES, JSON_BYTES, StrictRequest, refuse_nul, refuse_query
from tocsin.web.faults import problems
from tocsin.web.idempotency import HEADER
from tocsin.web.problems import problem_of
from tocsin.web.serving import Serving

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

SCOPE, ONCE, BODY = "x-scope", "x-idempotent", "x-body"
"""What a route says of itself in OpenAPI, and what `Guarded` goes by."""

SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "tocsin_<id>_<secret>"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}

_ALWAYS = (401, 403, 422, 429, 503)
_WITH_BODY = (400, 413, 415)

_ONCE_PARAMETER = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "Repeating the request with the same key gives the first answer again.",
    "schema": {"type": "string", "pattern": r"^[\x21-\x7e]{1,255}$"},
}

FILE_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"file": {"type": "string", "format": "binary"}},
                "required": ["file"],
                "additionalProperties": False,
            }
        },
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        "image/*": {"schema": {"type": "string", "format": "binary"}},
    },
}


def asks(
    scope: Scope,
    *statuses: int,
    body: str = "",
    once: bool = False,
    request_body: Mapping[str, Any] | None = None,
    present: type[BaseModel] | None = None,
) -> dict[str, Any]:
    """Declare what a route asks for, as arguments of FastAPI's decorators.

    `statuses`: errors beyond those that every route can answer. `body`: "json", "file", "stream"
    or nothing. `once`: takes an idempotency key. `request_body`: what OpenAPI cannot see.
    `present`: what is answered with 200 instead of 201 where the thing was there already.
    """
    extra: dict[str, Any] = {
        SCOPE: scope.value,
        "security": [{"bearer": [scope.value]}, {"header": [scope.value]}],
    }
    if body:
        extra[BODY] = body
    if once:
        extra |= {ONCE: True, "parameters": [_ONCE_PARAMETER]}
        statuses = (*statuses, 400, 409)
    if request_body:
        extra["requestBody"] = dict(request_body)
    wanted = {*_ALWAYS, *statuses, *(_WITH_BODY if body else ())}
    responses = problems(*sorted(wanted))
    if present:
        responses[200] = {"description": "It was there already.", "model": present}
    return {"openapi_extra": extra, "responses": responses}


class Guarded(APIRoute):
    """A route of the API. One that does not say which scope it asks for stops the node."""

    strict_query = True
    """Whether a query is refused where none is taken."""

    @property
    def scope(self) -> Scope:
        """The scope that a key needs here."""
        return Scope((self.openapi_extra or {})[SCOPE])

    def get_route_handler(self) -> Handler:
        """Put the guard before FastAPI's own handling."""
        return self.guarded(super().get_route_handler())

    def guarded(self, handle: Handler) -> Handler:
        """Put the guard before a handler."""
        asked, scope = self.openapi_extra or {}, self.scope
        body, once = asked.get(BODY, ""), asked.get(ONCE, False)
        bare = self.strict_query and not self.dependant.query_params

        async def enter(request: Request) -> Response:
            serving = serving_of(request)
            strict = StrictRequest(
                request.scope, request.receive, limit=limit_of(body, serving), room=serving.room
            )
            try:
                open_ = self.is_open(serving.node)
                actor = serving.guard.admit(request.scope, scope, open_=open_)
                refuse_nul(request.scope)
                if bare:
                    refuse_query(request)
                if body == "json":
                    await strict.json()
                key = strict.headers.get(HEADER)
                if key is None or not once:
                    return await handle(strict)
                return await serving.idempotency.once(actor, key, strict, partial(handle, strict))
            except (TocsinError, RequestValidationError, HTTPException) as error:
                return self.explain(error)
            finally:
                strict.let_go()

        return enter

    def is_open(self, node: Node) -> bool:
        """Whether the operator lets this route be used without a key."""
        return False

    def explain(self, error: Exception) -> Response:
        """Turn an error into an answer."""
        return problem_of(error).response()


def limit_of(body: str, serving: Serving) -> int:
    """Return how many bytes a body of this kind may have."""
    if body == "file":
        return serving.node.settings.max_upload_bytes + FORM_SLACK_BYTES
    return JSON_BYTES


def serving_of(request: Request) -> Serving:
    """Return what all routes share."""
    serving: Serving = request.app.state.serving
    return serving


async def _node(request: Request) -> Node:
    return serving_of(request).node


async def _actor(request: Request) -> str:
    actor: str = request.scope[ACTOR]
    return actor


async def _serving(request: Request) -> Serving:
    return serving_of(request)


Held = Annotated[Node, Depends(_node)]
"""The node."""

Actor = Annotated[str, Depends(_actor)]
"""The id of the key that asks, for the record."""

Shared = Annotated[Serving, Depends(_serving)]
"""What all routes share."""
