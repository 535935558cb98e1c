"""Where python-threatexchange agrees with us bit for bit, and where it goes wrong."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from threatexchange.signal_type.pdq.pdq_hasher import pdq_from_bytes
from threatexchange.signal_type.pdq.signal import PdqSignal

from pictures import apart, luma
from tocsin.decoding.base import Limits
from tocsin.decoding.image import read
from tocsin.hashing.pdq import pdq
from tocsin.model import PDQ_QUALITY_FLOOR, PDQ_RADIUS
from tocsin.sample import encode, picture

ORIENTATION = 0x0112


def ours(data: bytes) -> np.ndarray:
    """The upright code of a file as we decode it, every pixel of it."""
    pictures = read(data, Limits(), exact=True)
    shape = pictures.shapes[0]
    sides = (shape.height, shape.width, *([3] if shape.channels == 3 else []))
    return pdq(np.frombuffer(pictures.pixels[0], np.uint8).reshape(sides)).codes[0]


def theirs(data: bytes) -> np.ndarray:
    code, _ = pdq_from_bytes(data)
    return np.frombuffer(bytes.fromhex(code), np.uint8)


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_colour_or_grey_file_has_the_signal_of_threatexchange(number, mode):
    data = encode(picture(number, (500, 401)).convert(mode), "PNG")
    assert ours(data).tobytes().hex() == PdqSignal.hash_from_bytes(data)


def test_the_quality_is_that_of_threatexchange_too():
    pixels = np.asarray(picture(4))
    assert pdq(pixels).quality == pdq_from_bytes(encode(picture(4), "PNG"))[1]


def palette(image: Image.Image) -> bytes:
    return encode(image.quantize(), "GIF")


def four_inks(image: Image.Image) -> bytes:
    return encode(image.convert("CMYK"), "JPEG", quality=95)


def lying_on_its_side(image: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = 8
    turned = image.transpose(Image.Transpose.ROTATE_270)
    return encode(turned, "JPEG", quality=95, exif=exif)


@pytest.mark.parametrize("save", [palette, four_inks, lying_on_its_side])
def test_files_that_threatexchange_misreads_match_their_picture_with_us(save):
    image = picture(5)
    plain = pdq(luma(image)).codes[0]
    assert apart(theirs(save(image)), plain) > PDQ_RADIUS
    assert apart(ours(save(image)), plain) <= PDQ_RADIUS // 2


def test_too_little_to_match_on_is_a_quality_with_us_and_an_empty_string_with_them():
    data = encode(Image.new("RGB", (300, 300), (90, 90, 90)), "PNG")
    assert PdqSignal.hash_from_bytes(data) == ""
    assert pdq(np.asarray(Image.open(BytesIO(data)))).quality < PDQ_QUALITY_FLOOR
