import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.hashing.bands import (
    GROUP,
    SQUARE,
    Bands,
    native_bands,
    sample_positions,
    square_bands,
    window,
)


def matrix(bands: Bands, length: int) -> np.ndarray:
    """The bands as the full matrix they stand for, shape (64, length)."""
    full = np.zeros((64, length))
    for row, start, weights in zip(full, bands.starts, bands.weights, strict=True):
        row[start : start + weights.size] = weights
    return full


def box(length: int) -> np.ndarray:
    """The matrix of one box filter as the reference words it."""
    size = window(length)
    rows = np.zeros((length, length))
    for place, row in enumerate(rows):
        row[max(0, place - (size - 1 - size // 2)) : place + size // 2 + 1] = 1
    return rows / rows.sum(axis=1, keepdims=True)


@given(length=st.integers(5, 400))
def test_the_bands_are_two_box_filters_and_a_choice_of_64_pixels(length):
    wanted = (box(length) @ box(length))[sample_positions(length)]
    assert np.allclose(matrix(native_bands(length, length), length), wanted, atol=1e-12)


@given(native=st.integers(1, 5000), fraction=st.floats(0.1, 1.0))
def test_the_weights_of_each_sample_sum_to_one_whatever_was_decoded(native, fraction):
    decoded = max(1, round(native * fraction))
    for bands in (native_bands(native, decoded), square_bands(native, decoded)):
        assert np.allclose(bands.weights.sum(axis=1), 1)
        assert bands.weights.min() > -1e-12


@given(native=st.integers(1, 3000), block=st.integers(1, 9))
def test_every_band_lies_within_the_line(native, block):
    decoded = -(-native // block)
    for bands in (native_bands(native, decoded), square_bands(native, decoded)):
        assert bands.starts.min() >= 0
        assert bands.starts.max() + bands.weights.shape[1] <= decoded


@pytest.mark.parametrize("block", [2, 4, 8])
@pytest.mark.parametrize("native", [1024, 1030, 777])
def test_a_block_of_pixels_weighs_as_much_as_its_pixels_together(native, block):
    decoded = -(-native // block)
    full = matrix(native_bands(native, native), native)
    wanted = np.add.reduceat(full, np.arange(0, native, block), axis=1)
    assert np.allclose(matrix(native_bands(native, decoded), decoded), wanted, atol=1e-12)


def test_the_square_convention_is_an_area_filter_before_the_same_bands():
    area = np.kron(np.eye(SQUARE), np.full((1, 3), 1 / 3))
    wanted = matrix(native_bands(SQUARE, SQUARE), SQUARE) @ area
    assert np.allclose(matrix(square_bands(3 * SQUARE, 3 * SQUARE), 3 * SQUARE), wanted, atol=1e-12)


def test_a_line_shorter_than_512_pixels_is_spread_evenly():
    bands = matrix(square_bands(4, 4), 4)
    assert np.allclose(bands.sum(axis=0), 16, atol=0.1)


def test_grouped_weights_are_the_same_with_zeros_up_to_whole_groups():
    bands = native_bands(900, 900)
    width = bands.weights.shape[1]
    assert bands.grouped.shape[1] % GROUP == 0
    assert np.allclose(bands.grouped[:, :width], bands.weights, atol=1e-7)
    assert not bands.grouped[:, width:].any()


def test_bands_that_are_shared_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        native_bands(300, 300).weights[0, 0] = 1
