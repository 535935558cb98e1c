"""From what Pillow decoded to the pixels that are hashed: 8 bits, opaque, upright, not too many.

Every mode that Pillow can return ends as "L" (luma) or "RGB". No NumPy: this runs in the zygote's
children.
"""

import math
import struct
from collections.abc import Iterator
from typing import cast

from PIL import Image

from tocsin.decoding.wire import SCREENED_PIXELS

_ORIENTATION = 0x0112
"""The EXIF tag (EXIF 2.32, 4.6.4)."""

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_BITS_PER_SAMPLE = 258
"""The TIFF tag (TIFF 6.0, section 8)."""

REDUCE_ABOVE = 2048
"""Pictures with a longer side than this, in pixels, are reduced for screening."""

REDUCED_SHORT_SIDE = 1024
"""The short side that reducing keeps, in pixels: twice what PDQ hashing at 512 needs."""


def orientation(im: Image.Image) -> int:
    """The EXIF orientation of a loaded picture, 1 to 8; 1 where it is absent or nonsense."""
    if not {"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"} & im.info.keys():
        return 1
    try:
        value = im.getexif().get(_ORIENTATION)
    except (SyntaxError, ValueError, LookupError, TypeError, OSError, struct.error):
        return 1  # viewers show a picture whose EXIF block is broken, so it must be hashed
    return value if isinstance(value, int) and value in _UPRIGHT else 1


def upright(im: Image.Image, turn: int) -> Image.Image:
    """Undo an EXIF orientation."""
    return im.transpose(_UPRIGHT[turn]) if turn in _UPRIGHT else im


def reduced(im: Image.Image) -> Image.Image:
    """Average whole boxes of pixels, so that a large picture crosses to the node quickly.

    The sides keep their proportion, except that of a long strip which would still be too large.
    """
    factor = min(im.size) // REDUCED_SHORT_SIDE
    if factor > 1 and max(im.size) > REDUCE_ABOVE:
        im = im.reduce(factor)
    if im.width * im.height > SCREENED_PIXELS:
        along = -(-max(im.size) // (SCREENED_PIXELS // min(im.size)))
        im = im.reduce((along, 1) if im.width > im.height else (1, along))
    return im


def flattened(im: Image.Image, *, colour: bool) -> Iterator[tuple[str, Image.Image]]:
    """The picture without transparency, as luma or, with `colour`, as RGB unless it is grey.

    Where a pixel is really transparent there are two answers, " on white" and " on black": what
    is seen depends on the page it is shown on, and either may be the one that was listed.
    """
    settled = _settled(im)
    mode = "RGB" if colour and settled.mode in ("RGB", "RGBA") else "L"
    flat = settled if settled.mode == mode else settled.convert(mode)
    alpha = settled.getchannel("A") if settled.mode in ("LA", "RGBA") else None
    if alpha is None or alpha.getextrema() == (255, 255):
        yield "", flat
        return
    for name, level in ((" on white", 255), (" on black", 0)):
        ground = Image.new(mode, flat.size, (level,) * len(flat.getbands()))
        ground.paste(flat, mask=alpha)
        yield name, ground


def _settled(im: Image.Image) -> Image.Image:
    """One of the modes L, LA, RGB and RGBA, with the same look."""
    if im.mode == "F" or im.mode.startswith("I"):
        return _shallow(im)
    see_through = im.has_transparency_data
    if im.mode in ("1", "L", "LA", "La"):
        wanted = "LA" if see_through else "L"
    else:
        wanted = "RGBA" if see_through else "RGB"
    return im if im.mode == wanted else im.convert(wanted)


def _shallow(im: Image.Image) -> Image.Image:
    """Bring 16-bit, 32-bit and floating-point greys to 8 bits; Pillow itself clips them at 255."""
    key = im.info.get("transparency")
    if im.mode not in ("I;16", "F"):
        im = im.convert("I")
    low, high = _range(im)
    step = 255.999 / (high - low)
    grey = im.point(lambda value: value * step - low * step).convert("L")
    if im.mode == "I;16" and isinstance(key, int) and 0 <= key <= 0xFFFF:
        shown = [255] * 0x10000
        shown[key] = 0
        grey.putalpha(im.convert("I").point(shown, "L"))
    return grey


def _range(im: Image.Image) -> tuple[float, float]:
    """Which values are black and white.

    16 bits have a fixed range. For 32 bits and floats no standard says, and viewers guess; here
    the range is that of the next common depth (1.0 for floats, 8 or 16 bits), else the values'.
    """
    if im.mode == "I;16":
        bits = getattr(im, "tag_v2", {}).get(_BITS_PER_SAMPLE, (16,))[0]
        return 0.0, float((1 << bits) - 1 if 8 <= bits <= 16 else 0xFFFF)
    low, high = cast("tuple[float, float]", im.getextrema())
    if not (math.isfinite(low) and math.isfinite(high)):
        return 0.0, 1.0
    tops = (1.0, 255.0, 65535.0) if im.mode == "F" else (255.0, 65535.0)
    if low >= 0:
        return 0.0, next((top for top in tops if high <= top), high)
    return low, max(high, low + 1)
