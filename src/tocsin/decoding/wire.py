"""What crosses the border between the node and a decoding child: fixed headers, then raw bytes.

The node reads an answer as if an attacker had written it, since after a successful attack on a
decoder one has: every number is checked against the limits before anything is allocated, no text
but a short printable sentence is taken, and nothing is ever unpickled.

Standard library only, because the zygote does without NumPy. The values of OBSTACLES are those of
`model.Obstacle`; a test compares them.
"""

import struct
from dataclasses import dataclass

from tocsin.decoding.base import Limits

FORMATS = ("jpeg", "png", "webp", "gif", "avif", "tiff", "bmp", "heic")

OBSTACLES = (
    "empty",
    "unknown_format",
    "broken",
    "too_large",
    "too_many_pixels",
    "too_slow",
    "too_much_memory",
    "crashed",
    "no_sandbox",
    "unreadable",
)

NAMES = tuple(
    frame + ground
    for frame in ("image", "first frame", "middle frame", "last frame")
    for ground in ("", " on white", " on black")
)
"""Every name a picture can have, see `model.Plane`."""

MAX_PICTURES = 6
"""Three frames, each on white and on black."""

MAX_DETAIL_BYTES = 300

SCREENED_PIXELS = 1 << 24
"""What a picture for screening has at most; only strips longer than four to one come near it."""

READY = b"r"
"""What a child says to the zygote when its walls are up, before any file can reach it."""

OUT_OF_MEMORY = 4
"""Exit code of a child that could not hold the file. The zygote passes exit codes on in one byte;
signals are added to SIGNALS_FROM."""

SIGNALS_FROM = 128

_MAGIC = b"TSN1"
_REQUEST = struct.Struct("<4sB3xQ")
_HEAD = struct.Struct("<4sBBBBIH2x")
_PICTURE = struct.Struct("<BB2xIIII")

REQUEST_BYTES = _REQUEST.size
ANSWER_BYTES = _HEAD.size + MAX_PICTURES * _PICTURE.size
"""An answer's header has one size, so that it can be read in one call."""

_PICTURES, _REFUSAL = 0, 1


@dataclass(frozen=True, slots=True)
class Shape:
    """A picture without its pixels: see `model.Plane`. `channels` is 1 or 3; sizes in pixels."""

    name: str
    height: int
    width: int
    channels: int
    native_height: int
    native_width: int

    @property
    def pixel_bytes(self) -> int:
        """How many bytes of pixels follow, one byte a channel."""
        return self.height * self.width * self.channels


@dataclass(frozen=True, slots=True)
class Pictures:
    """A file that could be read; the pixels are row by row, in the order of the shapes."""

    format: str
    frames: int
    shapes: tuple[Shape, ...]
    pixels: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that could not be read: one of OBSTACLES, and a sentence for a person."""

    obstacle: str
    detail: str


class Forged(Exception):
    """A header that no honest child writes. Never leaves the stage."""


def pack_request(size: int, *, exact: bool) -> bytes:
    """Announce a file of `size` bytes."""
    return _REQUEST.pack(_MAGIC, exact, size)


def unpack_request(header: bytes) -> tuple[int, bool]:
    """The size of the file in bytes and whether every pixel is wanted."""
    _, exact, size = _REQUEST.unpack(header)
    return size, bool(exact)


def pack_answer(answer: Pictures | Refusal) -> bytes:
    """The header of an answer, and the sentence of a refusal. The pixels are sent after it."""
    if isinstance(answer, Refusal):
        detail = answer.detail.encode("ascii", "replace")[:MAX_DETAIL_BYTES]
        reason = OBSTACLES.index(answer.obstacle)
        head = _HEAD.pack(_MAGIC, _REFUSAL, reason, 0, 0, 0, len(detail))
        return head.ljust(ANSWER_BYTES, b"\0") + detail
    form = FORMATS.index(answer.format)
    head = _HEAD.pack(_MAGIC, _PICTURES, 0, form, len(answer.shapes), answer.frames, 0)
    return (head + b"".join(map(_pack_shape, answer.shapes))).ljust(ANSWER_BYTES, b"\0")


def unpack_answer(header: bytes, limits: Limits, *, exact: bool) -> Pictures | tuple[str, int]:
    """Read a header as hostile: shapes within the limits, or an obstacle and its text's length.

    Raises Forged.
    """
    magic, kind, reason, form, count, frames, length = _HEAD.unpack_from(header)
    if magic != _MAGIC or kind not in (_PICTURES, _REFUSAL):
        raise Forged("the answer has no known form")
    if kind == _REFUSAL:
        if reason >= len(OBSTACLES) or length > MAX_DETAIL_BYTES:
            raise Forged("the refusal is out of range")
        return OBSTACLES[reason], length
    if form >= len(FORMATS) or not 1 <= count <= MAX_PICTURES or frames < 1:
        raise Forged("the pictures are out of range")
    places = range(_HEAD.size, _HEAD.size + count * _PICTURE.size, _PICTURE.size)
    shapes = tuple(_unpack_shape(header, at, limits) for at in places)
    if not exact and any(shape.pixel_bytes > SCREENED_PIXELS for shape in shapes):
        raise Forged("a picture is larger than screening asks for")
    if sum(shape.pixel_bytes for shape in shapes) > limits.memory_bytes:
        raise Forged("the pictures are larger than the child's memory")
    return Pictures(FORMATS[form], frames, shapes)


def printable(detail: bytes) -> str:
    """A hostile sentence as harmless text: ASCII on one line."""
    text = detail.decode("ascii", "replace")
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)


def _pack_shape(shape: Shape) -> bytes:
    name = NAMES.index(shape.name)
    size = (shape.height, shape.width, shape.native_height, shape.native_width)
    return _PICTURE.pack(name, shape.channels, *size)


def _unpack_shape(header: bytes, at: int, limits: Limits) -> Shape:
    name, channels, height, width, native_height, native_width = _PICTURE.unpack_from(header, at)
    if name >= len(NAMES) or channels not in (1, 3):
        raise Forged("a picture has no known form")
    if not (1 <= height <= native_height and 1 <= width <= native_width):
        raise Forged("a picture is larger than it says")
    if native_height * native_width > limits.pixels:
        raise Forged("a picture has more pixels than allowed")
    return Shape(NAMES[name], height, width, channels, native_height, native_width)
