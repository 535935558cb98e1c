"""Reading bodies within limits: bytes, strict JSON, and one file out of a form.

A body is counted while it arrives and never held beyond its limit. JSON is read more strictly than
Python does: a key that occurs twice, `NaN`, and half a surrogate pair have no one meaning, and what
two programs read differently is where one of them is fooled. NUL is refused wherever text comes in,
since PostgreSQL stores none and both databases shall answer alike.
"""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from fastapi.exceptions import RequestValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope

from tocsin.errors import InvalidInput, TooLarge, Unavailable
from tocsin.web.problems import Malformed, WrongMedia

if TYPE_CHECKING:  # It exists for the type checker alone.
    from python_multipart.multipart import MultipartCallbacks

JSON_BYTES = 4 << 20
"""Largest JSON body."""

FORM_SLACK_BYTES = 64 << 10
"""What a form may add to the file that it carries."""

HELD_FACTOR = 8
"""How many bodies of the largest size may be in memory at the same time."""

FILE_PART = "file"
"""Name of the part of a form that holds the file."""

MAX_PARTS = 16
"""Most parts of a form."""


@dataclass(frozen=True, slots=True)
class File:
    """A file out of a request: its bytes, and what the client said of it.

    `name` is the file's name, `part` that of the form's part which held it, `fields` the form's
    other parts; all empty where the body is the file itself.
    """

    content: bytes
    name: str = ""
    part: str = ""
    fields: dict[str, str] = field(default_factory=dict)


class Room:
    """The memory that bodies under way may take together. Used by the event loop's thread alone."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._held = 0

    def take(self, size: int) -> None:
        """Reserve memory. Raises Unavailable when there is none left for this body."""
        if self._held + size > self._limit:
            raise Unavailable("too many large uploads are under way at this moment")
        self._held += size

    def give_back(self, size: int) -> None:
        """Release what was reserved."""
        self._held -= size


class StrictRequest(Request):
    """A request whose body is read once, within a limit, and whose JSON is strict."""

    def __init__(self, scope: Scope, receive: Receive, *, limit: int, room: Room) -> None:
        super().__init__(scope, receive)
        self._limit = limit
        self._room = room
        self._taken = 0

    async def body(self) -> bytes:
        """Return the body. Raises TooLarge, Unavailable, ClientDisconnect."""
        if not hasattr(self, "_body"):
            declared = self.headers.get("content-length", "0")
            if declared.isdecimal() and int(declared) > self._limit:
                raise _too_large(self._limit)
            pieces = [piece async for piece in self.pieces(self._limit)]
            self._body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        return self._body

    async def pieces(self, limit: int | None) -> AsyncIterator[bytes]:
        """Yield the body as it arrives; `limit` None: of any size, and not held by us."""
        size, more = 0, True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            piece, more = message.get("body", b""), message.get("more_body", False)
            size += len(piece)
            if limit is not None:
                if size > limit:
                    raise _too_large(limit)
                self._room.take(len(piece))
                self._taken += len(piece)
            if piece:
                yield piece

    def let_go(self) -> None:
        """Give back the memory that the body took. Call when the request is answered."""
        self._room.give_back(self._taken)
        self._taken = 0

    async def json(self) -> Any:  # noqa: ANN401 - any JSON
        """Return the body as JSON. Raises WrongMedia, Malformed."""
        if not hasattr(self, "_json"):
            if media_type(self) != "application/json":
                raise WrongMedia("this route takes application/json")
            self._json = strict_json(await self.body())
        return self._json

    async def file(self) -> File:
        """Return the file that the body is or carries. Raises WrongMedia, Malformed, TooLarge."""
        kind, options = parse_options_header(self.headers.get("content-type"))
        if kind == b"multipart/form-data":
            return split_form(await self.body(), options.get(b"boundary", b""))
        if kind.startswith((b"image/", b"video/")) or kind == b"application/octet-stream":
            return File(await self.body())
        raise WrongMedia(
            "a file is sent as multipart/form-data with a part `file`, or raw as image/… or "
            "application/octet-stream"
        )


async def file_of(request: Request, *fields: str) -> File:
    """Return the file of a request that came through the guard. Raises as `file` does.

    Of a form it is the part `file`; `fields` names the other parts that the form may have.
    """
    file = await strictly(request).file()
    unknown = set(file.fields) - set(fields) | ({file.part} - {"", FILE_PART})
    if unknown:
        raise InvalidInput(f"the form has unknown parts: {', '.join(sorted(unknown))[:200]}")
    return file


def strictly(request: Request, *kinds: str) -> StrictRequest:
    """Return the request as the guard made it. Raises WrongMedia for none of these media types."""
    if not isinstance(request, StrictRequest):
        raise TypeError("bodies are read from strict requests alone")
    if kinds and media_type(request) not in kinds:
        raise WrongMedia(f"this route takes {', '.join(kinds)}")
    return request


def media_type(request: Request) -> str:
    """Return the media type of the body, without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def strict_json(data: bytes) -> Any:  # noqa: ANN401 - any JSON
    """Read JSON that has one meaning only. Raises Malformed, RequestValidationError for a NUL."""
    try:
        text = data.decode()
        content = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the body is not JSON: {str(error)[:200]}") from error
    if "\\ud" in text.lower():
        _refuse_surrogates(content)
    if "\\u0000" in text:
        _refuse_nul(content)
    return content


def refuse_nul(scope: Scope) -> None:
    """Refuse an address with a NUL in its path or query, in any route. Raises InvalidInput."""
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        raise InvalidInput("the address has a NUL character")


def refuse_query(request: Request) -> None:
    """Refuse a query in a route that takes none: what has no effect must not seem to have one.

    Raises RequestValidationError, as for an unknown parameter of a route that takes some.
    """
    faults = [
        {"type": "extra_forbidden", "loc": ("query", name), "msg": "Extra inputs are not permitted"}
        for name in request.query_params
    ]
    if faults:
        raise RequestValidationError(faults)


def split_form(body: bytes, boundary: bytes) -> File:
    """Take the one file out of a form (RFC 7578), and its text fields. Raises Malformed."""
    form = _Form()
    try:
        parser = MultipartParser(boundary, form.callbacks())
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise Malformed(f"the form cannot be read: {str(error)[:200]}") from error
    if not form.ended:
        raise Malformed("the form is cut off")
    if form.file is None:
        raise Malformed("the form has no file", advice="Send the file as a part with a file name.")
    return File(form.file, form.filename, form.part, form.fields)


class _Form:
    """Collects the parts of a form, whose body is there as a whole: pieces are slices of it."""

    def __init__(self) -> None:
        self.file: bytes | None = None
        self.filename = ""
        self.part = ""
        self.fields: dict[str, str] = {}
        self.ended = False
        self._parts = 0
        self._header = b""
        self._value = b""
        self._options: dict[bytes, bytes] = {}
        self._pieces: list[bytes] = []

    def callbacks(self) -> "MultipartCallbacks":
        """Return what the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._take_header,
            "on_header_value": self._take_value,
            "on_header_end": self._end_header,
            "on_part_data": self._take_data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise Malformed(f"the form has more than {MAX_PARTS} parts")
        self._options, self._pieces = {}, []

    def _take_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._options = parse_options_header(self._value)[1]
        self._header = self._value = b""

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        self._pieces.append(data[start:end])

    def _end_part(self) -> None:
        content = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        name = _text(self._options.get(b"name", b""))
        if b"filename" not in self._options:
            if name in self.fields:
                raise Malformed(f"the field {name[:40]!r} occurs twice")
            self.fields[name] = _text(content)
        elif self.file is not None:
            raise Malformed("the form has several files where one is taken")
        else:
            self.file, self.part = content, name
            self.filename = _text(self._options[b"filename"])

    def _end(self) -> None:
        self.ended = True


def _text(data: bytes) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise Malformed("a part of the form is not UTF-8") from error
    return text.replace("\0", "")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key occurs twice")
    return content


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _refuse_surrogates(content: Any) -> None:  # noqa: ANN401 - any JSON
    """Refuse half a surrogate pair: it is no character, and nothing can store or send it."""
    try:
        json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise Malformed("the body has half a surrogate pair, which is no character") from error


def _refuse_nul(content: Any) -> None:  # noqa: ANN401 - any JSON
    """Refuse a NUL in any text, and name the field as a model would that refuses it."""
    fields = content.items() if isinstance(content, dict) else [("", content)]
    for name, value in fields:
        if any("\0" in one for one in _texts([name, value])):
            place = ("body", name.replace("\0", "")) if name else ("body",)
            fault = {"loc": place, "msg": "must have no NUL character", "type": "nul"}
            raise RequestValidationError([fault])


def _texts(content: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    """Yield every text in some JSON, keys too."""
    waiting = [content]
    while waiting:  # A stack of our own: JSON may be nested deeper than calls should be.
        present = waiting.pop()
        if isinstance(present, str):
            yield present
        elif isinstance(present, dict):
            waiting += [*present, *present.values()]
        elif isinstance(present, list):
            waiting += present


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"the body is larger than {limit} bytes",
        advice="Send less; the limit of a file is the setting `max_upload_bytes`.",
    )
