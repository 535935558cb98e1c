import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from media import (
    ORIENTATION,
    TURNS,
    animated,
    encoded,
    gif,
    png,
    png_chunk,
    quarters,
    tiff_claiming,
    turned,
)
from tocsin.decoding import image
from tocsin.decoding.base import Limits
from tocsin.decoding.samples import SAMPLES
from tocsin.decoding.wire import FORMATS, Pictures, Refusal

LIMITS = Limits()
TIFF = encoded(quarters(), "TIFF")
TURNED = {
    "JPEG": {"quality": 95},
    "PNG": {},
    "WEBP": {"lossless": True},
    "TIFF": {},
    "AVIF": {"quality": 95},
}
"""Formats that can say how they are to be turned, and how to write them well."""


def read(data: bytes, limits: Limits = LIMITS, *, exact: bool = False) -> Pictures:
    answer = image.read(data, limits, exact=exact)
    assert isinstance(answer, Pictures), answer
    return answer


def refused(data: bytes, limits: Limits = LIMITS) -> str:
    answer = image.read(data, limits)
    assert isinstance(answer, Refusal), answer
    return answer.obstacle


def array(answer: Pictures, number: int = 0) -> np.ndarray:
    shape = answer.shapes[number]
    size = (shape.height, shape.width, shape.channels)
    return np.frombuffer(answer.pixels[number], np.uint8).reshape(size).squeeze()


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("exact", [False, True])
def test_every_format_is_read(form, exact):
    if form == "heic":
        pytest.importorskip("pi_heif")
    answer = read(SAMPLES[form], exact=exact)
    assert answer.format == form
    assert [len(one) for one in answer.pixels] == [one.pixel_bytes for one in answer.shapes]


def test_heic_without_its_decoder_is_an_unknown_format(monkeypatch):
    monkeypatch.setattr(image, "pi_heif", None)
    assert refused(SAMPLES["heic"]) == "unknown_format"


@pytest.mark.parametrize("form", TURNED)
@pytest.mark.parametrize("turn", TURNS)
def test_pictures_come_upright_with_their_native_size(form, turn):
    exif = Image.Exif()
    exif[ORIENTATION] = turn
    answer = read(encoded(turned(quarters(), turn), form, exif=exif, **TURNED[form]), exact=True)
    assert (answer.shapes[0].native_width, answer.shapes[0].native_height) == quarters().size
    middles = np.s_[8::16, 8::16]
    shown, meant = array(answer)[middles], np.asarray(quarters())[middles]
    assert np.abs(shown.astype(int) - meant).max() <= 8


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "jpeg"])
def test_every_page_of_a_tiff_is_turned_as_it_says(compression):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    page = turned(quarters(), 6)
    pages = {"save_all": True, "append_images": [page, page]}
    answer = read(encoded(page, "TIFF", exif=exif, compression=compression, **pages))
    assert [(shape.width, shape.height) for shape in answer.shapes] == [quarters().size] * 3


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize(
    ("native", "decoded"),
    [
        ((400, 300), (400, 300)),
        ((1023, 1030), (1023, 1030)),
        ((1024, 1030), (512, 515)),
        ((2049, 2100), (513, 525)),
        ((4000, 600), (4000, 600)),
    ],
)
def test_a_jpeg_is_decoded_at_a_fraction_that_keeps_512_pixels(mode, native, decoded):
    shape = read(encoded(Image.new(mode, native), "JPEG")).shapes[0]
    assert (shape.width, shape.height, shape.channels) == (*decoded, 1)
    assert (shape.native_width, shape.native_height) == native


def test_a_reduced_jpeg_is_upright_too():
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    shape = read(encoded(Image.new("L", (2048, 1100)), "JPEG", exif=exif)).shapes[0]
    assert (shape.width, shape.height) == (550, 1024)
    assert (shape.native_width, shape.native_height) == (1100, 2048)


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF"])
def test_other_large_pictures_are_reduced_unless_every_pixel_is_wanted(form):
    data = encoded(Image.new("RGB", (4100, 2100)), form)
    assert array(read(data)).shape == (1050, 2050)
    assert array(read(data, exact=True)).shape == (2100, 4100, 3)


def test_luma_of_a_jpeg_is_within_a_step_of_that_of_its_colours():
    ramp = Image.linear_gradient("L")
    colours = Image.merge("RGB", (ramp, ramp.rotate(90), ramp.rotate(180)))
    data = encoded(colours, "JPEG", quality=95)
    luma = array(read(data, exact=True)) @ (0.299, 0.587, 0.114)
    assert np.abs(array(read(data)) - luma).max() <= 3


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_cmyk_looks_like_the_colours_it_prints(form):
    cyan = encoded(Image.new("CMYK", (16, 16), (255, 0, 0, 0)), form)
    assert np.abs(array(read(cyan, exact=True))[8, 8].astype(int) - (0, 255, 255)).max() <= 3


def test_a_deep_png_is_scaled_and_not_clipped():
    deep = Image.new("I;16", (2, 1), 0x8000)
    assert array(read(encoded(deep, "PNG"))).tolist() == [128, 128]


def test_a_twelve_bit_tiff_is_scaled_by_its_own_depth():
    packed = Image.frombytes("I;16", (2, 1), b"\x80\x08\x00\x00")  # twice 0x800 in 12 bits
    data = tiff_claiming(encoded(packed, "TIFF"), bits=12)
    assert array(read(data)).tolist() == [128, 128]


def test_a_palette_is_looked_up_with_its_transparency():
    data = encoded(quarters().quantize(4), "PNG", transparency=bytes([0, 255, 255, 255]))
    answer = read(data, exact=True)
    assert [shape.name for shape in answer.shapes] == ["image on white", "image on black"]
    assert {tuple(colour) for colour in array(answer, 1).reshape(-1, 3).tolist()} >= {(0, 0, 0)}


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "AVIF", "TIFF"])
def test_an_animation_shows_its_first_middle_and_last_frame(form):
    answer = read(animated(form, 9), exact=True)
    assert answer.frames == 9
    names = [shape.name for shape in answer.shapes]
    assert names == ["first frame", "middle frame", "last frame"]
    reds = [int(array(answer, number)[0, 0, 0]) for number in range(3)]
    assert np.abs(np.subtract(reds, [0, 4 * 7, 8 * 7])).max() <= 3


def test_an_animation_longer_than_the_cap_is_looked_at_up_to_the_cap():
    answer = read(animated("GIF", 9), Limits(frames=3), exact=True)
    assert answer.frames > 3
    assert [int(array(answer, number)[0, 0, 0]) for number in range(3)] == [0, 7, 14]


def test_a_hundred_thousand_frames_end_within_the_cap():
    assert len(read(gif(100_000)).shapes) == 3


def test_only_the_first_picture_of_a_multi_picture_jpeg_is_looked_at():
    second = encoded(quarters(), "MPO", save_all=True, append_images=[quarters()])
    assert read(second).shapes[0].name == "image"


def test_the_thumbnail_of_a_frame_larger_than_allowed_is_not_loaded():
    small, large = Image.new("L", (8, 8)), Image.new("L", (400, 400))
    data = encoded(small, "TIFF", save_all=True, append_images=[small, large])
    assert refused(data, Limits(pixels=10_000)) == "too_many_pixels"


@pytest.mark.parametrize(
    ("data", "obstacle"),
    [
        (b"", "empty"),
        (b"%!PS-Adobe-3.0", "unknown_format"),
        (b"hello", "unknown_format"),
        (b"\xff\xd8\xff\xe0", "broken"),
        (encoded(quarters(640, 480), "JPEG")[:-400], "broken"),
        (encoded(quarters(), "PNG")[:-40], "broken"),
        (encoded(quarters(), "WEBP")[:-20], "broken"),
        (encoded(quarters(), "AVIF")[:-20], "broken"),
        (encoded(quarters(), "BMP")[:-20], "broken"),
        (encoded(quarters(), "TIFF")[:-20], "broken"),
        (encoded(quarters(), "GIF")[:-40], "broken"),
        (png(65_535, 65_535), "too_many_pixels"),
        (tiff_claiming(TIFF, width=100_000, height=100_000), "too_many_pixels"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(data, obstacle):
    assert refused(data) == obstacle


def test_a_file_above_the_limit_is_too_large():
    assert refused(encoded(quarters(), "PNG"), Limits(file_bytes=50)) == "too_large"


def test_a_text_that_swells_when_unpacked_is_refused():
    text = png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(64 << 20)))
    pixels = png_chunk(b"IDAT", zlib.compress(bytes(25 * 8)))
    assert refused(png(8, 8, text, pixels)) == "broken"


@pytest.mark.parametrize("module", ["numpy", "tocsin.model"])
def test_the_zygote_does_without_numpy(module):
    script = f"import sys, tocsin.decoding.zygote; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
