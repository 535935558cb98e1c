"""The weights that carry a line of pixels to 64 samples: the linear half of PDQ as banded matrices.

PDQ blurs a picture twice with a box along rows and columns and keeps one pixel in each of 64 x 64
cells. All of that is linear and separable, so it is one matrix of 64 rows per dimension, each with
a short band of weights that are not zero. Multiplying the pixels by two of them replaces four
passes over the picture; `pdq_kernel.shrink` does it.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SAMPLES = 64
"""PDQ works on 64 x 64 samples ("PDQ & TMK + PDQF", 2019)."""

GROUP = 16
"""Picture rows that the kernel adds up in one turn."""

SQUARE = 512
"""Side in pixels of the 512 convention: the picture is squashed to a square before PDQ."""


@dataclass(frozen=True, slots=True)
class Bands:
    """Sample a is the sum over k of `weights[a, k] * line[starts[a] + k]`; each row sums to one.

    `starts`: int64, (64,); `weights`: float64, (64, K); every band lies within the line. `grouped`
    is the same in float32 with zeros added up to a whole number of groups, for the product that
    takes a group of picture rows a turn. All are shared between callers and read-only.
    """

    starts: NDArray[np.int64]
    weights: NDArray[np.float64]
    grouped: NDArray[np.float32]


def window(length: int) -> int:
    """Return the width in pixels of PDQ's box filter on a line of `length` pixels."""
    return (length + 2 * SAMPLES - 1) // (2 * SAMPLES)


def sample_positions(length: int) -> NDArray[np.int64]:
    """Return the pixel that each of the 64 samples is taken from: the centres of equal cells."""
    return ((np.arange(SAMPLES) + 0.5) * length / SAMPLES).astype(np.int64)


@lru_cache(maxsize=64)
def native_bands(native: int, decoded: int) -> Bands:
    """Weigh a line of `native` pixels as PDQ does, of which `decoded` pixels were decoded."""
    bands = _filter_bands(native)
    if decoded == native:
        return bands
    return _resampled(bands, _edges(native, decoded), decoded)


@lru_cache(maxsize=64)
def square_bands(native: int, decoded: int) -> Bands:
    """Weigh it as PDQ does after an area filter has brought it to 512 pixels."""
    bands = native_bands(SQUARE, SQUARE)
    if decoded == native == SQUARE:
        return bands
    return _resampled(bands, _edges(native, decoded) * (SQUARE / native), decoded)


def _filter_bands(length: int) -> Bands:
    """Write two box filters and the choice of 64 pixels as one matrix, after `jaroszFilterFloat`.

    The box around pixel o reaches from o - back to o + ahead, cut off at both ends of the line
    where the mean is taken over what is left.
    """
    size = window(length)
    ahead = size // 2
    back = size - 1 - ahead
    starts = sample_positions(length) - 2 * back
    inner = (starts + back)[:, None] + np.arange(size)
    covered = np.minimum(inner + ahead, length - 1) - np.maximum(inner - back, 0) + 1
    exists = (inner >= 0) & (inner < length)
    share = np.where(exists, 1.0 / np.maximum(covered, 1), 0.0)
    share /= exists.sum(axis=1, keepdims=True)
    spread = np.zeros((SAMPLES, 2 * size - 1))
    for offset in range(size):
        spread[:, offset : offset + size] += share
    return _within(starts, spread, length)


def _within(starts: NDArray[np.int64], weights: NDArray[np.float64], length: int) -> Bands:
    """Move bands that hang over an end of the line inside; what hung over is dropped."""
    width = min(weights.shape[1], length)
    inside = np.clip(starts, 0, length - width)
    source = np.arange(width) + (inside - starts)[:, None]
    known = (source >= 0) & (source < weights.shape[1])
    moved = np.take_along_axis(weights, np.where(known, source, 0), axis=1)
    return _frozen(inside, np.where(known, moved, 0.0))


def _edges(native: int, decoded: int) -> NDArray[np.float64]:
    """Say where the decoded pixels begin and end, in native pixels; shape (decoded + 1,).

    A JPEG decoded at a fraction, or a picture reduced by boxes, has a pixel for each whole block of
    native ones, the last cut off; anything else is taken as an even division.
    """
    block = -(-native // decoded)
    if -(-native // block) != decoded:
        return np.linspace(0.0, native, decoded + 1)
    edges: NDArray[np.float64] = np.arange(decoded + 1, dtype=np.float64) * block
    return np.minimum(edges, native)


def _resampled(bands: Bands, edges: NDArray[np.float64], length: int) -> Bands:
    """Move weights to a line whose pixel i covers the cells from `edges[i]` to `edges[i + 1]`.

    A cell's weight is spread evenly over the cell, so that a pixel that covers part of it gets that
    part: the area filter.
    """
    cells = bands.weights.shape[1]
    first = np.searchsorted(edges, bands.starts, side="right") - 1
    last = np.searchsorted(edges, bands.starts + cells, side="left")
    width = int((last - first).max())
    first = np.clip(first, 0, length - width)
    reach = np.clip(edges[first[:, None] + np.arange(width + 1)] - bands.starts[:, None], 0, cells)
    below = np.minimum(reach.astype(np.int64), cells - 1)
    total = np.zeros((SAMPLES, cells + 1))
    np.cumsum(bands.weights, axis=1, out=total[:, 1:])
    mass = np.take_along_axis(total, below, axis=1)
    mass += (reach - below) * np.take_along_axis(bands.weights, below, axis=1)
    return _frozen(first, np.diff(mass, axis=1))


def _frozen(starts: NDArray[np.int64], weights: NDArray[np.float64]) -> Bands:
    grouped = np.zeros((SAMPLES, -(-weights.shape[1] // GROUP) * GROUP), np.float32)
    grouped[:, : weights.shape[1]] = weights
    for array in (starts, weights, grouped):
        array.setflags(write=False)
    return Bands(starts, weights, grouped)
