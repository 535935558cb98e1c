"""The compiled loops of PDQ. `pdq.py` says how they fit together; no policy here.

All kernels release the interpreter's lock and are cached on disk after the first call. Pixels come
as uint8 of shape (height, width * channels): one luma value a pixel, or red, green, blue in turn.

Only `shrink` may reorder or fuse its sums. Everything else repeats the float32 operations of the
reference (facebook/ThreatExchange, pdq/cpp) one by one and must stay free of `fastmath`; LLVM does
not fuse a multiplication and an addition by itself, which the tests check.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tocsin.hashing.bands import GROUP, SAMPLES

COEFFICIENTS = 16
"""PDQ keeps the 16 x 16 lowest frequencies, the mean (index 0) left out."""

_STRIP = 4
"""Rows that `_row_sums` carries at once: one chain of additions leaves most of a core idle."""

_RED, _GREEN, _BLUE = 0.299, 0.587, 0.114

_COSINES = np.array(
    [
        [
            float(np.float32(math.sqrt(2.0 / SAMPLES)))
            * math.cos((math.pi / 2.0 / SAMPLES) * (i + 1) * (2 * k + 1))
            for k in range(SAMPLES)
        ]
        for i in range(COEFFICIENTS)
    ],
    dtype=np.float32,
)


@njit(nogil=True, cache=True, fastmath={"contract", "reassoc", "nsz"})
def shrink(
    pixels: NDArray[np.uint8],
    channels: int,
    row_starts: NDArray[np.int64],
    row_weights: NDArray[np.float32],
    column_starts: NDArray[np.int64],
    column_weights: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Take both banded products in one pass over the pixels: luma samples, float32, (64, 64).

    Each pixel is read about once, as bands hardly overlap. The luma is taken after the rows were
    summed, where 64 rows are left instead of thousands.
    """
    width = pixels.shape[1] // channels
    line = np.empty(pixels.shape[1], np.float32)
    luma = np.empty(width, np.float32)
    samples = np.empty((SAMPLES, SAMPLES), np.float32)
    for a in range(SAMPLES):
        _sum_rows(pixels, row_starts[a], row_weights[a], line)
        if channels == 3:
            for x in range(width):
                red, green, blue = line[3 * x], line[3 * x + 1], line[3 * x + 2]
                luma[x] = red * _RED + green * _GREEN + blue * _BLUE
        else:
            luma = line
        for b in range(SAMPLES):
            start = column_starts[b]
            total = 0.0
            for k in range(column_weights.shape[1]):
                total += luma[start + k] * column_weights[b, k]
            samples[a, b] = total
    return samples


@njit(nogil=True, cache=True, fastmath={"contract", "reassoc", "nsz"})
def _sum_rows(
    pixels: NDArray[np.uint8],
    start: int,
    weights: NDArray[np.float32],
    line: NDArray[np.float32],
) -> None:
    """Sum weighted rows into `line`, sixteen rows a turn.

    So `line` is not the bottleneck and many rows are read side by side, which keeps the memory
    busy: with eight, a picture of 36 MB takes a quarter longer. Rows past the end of the picture
    have no weight and stand for the last one. Written out, as LLVM makes vectors of neither an
    inner loop nor a tuple of rows.
    """
    last = pixels.shape[0] - 1
    line[:] = 0
    for k in range(0, weights.size, GROUP):
        row = start + k
        w0, w1, w2, w3 = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
        w4, w5, w6, w7 = weights[k + 4], weights[k + 5], weights[k + 6], weights[k + 7]
        w8, w9, w10, w11 = weights[k + 8], weights[k + 9], weights[k + 10], weights[k + 11]
        w12, w13, w14, w15 = weights[k + 12], weights[k + 13], weights[k + 14], weights[k + 15]
        r0, r1 = pixels[min(row, last)], pixels[min(row + 1, last)]
        r2, r3 = pixels[min(row + 2, last)], pixels[min(row + 3, last)]
        r4, r5 = pixels[min(row + 4, last)], pixels[min(row + 5, last)]
        r6, r7 = pixels[min(row + 6, last)], pixels[min(row + 7, last)]
        r8, r9 = pixels[min(row + 8, last)], pixels[min(row + 9, last)]
        r10, r11 = pixels[min(row + 10, last)], pixels[min(row + 11, last)]
        r12, r13 = pixels[min(row + 12, last)], pixels[min(row + 13, last)]
        r14, r15 = pixels[min(row + 14, last)], pixels[min(row + 15, last)]
        for x in range(line.size):
            a = (np.float32(r0[x]) * w0 + np.float32(r1[x]) * w1) + (
                np.float32(r2[x]) * w2 + np.float32(r3[x]) * w3
            )
            b = (np.float32(r4[x]) * w4 + np.float32(r5[x]) * w5) + (
                np.float32(r6[x]) * w6 + np.float32(r7[x]) * w7
            )
            c = (np.float32(r8[x]) * w8 + np.float32(r9[x]) * w9) + (
                np.float32(r10[x]) * w10 + np.float32(r11[x]) * w11
            )
            d = (np.float32(r12[x]) * w12 + np.float32(r13[x]) * w13) + (
                np.float32(r14[x]) * w14 + np.float32(r15[x]) * w15
            )
            line[x] += (a + b) + (c + d)


@njit(nogil=True, cache=True)
def spectrum(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the 16 x 16 DCT coefficients of the samples, added up in the reference's order."""
    half = np.zeros((COEFFICIENTS, SAMPLES), np.float32)
    coefficients = np.zeros((COEFFICIENTS, COEFFICIENTS), np.float32)
    for i in range(COEFFICIENTS):
        for k in range(SAMPLES):
            for j in range(SAMPLES):
                half[i, j] += _COSINES[i, k] * samples[k, j]
    for i in range(COEFFICIENTS):
        for k in range(SAMPLES):
            for j in range(COEFFICIENTS):
                coefficients[i, j] += half[i, k] * _COSINES[j, k]
    return coefficients


@njit(nogil=True, cache=True)
def gradient_sum(samples: NDArray[np.float32], slack: np.float32) -> int:
    """Sum up the whole-number steps between neighbouring samples, in percent of the luma range.

    `slack` is added to each step before it is cut to a whole number: 0 gives the reference's own
    sum, a small negative or positive value its least and greatest under that uncertainty.
    """
    total = 0
    for i in range(SAMPLES):
        for j in range(SAMPLES):
            if i + 1 < SAMPLES:
                total += _step(samples[i, j], samples[i + 1, j], slack)
            if j + 1 < SAMPLES:
                total += _step(samples[i, j], samples[i, j + 1], slack)
    return total


@njit(nogil=True, cache=True)
def _step(here: np.float32, there: np.float32, slack: np.float32) -> int:
    percent = (here - there) * np.float32(100) / np.float32(255)
    return int(max(abs(percent) + slack, np.float32(0)))


@njit(nogil=True, cache=True)
def emulate(
    pixels: NDArray[np.uint8],
    channels: int,
    column_window: int,
    row_window: int,
    columns: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Return the reference's own 64 x 64 samples, bit for bit, in one sweep down the picture.

    The reference runs four passes over float32 buffers as large as the picture. Here each row goes
    through the first three as it arrives, and the third keeps only the 64 columns that are sampled;
    of the fourth only the 64 rows that are sampled are kept. `column_window` and `row_window` are
    the box widths along columns and along rows, `columns` and `rows` the sampled positions.
    """
    height, width = pixels.shape[0], pixels.shape[1] // channels
    ahead = column_window // 2
    along_row = _box_counts(width, row_window)
    along_column = _box_counts(height, column_window)
    strip = np.zeros((3, _STRIP, width), np.float32)
    sums = np.zeros(width, np.float32)
    recent = np.zeros((column_window, width), np.float32)
    third = np.empty((height, SAMPLES), np.float32)
    for y in range(height + ahead):
        oldest = recent[y % column_window]
        if y < height:
            if y % _STRIP == 0:
                _first_pass(pixels, y, channels, row_window, along_row, strip)
            _add_row(strip[1, y % _STRIP], oldest, sums, y >= column_window)
        else:
            for x in range(width):
                sums[x] -= oldest[x]
        done = y - ahead
        if done >= 0:
            _divide(sums, along_column[done], strip[2, done % _STRIP])
            if done % _STRIP == _STRIP - 1 or done == height - 1:
                _row_sums(strip[2], strip[0], row_window)
                _keep_columns(strip[0], along_row, columns, third, done - done % _STRIP)
    return _fourth_pass(third, column_window, along_column, rows)


@njit(nogil=True, cache=True)
def _box_counts(length: int, size: int) -> NDArray[np.float32]:
    """Count the pixels that the box around each position covers."""
    ahead = size // 2
    back = size - 1 - ahead
    counts = np.empty(length, np.float32)
    for o in range(length):
        counts[o] = min(length - 1, o + ahead) - max(0, o - back) + 1
    return counts


@njit(nogil=True, cache=True)
def _first_pass(
    pixels: NDArray[np.uint8],
    top: int,
    channels: int,
    window: int,
    counts: NDArray[np.float32],
    strip: NDArray[np.float32],
) -> None:
    """Put the luma of the rows from `top` on, averaged along rows once, into `strip[1]`."""
    for r in range(min(_STRIP, pixels.shape[0] - top)):
        _luma(pixels[top + r], channels, strip[0, r])
    _row_sums(strip[0], strip[1], window)
    for r in range(_STRIP):
        for x in range(counts.size):
            strip[1, r, x] /= counts[x]


@njit(nogil=True, cache=True)
def _luma(row: NDArray[np.uint8], channels: int, luma: NDArray[np.float32]) -> None:
    """Do as numpy does for `pdqhash`: in float64, left to right, then rounded once."""
    if channels == 3:
        for x in range(luma.size):
            red, green, blue = row[3 * x], row[3 * x + 1], row[3 * x + 2]
            luma[x] = np.float32(red * _RED + green * _GREEN + blue * _BLUE)
    else:
        for x in range(luma.size):
            luma[x] = np.float32(row[x])


@njit(nogil=True, cache=True)
def _row_sums(rows: NDArray[np.float32], sums: NDArray[np.float32], window: int) -> None:
    """Slide sums along the four rows of a strip: add on the right, then subtract on the left."""
    width = rows.shape[1]
    ahead = window // 2
    s0 = s1 = s2 = s3 = np.float32(0)
    for x in range(width + ahead):
        if x < width:
            s0, s1, s2, s3 = s0 + rows[0, x], s1 + rows[1, x], s2 + rows[2, x], s3 + rows[3, x]
        left = x - window
        if left >= 0:
            s0, s1 = s0 - rows[0, left], s1 - rows[1, left]
            s2, s3 = s2 - rows[2, left], s3 - rows[3, left]
        o = x - ahead
        if o >= 0:
            sums[0, o], sums[1, o], sums[2, o], sums[3, o] = s0, s1, s2, s3


@njit(nogil=True, cache=True)
def _add_row(
    row: NDArray[np.float32], oldest: NDArray[np.float32], sums: NDArray[np.float32], full: bool
) -> None:
    """Move the box down one row: `oldest` leaves it if it is `full`, `row` takes its place."""
    if full:
        for x in range(row.size):
            sums[x] = (sums[x] + row[x]) - oldest[x]
            oldest[x] = row[x]
    else:
        for x in range(row.size):
            sums[x] += row[x]
            oldest[x] = row[x]


@njit(nogil=True, cache=True)
def _divide(sums: NDArray[np.float32], count: np.float32, means: NDArray[np.float32]) -> None:
    for x in range(sums.size):
        means[x] = sums[x] / count


@njit(nogil=True, cache=True)
def _keep_columns(
    sums: NDArray[np.float32],
    counts: NDArray[np.float32],
    columns: NDArray[np.int64],
    third: NDArray[np.float32],
    top: int,
) -> None:
    for r in range(min(_STRIP, third.shape[0] - top)):
        for b in range(SAMPLES):
            third[top + r, b] = sums[r, columns[b]] / counts[columns[b]]


@njit(nogil=True, cache=True)
def _fourth_pass(
    third: NDArray[np.float32],
    window: int,
    counts: NDArray[np.float32],
    rows: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Take the last mean along columns, for the 64 sampled columns and rows."""
    height = third.shape[0]
    ahead = window // 2
    sums = np.zeros(SAMPLES, np.float32)
    samples = np.empty((SAMPLES, SAMPLES), np.float32)
    a = 0
    for y in range(height + ahead):
        if y < height:
            sums += third[y]
        if y >= window:
            sums -= third[y - window]
        while a < SAMPLES and rows[a] == y - ahead:
            samples[a] = sums / counts[y - ahead]
            a += 1
    return samples
