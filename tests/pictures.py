"""Pixels for tests, made from formulas, and what `pdqhash` says of them.

The recipes use whole numbers only, so that any language can make the same pixels from
tests/vectors/pdq.json.
"""

from io import BytesIO

import numpy as np
import pdqhash
from PIL import Image

from tocsin.model import Plane

RECIPES = {
    "flat": lambda y, x, c: 128 + 0 * (x + y) + 20 * c,
    "black": lambda y, x, c: 0 * (x + y + c),
    "ramp": lambda y, x, c: (x + 2 * y) // 3 + 40 * c,
    "tiles": lambda y, x, c: 255 * ((x // 13 + y // 17) % 2) + 0 * c,
    "checkerboard": lambda y, x, c: 255 * ((x + y) % 2) + 0 * c,
    "stripes": lambda y, x, c: (3 * x + 5 * y) % 97 * 2 + 0 * c,
    "waves": lambda y, x, c: x * x // 7 + y * y // 11 + 37 * c,
    "noise": lambda y, x, c: _scatter(x + 7919 * y + 104729 * c),
    "blocks": lambda y, x, c: _scatter(x // 40 + 7919 * (y // 40) + 104729 * c),
    "columns": lambda y, x, c: _scatter(x) + 0 * (y + c),
    "rows": lambda y, x, c: _scatter(y) + 0 * (x + c),
}


def _scatter(number):
    """Mix a number well enough to look random: bits 24 to 31 of a multiplicative hash, twice."""
    once = number * 2654435761 % 2**32
    return (once ^ once >> 15) * 2246822519 % 2**32 >> 24


def made(recipe: str, height: int, width: int, channels: int = 1) -> np.ndarray:
    """Pixels of a recipe modulo 256, uint8: (H, W) for one channel, else (H, W, 3)."""
    y, x, c = np.indices((height, width, channels), dtype=np.int64)
    pixels = (RECIPES[recipe](y, x, c) % 256).astype(np.uint8)
    return pixels[:, :, 0] if channels == 1 else pixels


def symmetric(pixels: np.ndarray) -> np.ndarray:
    """The same in all four quarters, so that half of the DCT is nothing but rounding."""
    return np.maximum.reduce([pixels, pixels[::-1], pixels[:, ::-1], pixels[::-1, ::-1]])


def peer(pixels: np.ndarray) -> tuple[np.ndarray, int]:
    """All eight codes, uint8 (8, 32), and the quality by `pdqhash`."""
    colour = np.repeat(pixels[:, :, None], 3, axis=2) if pixels.ndim == 2 else pixels
    forms, quality = pdqhash.compute_dihedral(np.ascontiguousarray(colour))
    return np.packbits(np.array(forms, np.uint8), axis=1), quality


def apart(one: np.ndarray, other: np.ndarray) -> int:
    """Bits between two codes."""
    return int(np.bitwise_count(one ^ other).sum())


def plane(pixels: np.ndarray, name: str = "image", native: tuple[int, int] | None = None) -> Plane:
    """A plane of pixels; `native` is (height, width) where they are a reduced decode."""
    height, width = native or pixels.shape[:2]
    return Plane(name, pixels, height, width)


def luma(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("L"))


def jpeg_decoded(image: Image.Image, quality: int, *, short_side: int | None = None) -> np.ndarray:
    """The luma of the picture as a JPEG, decoded at no less than the short side where given."""
    file = BytesIO()
    image.save(file, "JPEG", quality=quality)
    read = Image.open(file)
    read.draft("L", short_side and (short_side, short_side))
    return np.asarray(read)
