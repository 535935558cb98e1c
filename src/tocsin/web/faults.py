"""How errors stand in the documents of our APIs: their shape, and what each status means."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from tocsin.web.problems import MEDIA_TYPE

_TITLES = {
    400: "The request cannot be read.",
    401: "A valid key is needed.",
    403: "The key lacks the scope, or the node is set up not to do this.",
    404: "There is no such thing.",
    409: "The change contradicts what is stored.",
    413: "The request is too large.",
    415: "The media type is not taken here.",
    422: "The request is not valid.",
    429: "Too many requests; `Retry-After` says when to come back.",
    503: "Something that is needed does not answer; `Retry-After` says when to try again.",
}


class Out(BaseModel):
    """Whatever goes out."""

    model_config = ConfigDict(frozen=True)


class FaultOut(Out):
    """A place of the input that is wrong."""

    at: str
    problem: str


class ProblemOut(Out):
    """An error (RFC 9457). `advice` says what to do next, `code` is for programs."""

    type: str
    title: str
    status: int
    detail: str
    advice: str = ""
    code: str = ""
    errors: list[FaultOut] = []


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the errors of a route, as FastAPI's `responses`."""
    schema = {"$ref": f"#/components/schemas/{ProblemOut.__name__}"}
    return {
        status: {"description": _TITLES[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }
