from io import BytesIO

import numpy as np
import pdqhash
import pytest
from PIL import Image, ImageOps

from tocsin import sample
from tocsin.model import PDQ_QUALITY_FLOOR, PDQ_RADIUS


def upright(data: bytes) -> np.ndarray:
    """Pixels of a file as a person sees them, RGB."""
    return np.asarray(ImageOps.exif_transpose(Image.open(BytesIO(data))).convert("RGB"))


def distance(one: np.ndarray, other: np.ndarray) -> int:
    """Bits between two pictures, in whichever way the second is turned."""
    hashed, _ = pdqhash.compute(one)
    forms, _ = pdqhash.compute_dihedral(other)
    return min(int((hashed != form).sum()) for form in forms)


def test_the_same_number_makes_the_same_picture():
    assert sample.picture(3).tobytes() == sample.picture(3).tobytes()


def test_a_picture_has_the_size_asked_for():
    assert sample.picture(0, (320, 200)).size == (320, 200)


@pytest.mark.parametrize("number", [0, 1, 1000, 1001])
def test_a_picture_is_rich_enough_to_be_matched(number):
    _, quality = pdqhash.compute(np.asarray(sample.picture(number)))
    assert quality > PDQ_QUALITY_FLOOR


def test_pictures_are_strangers_to_one_another():
    pictures = [np.asarray(sample.picture(number)) for number in (0, 1, 2, 1000, 1001)]
    pairs = [(one, other) for place, one in enumerate(pictures) for other in pictures[:place]]
    assert min(distance(*pair) for pair in pairs) > 2 * PDQ_RADIUS


@pytest.mark.parametrize("name", sample.ALTERATIONS)
def test_an_altered_copy_is_another_file_that_looks_the_same(name):
    original = sample.picture(0)
    data = sample.ALTERATIONS[name](original)
    assert data != sample.encode(original, "PNG") or name == "lossless.png"
    assert distance(np.asarray(original), upright(data)) <= PDQ_RADIUS


def test_the_exif_turned_copy_lies_on_its_side_in_the_file():
    original = sample.picture(0)
    stored = Image.open(BytesIO(sample.ALTERATIONS["exif-turned.jpg"](original)))
    assert stored.size == original.size[::-1]


def test_a_sample_is_written_where_it_says(tmp_path):
    written = sample.write(tmp_path, known=2, strangers=1)
    sizes = [len(written.known), len(written.altered), len(written.strangers)]
    assert sizes == [2, len(sample.ALTERATIONS), 1]
    assert all(path.is_file() for path in (*written.known, *written.altered, *written.strangers))


def test_writing_a_sample_again_changes_nothing(tmp_path):
    first = {path: path.read_bytes() for path in sample.write(tmp_path).altered}
    second = {path: path.read_bytes() for path in sample.write(tmp_path).altered}
    assert first == second
