"""The views of an upload: every signal it is matched by, each named after how it was read.

A list may hold a picture's PDQ at its native size or at 512 x 512, and an upload may be the picture
mirrored, turned or framed. The likeliest readings come first.
"""

from collections.abc import Iterable, Iterator

from tocsin.hashing.border import trimmed
from tocsin.hashing.exact import file_signals
from tocsin.hashing.pdq import DIHEDRAL, Pdq, pdq_512, pdq_native
from tocsin.model import (
    PDQ_QUALITY_FLOOR,
    Decoded,
    Plane,
    Signal,
    SignalType,
    Undecodable,
    View,
)

_LIKELIEST = (
    "upright",
    "mirrored",
    "rotated 90",
    "rotated 270",
    "rotated 180",
    "flipped",
    "mirrored rotated 90",
    "mirrored rotated 270",
)
_LIKELIEST_TRIMMED = ("upright", "mirrored")

_STORED = (SignalType.SHA256, SignalType.MD5)
"""File hashes that an item of an own list is stored as; SHA-1 is only matched."""


def file_views(data: bytes) -> tuple[View, ...]:
    """Read an upload as plain bytes: one view for each file hash."""
    return tuple(View("file", signal) for signal in file_signals(data))


def plane_views(planes: tuple[Plane, ...]) -> tuple[View, ...]:
    """Read each plane in both size conventions and all eight forms, and without its border.

    Of views of one plane that share a code only the first is kept. Every view carries its quality,
    however low: what is too little to match on is for the list's rule to say.
    """
    return tuple(view for plane in planes for view in _views_of(plane))


def item_signals(data: bytes, decoded: Decoded | Undecodable) -> tuple[Signal, ...]:
    """List the signals under which a new item of an own list is stored.

    SHA-256 and MD5 of the file, and for each plane the upright PDQ in the 512 convention, which is
    the one that changes least when a picture is uploaded again at another size.
    """
    exact = [signal for signal in file_signals(data) if signal.type in _STORED]
    planes = decoded.planes if isinstance(decoded, Decoded) else ()
    perceptual = [_signals(pdq_512(plane))["upright"] for plane in planes]
    return (*exact, *dict.fromkeys(perceptual))


def _views_of(plane: Plane) -> Iterator[View]:
    yield from _distinct(_readings(plane, pdq_native(plane), pdq_512(plane), _LIKELIEST))
    inner = trimmed(plane)
    if inner is None:
        return
    native, square = pdq_native(inner), pdq_512(inner)
    if max(native.quality, square.quality) >= PDQ_QUALITY_FLOOR:
        yield from _distinct(_readings(inner, native, square, _LIKELIEST_TRIMMED))


def _readings(plane: Plane, native: Pdq, square: Pdq, forms: Iterable[str]) -> Iterator[View]:
    by_convention = {"native": _signals(native), "512": _signals(square)}
    for form in forms:
        for convention, signals in by_convention.items():
            name = f"{plane.name} {convention} {form}".removesuffix(" upright")
            yield View(name, signals[form])


def _signals(hashes: Pdq) -> dict[str, Signal]:
    return {
        form: Signal(SignalType.PDQ, code.tobytes(), hashes.quality)
        for form, code in zip(DIHEDRAL, hashes.codes, strict=True)
    }


def _distinct(views: Iterable[View]) -> Iterator[View]:
    seen: set[bytes] = set()
    for view in views:
        if view.signal.value not in seen:
            seen.add(view.signal.value)
            yield view
