import math

import numpy as np
import pytest
from PIL import Image

from media import ORIENTATION, TURNS, quarters, turned
from tocsin.decoding import pixels


def flat(im: Image.Image, *, colour: bool = False) -> dict[str, np.ndarray]:
    return {name: np.asarray(one) for name, one in pixels.flattened(im, colour=colour)}


def grey(mode: str, *values: float) -> Image.Image:
    im = Image.new(mode, (len(values), 1))
    for x, value in enumerate(values):
        im.putpixel((x, 0), value)
    return im


@pytest.mark.parametrize("turn", TURNS)
def test_every_orientation_is_undone(turn):
    shown = pixels.upright(turned(quarters(), turn), turn)
    assert np.array_equal(shown, quarters())


@pytest.mark.parametrize("value", [0, 9, 65535, "left", (6, 6), None])
def test_a_nonsense_orientation_counts_as_upright(value):
    im = quarters()
    im.getexif()[ORIENTATION] = value
    im.info["exif"] = b""
    assert pixels.orientation(im) == 1


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_broken_exif_block_does_not_hide_the_picture():
    im = quarters()
    im.info["exif"] = b"Exif\0\0II*\0\xff\xff\xff\xff"
    assert pixels.orientation(im) == 1


def test_an_orientation_given_in_xmp_only_counts():
    im = quarters()
    im.info["xmp"] = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    assert pixels.orientation(im) == 6


@pytest.mark.parametrize(
    ("size", "reduced"),
    [
        ((2048, 2048), (2048, 2048)),
        ((2049, 2048), (1025, 1024)),
        ((4000, 3000), (2000, 1500)),
        ((9000, 1000), (9000, 1000)),
        ((90_000, 1_000), (15_000, 1_000)),
        ((700, 60_000), (700, 20_000)),
        ((16_000, 4_096), (4_000, 1_024)),
        ((9400, 9400), (1045, 1045)),
        ((100, 30), (100, 30)),
    ],
)
def test_large_pictures_are_reduced_by_whole_factors(size, reduced):
    assert pixels.reduced(Image.new("L", size)).size == reduced


@pytest.mark.parametrize("mode", ["RGB", "P", "CMYK", "YCbCr", "RGBX", "HSV", "RGBA", "RGBa", "PA"])
def test_colour_modes_end_as_rgb(mode):
    im = quarters(mode="RGBA" if mode == "RGBa" else "RGB").convert(mode)
    shown = flat(im, colour=True)
    assert list(shown) == [""]
    assert np.abs(shown[""].astype(int) - np.asarray(quarters()).astype(int)).max() <= 2


@pytest.mark.parametrize("mode", ["1", "L", "I", "F", "I;16"])
def test_grey_modes_end_as_luma_even_where_colour_is_asked_for(mode):
    assert flat(Image.new(mode, (4, 3)), colour=True)[""].shape == (3, 4)


def test_luma_is_that_of_the_jpeg_standard():
    assert flat(Image.new("RGB", (1, 1), (255, 0, 0)))[""] == 76
    assert flat(Image.new("RGB", (1, 1), (0, 255, 0)))[""] == 150


def test_sixteen_bits_keep_their_high_byte():
    shown = flat(grey("I;16", 0, 255, 256, 300, 32768, 65535))[""]
    assert shown.tolist() == [[0, 0, 1, 1, 128, 255]]


@pytest.mark.parametrize(
    ("mode", "values", "shown"),
    [
        ("I", (0, 100, 255), (0, 100, 255)),
        ("I", (0, 32768, 65535), (0, 128, 255)),
        ("I", (0, 500_000, 1_000_000), (0, 127, 255)),
        ("I", (-100, 0, 100), (0, 127, 255)),
        ("F", (0.0, 0.5, 1.0), (0, 127, 255)),
        ("F", (0.0, 100.0, 255.0), (0, 100, 255)),
        ("F", (-1.0, 0.0, 1.0), (0, 127, 255)),
    ],
)
def test_deep_greys_keep_the_range_of_the_next_common_depth(mode, values, shown):
    assert np.abs(flat(grey(mode, *values))[""][0].astype(int) - shown).max() <= 1


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_no_numbers_do_no_harm(value):
    assert flat(grey("F", 0.5, value))[""].shape == (1, 2)


def test_transparency_is_shown_on_white_and_on_black():
    shown = flat(Image.new("LA", (1, 1), (100, 51)))
    assert {name: int(one[0, 0]) for name, one in shown.items()} == {
        " on white": 224,
        " on black": 20,
    }


def test_an_opaque_alpha_channel_makes_one_picture():
    assert list(flat(Image.new("RGBA", (2, 2), (1, 2, 3, 255)))) == [""]


@pytest.mark.parametrize(
    ("mode", "key"), [("L", 7), ("RGB", (7, 7, 7)), ("P", 7), ("P", bytes([0] * 8)), ("I;16", 7)]
)
def test_a_transparent_colour_counts_as_transparency(mode, key):
    im = Image.new(mode, (2, 1), (7, 7, 7) if mode == "RGB" else 7)
    im.info["transparency"] = key
    shown = flat(im)
    assert shown[" on white"].tolist() == [[255, 255]]
    assert shown[" on black"].tolist() == [[0, 0]]


def test_a_transparent_colour_that_no_pixel_has_makes_one_picture():
    im = Image.new("L", (2, 1), 7)
    im.info["transparency"] = 8
    assert list(flat(im)) == [""]
