"""The one place where an error becomes an HTTP answer: problem+json (RFC 9457).

`type` is a path that docs/api.md explains, `title` the same for every problem of a type, `detail`
about this one, `advice` says what to do next, and `code`, where there is one, is a stable word for
programs. Nothing of the inside is ever shown.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tocsin.errors import (
    ConfigurationError,
    Conflict,
    Damaged,
    InvalidInput,
    NotFound,
    Refused,
    TocsinError,
    TooLarge,
    Unavailable,
    UnsafeAddress,
)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2


class Malformed(InvalidInput):
    """The request cannot be read at all: broken JSON, broken multipart, a body cut off."""

    advice = "Send the body in the form that docs/api.md shows."


class UnknownKey(Refused):
    """No key was shown, or none that is valid."""

    advice = "Send a valid key as `Authorization: Bearer tocsin_…`; `tocsin keys create` makes one."


class TooMany(Unavailable):
    """A key asked for more than its share. `wait_s`: when the next request will be let in."""

    advice = "Slow down; the answer's headers say how much is left and when there is more."

    def __init__(self, message: str, *, wait_s: int) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class WrongMedia(InvalidInput):
    """The body is of a media type that this route does not take."""

    advice = "Set the content type that docs/api.md names for this route."


@dataclass(frozen=True, slots=True)
class Problem:
    """What is told about an error; `faults` are the places of the input that are wrong."""

    status: int
    kind: str
    title: str
    detail: str
    advice: str = ""
    faults: Sequence[Mapping[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    code: str = ""

    def response(self) -> Response:
        """Return the answer, as problem+json."""
        content: dict[str, Any] = {
            "type": f"/problems/{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.advice:
            content["advice"] = self.advice
        if self.code:
            content["code"] = self.code
        if self.faults:
            content["errors"] = list(self.faults)
        text = json.dumps(content).encode()
        return Response(text, self.status, dict(self.headers), media_type=MEDIA_TYPE)


KINDS: tuple[tuple[type[TocsinError], int, str, str], ...] = (
    (Malformed, 400, "malformed", "The request cannot be read"),
    (WrongMedia, 415, "wrong-media-type", "The media type is not taken here"),
    (TooLarge, 413, "too-large", "The request is too large"),
    (UnsafeAddress, 422, "unsafe-address", "The address is not one to connect to"),
    (ConfigurationError, 500, "misconfigured", "This node is not set up rightly"),
    (InvalidInput, 422, "invalid-input", "The request is not valid"),
    (NotFound, 404, "not-found", "There is no such thing"),
    (Conflict, 409, "conflict", "The change contradicts what is stored"),
    (UnknownKey, 401, "unknown-key", "A valid key is needed"),
    (Refused, 403, "refused", "This is not allowed"),
    (TooMany, 429, "too-many-requests", "Too many requests"),
    (Unavailable, 503, "unavailable", "Something that is needed does not answer"),
    (Damaged, 500, "damaged", "Stored data failed its own check"),
    (TocsinError, 500, "internal", "Something went wrong inside"),
)
"""Every error with its status, kind and title; the first that fits counts."""

INTERNAL = Problem(
    500,
    "internal",
    "Something went wrong inside",
    "the node met a fault of its own; the log has the details",
    TocsinError.advice,
)

_PLAIN = {404: "not-found", 405: "method-not-allowed"}
_MAX_FAULTS = 20


def explain(error: TocsinError) -> Problem:
    """Translate one of our errors."""
    status, kind, title = next(row[1:] for row in KINDS if isinstance(error, row[0]))
    problem = Problem(status, kind, title, str(error), error.advice, code=error.code)
    if isinstance(error, UnknownKey):
        return replace(problem, headers={"WWW-Authenticate": 'Bearer realm="tocsin"'})
    if isinstance(error, TooMany):
        return replace(problem, headers={"Retry-After": str(error.wait_s)})
    if isinstance(error, Unavailable):
        return replace(problem, headers={"Retry-After": str(RETRY_AFTER_S)})
    return problem


def explain_http(error: HTTPException) -> Problem:
    """Translate what the framework raises: an unknown route, a method that a route has not."""
    cause = error.__cause__
    if isinstance(cause, TocsinError):  # FastAPI wraps what reading the body raised.
        return explain(cause)
    kind = _PLAIN.get(error.status_code, "malformed")
    title = HTTPStatus(error.status_code).phrase
    return Problem(error.status_code, kind, title, error.detail, headers=error.headers or {})


def explain_validation(error: RequestValidationError) -> Problem:
    """Translate what a model refused. The input itself is not repeated: it may be content."""
    faults = [
        {"at": ".".join(str(part) for part in one["loc"]), "problem": str(one["msg"])[:300]}
        for one in error.errors()[:_MAX_FAULTS]
    ]
    first = f"{faults[0]['at']}: {faults[0]['problem']}" if faults else "the input is not valid"
    return Problem(
        422, "invalid-input", "The request is not valid", first, InvalidInput.advice, faults
    )


def problem_of(error: Exception) -> Problem:
    """Translate anything."""
    if isinstance(error, TocsinError):
        return explain(error)
    if isinstance(error, RequestValidationError):
        return explain_validation(error)
    if isinstance(error, HTTPException):
        return explain_http(error)
    return INTERNAL


async def answer(request: Request, error: Exception) -> Response:
    """Handle an exception for the framework."""
    problem = problem_of(error)
    if problem.status == HTTPStatus.METHOD_NOT_ALLOWED:
        # The framework names the methods of one route; a path may be that of several.
        allowed = request.app.state.methods_of(request.url.path)
        problem = replace(problem, headers={"Allow": ", ".join(sorted(allowed))})
    return problem.response()
