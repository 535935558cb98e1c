"""PDQ hashes with quality, all eight dihedral forms at once, bit for bit those of `pdqhash`.

The fast way (`pdq_kernel.shrink`) computes PDQ's 64 x 64 samples almost exactly; the reference
computes them with rounding errors of its own. Both lead to the same bits unless a DCT coefficient
lies so close to the median that those errors decide. So the fast result is kept only where it is
certain, and the reference is repeated step by step where it is not:
docs/decisions/0004-pdq-kernel.md has the argument and the measurements.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tocsin.errors import InvalidInput
from tocsin.hashing.bands import (
    SQUARE,
    Bands,
    native_bands,
    sample_positions,
    square_bands,
    window,
)
from tocsin.hashing.pdq_kernel import COEFFICIENTS, emulate, gradient_sum, shrink, spectrum
from tocsin.model import CODE_BYTES, Codes, Plane

DIHEDRAL = (
    "upright",
    "rotated 90",
    "rotated 180",
    "rotated 270",
    "flipped",
    "mirrored",
    "mirrored rotated 90",
    "mirrored rotated 270",
)
"""The eight forms in the order of `pdqhash.compute_dihedral`: the hash that the picture would have
if it were turned so. Rotations are counterclockwise; flipped exchanges top and bottom, mirrored
left and right; the last two are mirrored first."""

MIN_SIDE = 5
"""Pixels; a picture with a shorter side gets zeros and quality 0, as in the reference."""

_COUNT = COEFFICIENTS * COEFFICIENTS
_ROUNDING = 2.0**-24
"""Half a unit in the last place of a float32 number between 0.5 and 1."""

_ROW, _COLUMN = np.divmod(np.arange(_COUNT), COEFFICIENTS)

_SIGNS = np.array(
    [
        np.ones(_COUNT),
        np.where(_COLUMN % 2 == 0, -1, 1),
        np.where(_ROW % 2 == 0, -1, 1),
        np.where((_ROW + _COLUMN) % 2 == 1, -1, 1),
    ],
    np.float32,
)
"""Turning a picture changes signs of its coefficients in one of four ways, and may transpose them;
a transposition moves bits but not the median."""

_FORMS = (
    (0, False),
    (1, True),
    (3, False),
    (2, True),
    (2, False),
    (1, False),
    (0, True),
    (3, True),
)
"""For each of DIHEDRAL: its row of `_SIGNS`, and whether the coefficients are transposed."""

_BIT_SOURCES = np.array(
    [
        (sign * _COUNT + (_COLUMN * COEFFICIENTS + _ROW if transposed else np.arange(_COUNT)))[::-1]
        for sign, transposed in _FORMS
    ]
)
"""Where each bit of each code is found among the signed coefficients, most significant first."""

_COEFFICIENT_ERROR = _ROUNDING * (
    600.0 * (1 / (_ROW + 1) + 1 / (_COLUMN + 1))
    + 4000.0 * (1 / (_ROW + 1) ** 2 + 1 / (_COLUMN + 1) ** 2)
)
"""How far the reference may be from the truth per unit of the brightest sample, for each
coefficient: its sliding sums drift, which falls on low frequencies. Twice the most that was seen in
80,000 pictures, two fifths of them made to be nasty, and four times the most seen in photos."""

_STEP_ERROR = _ROUNDING * 800.0
"""The same for a step between neighbouring samples in percent, which the quality counts."""


@dataclass(frozen=True, slots=True)
class Pdq:
    """The hashes of one picture.

    `codes`: uint8, (8, 32), in the order of DIHEDRAL, each most significant bit first like the hex
    form of `pdqhash` and python-threatexchange. `quality`: 0 to 100, one for all eight.
    """

    codes: Codes
    quality: int


def pdq(pixels: NDArray[np.uint8]) -> Pdq:
    """Hash exactly these pixels, (H, W) luma or (H, W, 3) RGB, uint8; raises InvalidInput.

    Equals `pdqhash.compute_dihedral` of the same pixels (luma: repeated as red, green and blue).
    """
    height, width = _sides(pixels)
    if min(height, width) < MIN_SIDE:
        return Pdq(np.zeros((len(DIHEDRAL), CODE_BYTES), np.uint8), 0)
    samples = _shrunk(pixels, native_bands(height, height), native_bands(width, width))
    coefficients = spectrum(samples)
    peak = float(samples.max())
    if not (_bits_certain(coefficients, peak) and _quality_certain(samples, peak)):
        samples = emulate(
            *_rows(pixels),
            window(height),
            window(width),
            sample_positions(width),
            sample_positions(height),
        )
        coefficients = spectrum(samples)
    return Pdq(_codes(coefficients), _quality(samples))


def pdq_native(plane: Plane) -> Pdq:
    """Hash at the size the file declares, from pixels that may have been decoded at less.

    Each decoded pixel counts as the block of native pixels it stands for. Equal to `pdq` where
    nothing was scaled; a few bits away otherwise. Raises InvalidInput.
    """
    height, width = _sides(plane.pixels)
    if (height, width) == (plane.native_height, plane.native_width):
        return pdq(plane.pixels)
    rows = native_bands(plane.native_height, height)
    return _uncertified(plane.pixels, rows, native_bands(plane.native_width, width))


def pdq_512(plane: Plane) -> Pdq:
    """Hash as if an area filter had squashed the picture to 512 x 512 pixels. Raises InvalidInput.

    Neither the small picture nor its rounding to whole numbers exists here: filter and PDQ are one
    product. A picture smaller than 512 pixels is spread by the same rule.
    """
    height, width = _sides(plane.pixels)
    if height == width == plane.native_height == plane.native_width == SQUARE:
        return pdq(plane.pixels)
    rows = square_bands(plane.native_height, height)
    return _uncertified(plane.pixels, rows, square_bands(plane.native_width, width))


def _uncertified(pixels: NDArray[np.uint8], rows: Bands, columns: Bands) -> Pdq:
    samples = _shrunk(pixels, rows, columns)
    return Pdq(_codes(spectrum(samples)), _quality(samples))


def _sides(pixels: NDArray[np.uint8]) -> tuple[int, int]:
    shaped = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    if pixels.dtype != np.uint8 or not shaped or pixels.size == 0:
        raise InvalidInput(
            f"PDQ needs uint8 pixels, (H, W) or (H, W, 3), not {pixels.dtype} {pixels.shape}"
        )
    return pixels.shape[0], pixels.shape[1]


def _rows(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    """Lay the pixels out as the kernels take them, with the number of channels.

    Always marked read-only: numba compiles anew for arrays that may be written to.
    """
    flat = np.ascontiguousarray(pixels).reshape(pixels.shape[0], -1)
    flat.setflags(write=False)
    return flat, flat.shape[1] // pixels.shape[1]


def _shrunk(pixels: NDArray[np.uint8], rows: Bands, columns: Bands) -> NDArray[np.float32]:
    samples: NDArray[np.float32] = shrink(
        *_rows(pixels), rows.starts, rows.grouped, columns.starts, columns.weights
    )
    return samples


def _codes(coefficients: NDArray[np.float32]) -> Codes:
    return np.packbits(_above_median(_SIGNS * coefficients.ravel())[_BIT_SOURCES], axis=1)


def _above_median(signed: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell which of the (4, 256) coefficients exceed the lower median of their row; (1024,)."""
    middle = _COUNT // 2 - 1
    return (signed > np.partition(signed, middle, axis=1)[:, middle, None]).ravel()


def _bits_certain(coefficients: NDArray[np.float32], peak: float) -> bool:
    """Whether no coefficient can change sides with any other within the reference's error."""
    signed = _SIGNS * coefficients.ravel()
    above = _above_median(signed).reshape(signed.shape)
    error = peak * _COEFFICIENT_ERROR
    lowest_above = np.where(above, signed - error, np.inf).min(axis=1)
    highest_below = np.where(above, -np.inf, signed + error).max(axis=1)
    halves = above.sum(axis=1) == _COUNT // 2
    return bool((halves & (highest_below < lowest_above)).all())


def _quality_certain(samples: NDArray[np.float32], peak: float) -> bool:
    return _quality(samples, -peak * _STEP_ERROR) == _quality(samples, peak * _STEP_ERROR)


def _quality(samples: NDArray[np.float32], slack: float = 0.0) -> int:
    """Return PDQ's quality: the sum of steps, scaled so that most photos reach 100."""
    return min(100, int(gradient_sum(samples, np.float32(slack))) // 90)
