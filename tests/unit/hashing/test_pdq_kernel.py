import numpy as np
import pdqhash
import pytest

from pictures import made
from tocsin.hashing.bands import native_bands, sample_positions, window
from tocsin.hashing.pdq_kernel import emulate, gradient_sum, shrink, spectrum


def reference_samples(luma: np.ndarray) -> np.ndarray:
    """PDQ's 64 x 64 samples in plain Python as the reference takes them: two boxes each way."""
    for _ in range(2):
        luma = np.apply_along_axis(sliding_mean, 1, luma)
        luma = np.apply_along_axis(sliding_mean, 0, luma)
    rows, columns = (sample_positions(length) for length in luma.shape)
    return luma[np.ix_(rows, columns)]


def sliding_mean(line: np.ndarray) -> np.ndarray:
    size = window(line.size)
    means = np.empty_like(line)
    total, count = np.float32(0), 0
    for right in range(line.size + size // 2):
        if right < line.size:
            total, count = total + line[right], count + 1
        if right >= size:
            total, count = total - line[right - size], count - 1
        if right >= size // 2:
            means[right - size // 2] = total / np.float32(count)
    return means


def emulated(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    positions = sample_positions(width), sample_positions(height)
    channels = 3 if pixels.ndim == 3 else 1
    rows = pixels.reshape(height, -1)
    return emulate(rows, channels, window(height), window(width), *positions)


@pytest.mark.parametrize("size", [(5, 5), (64, 64), (63, 131), (260, 90), (129, 257)])
def test_the_emulation_repeats_the_reference_s_samples_bit_for_bit(size):
    pixels = made("noise", *size)
    assert (emulated(pixels) == reference_samples(pixels.astype(np.float32))).all()


@pytest.mark.parametrize("recipe", ["noise", "ramp", "tiles", "stripes", "flat"])
@pytest.mark.parametrize("size", [(100, 140), (513, 385), (5, 900)])
def test_the_emulation_has_the_coefficients_of_pdqhash_bit_for_bit(recipe, size):
    pixels = made(recipe, *size, 3)
    theirs, _ = pdqhash.compute_float(pixels)
    assert (spectrum(emulated(pixels)).ravel() == theirs[::-1]).all()


def test_the_fast_way_is_the_reference_without_its_rounding():
    pixels = made("noise", 300, 410)
    rows, columns = native_bands(300, 300), native_bands(410, 410)
    fast = shrink(pixels, 1, rows.starts, rows.grouped, columns.starts, columns.weights)
    assert abs(fast - reference_samples(pixels.astype(np.float64))).max() < 1e-4


def test_the_spectrum_neither_fuses_nor_reorders_its_additions():
    samples = reference_samples(made("blocks", 200, 300).astype(np.float32))
    steps = np.arange(64, dtype=np.float64) * 2 + 1
    scale = float(np.float32(np.sqrt(2 / 64)))
    cosines = [scale * np.cos(np.pi / 128 * i * steps) for i in range(1, 17)]
    matrix = np.array(cosines).astype(np.float32)
    half = np.zeros((16, 64), np.float32)
    whole = np.zeros((16, 16), np.float32)
    for k in range(64):
        half += matrix[:, k, None] * samples[k]
    for k in range(64):
        whole += half[:, k, None] * matrix[:, k]
    assert (spectrum(samples) == whole).all()


def test_slack_moves_the_gradient_sum_both_ways_and_never_below_nothing():
    samples = reference_samples(made("noise", 64, 64).astype(np.float32))
    least, own, most = (int(gradient_sum(samples, np.float32(one))) for one in (-0.5, 0, 0.5))
    assert 0 < least < own < most
    assert gradient_sum(samples, np.float32(-1000)) == 0
