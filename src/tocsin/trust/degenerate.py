"""PDQ hashes of pictures that show nothing: pages, gradients, checks, stripes, frames.

PDQ leaves out whatever changes along one side only, so the hash of a gradient or of stripes is
rounding and nothing else: two of them match only at the same size, which is why the table has
several. Solid colours need no entry: they never have half of their bits set.

`degenerate.txt` holds the table; a test makes it again from the recipes here.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tocsin.hashing.pdq import Pdq, pdq
from tocsin.model import CODE_BYTES, PDQ_RADIUS, Codes

SIZES = ((512, 512), (1080, 1080), (480, 640), (720, 1280))
"""Height and width in pixels."""

FEWEST_ONES, MOST_ONES = 112, 144
"""A hash compares 256 coefficients with their median, so a healthy one has 128 ones. Of 771 photos
with quality 50 or more all had 118 or more; poorer ones mostly below 80."""

_Numbers = NDArray[np.floating[Any]]
_Draw = Callable[[_Numbers, _Numbers], _Numbers]


def _solid(shade: int) -> _Draw:
    return lambda y, x: np.full(np.broadcast_shapes(y.shape, x.shape), float(shade))


def _slope(down: int, across: int) -> _Draw:
    """Light that grows evenly in one direction, given in whole numbers to be exact anywhere."""
    return lambda y, x: 255 * (down * y + across * x) / (down + across)


def _checks(cells: int) -> _Draw:
    return lambda y, x: 255 * ((np.floor(y * cells) + np.floor(x * cells)) % 2)


def _stripes(count: int) -> _Draw:
    return lambda y, x: 255 * (np.floor(x * count) % 2) + 0 * y


def _page(margin: float) -> _Draw:
    """Draw a white page in a black frame."""
    return lambda y, x: 255.0 * ((abs(2 * y - 1) < 1 - margin) & (abs(2 * x - 1) < 1 - margin))


def _glow(y: _Numbers, x: _Numbers) -> _Numbers:
    return 255 * (1 - ((2 * y - 1) ** 2 + (2 * x - 1) ** 2) / 2)


RECIPES: dict[str, _Draw] = {
    **{f"solid {shade}": _solid(shade) for shade in (0, 1, 64, 128, 192, 254, 255)},
    **{f"slope {d}:{a}": _slope(d, a) for d, a in ((0, 1), (1, 3), (1, 2), (2, 3), (1, 1))},
    **{f"checks {cells}": _checks(cells) for cells in (2, 3, 4, 8, 16)},
    **{f"stripes {count}": _stripes(count) for count in (2, 3, 4, 8, 16)},
    **{f"page {margin}": _page(margin) for margin in (0.02, 0.05, 0.1)},
    "glow": _glow,
}
"""What shows nothing, by name: shades 0 to 255 over y and x from 0 to 1."""


def picture(recipe: str, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Draw a recipe at a size (height, width): luma, uint8."""
    height, width = size
    y = (np.arange(height)[:, None] + 0.5) / height
    x = (np.arange(width)[None, :] + 0.5) / width
    pixels: NDArray[np.uint8] = np.clip(np.rint(RECIPES[recipe](y, x)), 0, 255).astype(np.uint8)
    return pixels


def hashed() -> Iterator[Pdq]:
    """Hash every recipe at every size."""
    for size in SIZES:
        for recipe in RECIPES:
            yield pdq(picture(recipe, size))


def made() -> Codes:
    """Make the table: codes that the number of ones does not betray, none within another's radius.

    Shape (n, 32). Every code left out lies within the radius of one that is in.
    """
    table = np.empty((0, CODE_BYTES), np.uint8)
    for one in hashed():
        for code in one.codes:
            balanced = FEWEST_ONES <= int(np.bitwise_count(code).sum()) <= MOST_ONES
            if balanced and nearest(code[None, :], table)[0] > PDQ_RADIUS:
                table = np.vstack([table, code])
    return table


def nearest(codes: Codes, table: Codes) -> NDArray[np.int64]:
    """Return how far each code lies from the nearest of the table, in bits; 257 if it is empty."""
    found = np.full(len(codes), 8 * CODE_BYTES + 1, np.int64)
    for row in table:
        np.minimum(found, np.bitwise_count(codes ^ row).sum(axis=1, dtype=np.int64), out=found)
    return found


def _read() -> Codes:
    text = Path(__file__).with_suffix(".txt").read_text("ascii")
    codes = np.frombuffer(bytes.fromhex(text), np.uint8).reshape(-1, CODE_BYTES)
    return np.ascontiguousarray(codes)


TABLE = _read()
"""The table as stored, shape (n, 32)."""
