"""What an exchange answers, brought into form. All of it is a stranger's word until verified."""

import base64
import binascii
import re
import time
from dataclasses import dataclass, replace
from typing import Annotated, TypeVar

import httpx
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from tocsin.entries.canonical import MAX_INTEGER
from tocsin.entries.envelope import Envelope
from tocsin.entries.statements import Hex
from tocsin.errors import (
    Conflict,
    Damaged,
    InvalidInput,
    NotFound,
    Refused,
    TocsinError,
    TooLarge,
    Unavailable,
)

MAX_PROBLEM_BYTES = 64 << 10
WHOLE_S = 60.0
"""How long an answer may take from its first byte to its last."""

_ERRORS: dict[int, type[TocsinError]] = {
    400: InvalidInput,
    401: Refused,
    403: Refused,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    415: InvalidInput,
    422: InvalidInput,
}
"""What a status becomes here. All others: it may be better later."""

_CODE = re.compile(r"[a-z_]{1,40}")


@dataclass(frozen=True, slots=True)
class Ring:
    """One event of the bell, as received: the log grew from `old` to `size` entries.

    `leaves` are the new ones, and `contents` beside them nonce and payload, b"" where they are to
    be fetched or are not ours to read. Both are empty when they were left out.
    """

    old: int
    size: int
    checkpoint: bytes
    leaves: tuple[bytes, ...] = ()
    contents: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class About:
    """What an exchange says of itself. `key` and `witnesses` are keys in their text form."""

    origin: str
    url: str
    key: str
    witnesses: tuple[str, ...]
    size: int


class In(BaseModel):
    """An answer. Fields that a later version adds do not matter."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def _decoded(text: object) -> bytes:
    if not isinstance(text, str):
        raise ValueError("this is not text")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("this is not base64") from error


_Bytes = Annotated[bytes, BeforeValidator(_decoded)]
_Number = Annotated[int, Field(ge=0, le=MAX_INTEGER, strict=True)]


class PositionIn(In):
    """Where a chain of entries stands."""

    sequence: _Number
    digest: Hex


class _Logged(In):
    index: _Number
    leaf: _Bytes


class AdmittedIn(In):
    """The entries of a submission, in its order."""

    entries: list[_Logged]


class JoinedIn(In):
    """The entry by which a member joined."""

    index: _Number


class AboutIn(In):
    """What an exchange says of itself."""

    origin: str
    url: str
    key: str
    witnesses: list[str]
    size: _Number


class _RingData(In):
    old: _Number
    size: _Number
    checkpoint: str
    leaves: list[_Bytes] = []
    contents: list[_Bytes] = []


class _ProblemData(In):
    detail: str = ""
    advice: str = ""
    code: str = ""


Model = TypeVar("Model", bound=In)


def read(model: type[Model], data: bytes) -> Model:
    """Read an answer. Raises Damaged."""
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        raise Damaged(f"the exchange's answer is not what it must be: {model.__name__}") from error


def ring_of(data: bytes) -> Ring:
    """Read the data of a ring. Raises Damaged."""
    found = read(_RingData, data)
    leaves, contents = tuple(found.leaves), tuple(found.contents)
    count = found.size - found.old
    fits = count >= 0 and len(leaves) in {0, count} and len(contents) in {0, len(leaves)}
    if not fits:
        raise Damaged("a ring does not hold as many entries as it says")
    return Ring(found.old, found.size, found.checkpoint.encode(), leaves, contents)


def check_same(leaf: bytes, envelope: Envelope) -> None:
    """Refuse a leaf that is not the entry that was sent, with the time of its arrival.

    Raises Damaged.
    """
    try:
        found = Envelope.parse(leaf)
    except InvalidInput as error:
        # Left as it is, it would read as if the exchange had refused what it was sent.
        raise Damaged(f"the exchange logged what is no entry: {error}") from error
    if replace(found, received_ms=envelope.received_ms) != envelope:
        raise Damaged("the exchange logged something else than it was sent")


def problem_of(response: httpx.Response) -> TocsinError:
    """Return what an answer says went wrong. Its words are a stranger's: plain text, and short."""
    try:
        found = _ProblemData.model_validate_json(limited(response, MAX_PROBLEM_BYTES))
    except (ValidationError, Damaged, Unavailable):
        found = _ProblemData()
    said = plain(found.detail)
    if not said:
        # Some proxy's or portal's page: what was asked was refused by nobody who may.
        return Unavailable(f"the exchange answered {response.status_code}")
    kind = _ERRORS.get(response.status_code, Unavailable)
    code = found.code if _CODE.fullmatch(found.code) else ""
    return kind(said, advice=plain(found.advice), code=code)


def limited(response: httpx.Response, limit: int) -> bytes:
    """Read an answer as it is: nothing was asked to be packed, so nothing is unpacked.

    Raises Damaged for one that is too large, Unavailable for one that drips.
    """
    body, deadline = bytearray(), time.monotonic() + WHOLE_S
    for piece in response.iter_raw():
        body += piece
        if len(body) > limit:
            raise Damaged(f"the exchange sends more than the {limit} bytes that this can have")
        if time.monotonic() > deadline:
            raise Unavailable(f"the exchange took more than {WHOLE_S:.0f} s for an answer")
    return bytes(body)


def plain(text: str) -> str:
    """Return the beginning of a text, without what could move a cursor or hide a letter."""
    return "".join(one if one.isprintable() else " " for one in text[:300]).strip()
