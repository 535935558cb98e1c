"""How every route of an exchange is entered: the address's share, the signature, then the body.

A stranger cannot make the exchange read, parse or hold anything: the head of a request is verified
before any of its body is taken in, and the body is compared with the digest that was signed.
"""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from enum import StrEnum
from functools import partial
from typing import Annotated, Any

from fastapi import Depends
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tocsin.entries.requests import COMPONENTS, TAG, Unsigned
from tocsin.errors import Refused, TocsinError
from tocsin.web.bodies import StrictRequest, refuse_query
from tocsin.web.exchange.guard import Caller
from tocsin.web.exchange.serving import Serving
from tocsin.web.faults import problems
from tocsin.web.problems import Problem, problem_of

Handler = Callable[[Request], Awaitable[Response]]

SIGNATURE, BODY = "x-signature", "x-body"
"""What a route says of itself in OpenAPI, and what `Entered` goes by."""

CALLER = "tocsin.caller"
"""Where in the ASGI scope the member who asks is kept."""

SCHEME = "signature"
SECURITY_SCHEMES = {
    SCHEME: {
        "type": "http",
        "scheme": "Signature",
        "description": "RFC 9421 by a member's Ed25519 key; see docs/spec/exchange-record.md.",
    }
}


_COVERED = " ".join(f'"{one}"' for one in COMPONENTS)
_CHALLENGE = {
    "WWW-Authenticate": f'Signature realm="{TAG}"',
    "Accept-Signature": f'sig=({_COVERED});created;keyid;nonce;alg="ed25519";tag="{TAG}"',
}
"""Of an answer to a request that is not signed as it must be (RFC 9110, 15.5.2; RFC 9421, 5.1)."""


_ADVICE = "docs/exchange.md explains each code; the operator gives roles and invitations."


class Signature(StrEnum):
    """Whether a route asks for a signed request. `own`: by a key that the route itself knows."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"
    OWN = "own"


def asks(signature: Signature, *statuses: int, body_bytes: int = 0) -> dict[str, Any]:
    """Declare what a route asks for, as arguments of FastAPI's decorators.

    `body_bytes`: the largest body of JSON, for a route that takes one.
    """
    extra: dict[str, Any] = {SIGNATURE: signature.value}
    wanted = {*statuses, 422, 429, 503}
    if signature is not Signature.NONE:
        open_: list[dict[str, list[str]]] = [{}] if signature is Signature.OPTIONAL else []
        extra["security"] = [{SCHEME: []}, *open_]
        wanted |= {401}
    if body_bytes:
        extra[BODY] = body_bytes
        wanted |= {400, 413, 415}
    return {"openapi_extra": extra, "responses": problems(*sorted(wanted))}


class Entered(APIRoute):
    """A route of the API. One that does not say whether it asks for a signature stops the start."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Put the entrance before FastAPI's own handling."""
        asked = self.openapi_extra or {}
        signature, most = Signature(asked[SIGNATURE]), int(asked.get(BODY, 0))
        # Probes of the health may add what they like.
        bare = "health" not in self.tags
        return partial(enter, super().get_route_handler(), signature, most, bare)


async def enter(
    handle: Handler, signature: Signature, body_bytes: int, bare: bool, request: Request
) -> Response:
    """Let one request in, and turn what goes wrong into an answer. `bare`: without a query."""
    serving = serving_of(request)
    strict = StrictRequest(request.scope, request.receive, limit=body_bytes, room=serving.room)
    try:
        serving.guard.greet(request.scope)
        await _check(serving, signature, strict)
        if bare:
            refuse_query(request)
        if body_bytes:
            await strict.json()
        return await handle(strict)
    except (TocsinError, RequestValidationError, HTTPException) as error:
        return _explain(error).response()
    finally:
        strict.let_go()


def _explain(error: Exception) -> Problem:
    if isinstance(error, Unsigned):
        title = "A valid signature is needed"
        return Problem(
            401,
            "unsigned",
            title,
            str(error),
            error.advice,
            headers=_CHALLENGE,
            code=error.code,
        )
    problem = problem_of(error)
    # The usual advice is to use another API key, and an exchange has none.
    return replace(problem, advice=_ADVICE) if isinstance(error, Refused) else problem


async def _check(serving: Serving, signature: Signature, strict: StrictRequest) -> None:
    if signature is Signature.NONE:
        return
    if signature is not Signature.REQUIRED and not serving.guard.is_signed(strict.scope):
        if signature is Signature.OWN:
            raise Unsigned("the request is not signed", code="unsigned")
        return
    if signature is Signature.OWN:
        return
    caller = serving.guard.admit(strict.scope)
    strict.scope[CALLER] = caller
    caller.asked.check_body(await strict.body())


def serving_of(request: Request) -> Serving:
    """Return what all routes share."""
    serving: Serving = request.app.state.serving
    return serving


def caller_of(request: Request) -> Caller | None:
    """Return the member who asks; None for a request that is not signed."""
    caller: Caller | None = request.scope.get(CALLER)
    return caller


async def _member(request: Request) -> str:
    member: str = request.scope[CALLER].member
    return member


async def _serving(request: Request) -> Serving:
    return serving_of(request)


Member = Annotated[str, Depends(_member)]
"""The id of the member who signed the request."""

Shared = Annotated[Serving, Depends(_serving)]
"""What all routes share."""
