import numpy as np
import pytest
from PIL import Image, ImageOps

from pictures import apart, jpeg_decoded, luma, made, plane
from tocsin.hashing.border import LEAST_SIDE, trimmed
from tocsin.hashing.pdq import pdq_512
from tocsin.sample import picture

LETTERBOX = (0, 60, 0, 60)
FRAME = (40, 40, 40, 40)


def framed(border: tuple[int, int, int, int], colour: tuple[int, int, int]) -> Image.Image:
    return ImageOps.expand(picture(20), border, fill=colour)


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (200, 30, 40)])
@pytest.mark.parametrize("border", [LETTERBOX, FRAME, (100, 0, 30, 0)], ids=str)
def test_a_border_of_any_colour_is_taken_off_to_the_pixel(border, colour):
    inner = trimmed(plane(luma(framed(border, colour))))
    assert (inner.pixels == luma(picture(20))).all()


@pytest.mark.parametrize("quality", [95, 75, 60])
def test_after_jpeg_what_is_left_still_matches_the_picture(quality):
    inner = trimmed(plane(jpeg_decoded(framed(FRAME, (20, 60, 30)), quality)))
    original = pdq_512(plane(luma(picture(20))))
    assert apart(pdq_512(inner).codes[0], original.codes[0]) <= 20


def test_a_coloured_border_is_found_in_colour_too():
    inner = trimmed(plane(np.asarray(framed(FRAME, (250, 10, 10)))))
    assert (inner.pixels == np.asarray(picture(20))).all()


def test_the_native_size_shrinks_in_proportion():
    pixels = luma(framed((40, 80, 40, 80), (0, 0, 0)))
    inner = trimmed(plane(pixels, native=(pixels.shape[0] * 4, pixels.shape[1] * 4)))
    assert (inner.native_height, inner.native_width) == (480 * 4, 640 * 4)
    assert inner.name == "image trimmed"


def test_a_picture_without_a_border_stays_whole():
    assert trimmed(plane(luma(picture(21)))) is None


def test_a_line_too_thin_to_matter_to_pdq_is_left_on():
    assert trimmed(plane(luma(framed((0, 2, 0, 2), (0, 0, 0))))) is None


def test_a_picture_of_one_colour_is_not_all_border():
    assert trimmed(plane(made("flat", 300, 300))) is None


def test_what_is_left_is_never_smaller_than_pdq_s_grid():
    pixels = np.zeros((400, 400), np.uint8)
    pixels[100 : 100 + LEAST_SIDE, 100:300] = made("noise", LEAST_SIDE, 200)
    assert trimmed(plane(pixels)).pixels.shape[0] == LEAST_SIDE
    assert trimmed(plane(pixels[1:, :][: 100 + LEAST_SIDE - 2])) is None
