import math
from io import BytesIO

import pytest
from PIL import Image

from media import animated, colours, encoded, gif
from tocsin.decoding import frames

FORMS = {"gif": "GIF", "webp": "WEBP", "png": "PNG", "avif": "AVIF", "tiff": "TIFF"}


def looked_at(form: str, data: bytes, end: int, until: float = math.inf) -> list[tuple[str, int]]:
    with Image.open(BytesIO(data)) as im:
        return [(name, im.tell()) for name in frames.chosen(im, form, end, im.load, until)]


def counted(form: str, data: bytes, cap: int = 1_000) -> int:
    with Image.open(BytesIO(data)) as im:
        return frames.count(im, form, data, cap)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("number", [1, 2, 9])
def test_frames_are_counted_in_every_format(form, number):
    assert counted(form, animated(FORMS[form], number)) == number


@pytest.mark.parametrize("form", FORMS)
def test_the_first_middle_and_last_frame_are_looked_at(form):
    assert looked_at(form, animated(FORMS[form], 9), 9) == [
        ("first frame", 0),
        ("middle frame", 4),
        ("last frame", 8),
    ]


def test_one_frame_is_just_an_image():
    assert looked_at("gif", animated("GIF", 1), 1) == [("image", 0)]


def test_two_frames_have_no_middle():
    assert looked_at("gif", animated("GIF", 2), 2) == [("first frame", 0), ("last frame", 1)]


def test_when_time_is_up_only_the_first_frame_is_looked_at():
    assert looked_at("gif", animated("GIF", 9), 9, until=-1) == [("first frame", 0)]


@pytest.mark.parametrize("form", ["gif", "png", "tiff"])
def test_a_file_with_fewer_frames_than_it_says_ends_with_its_last(form):
    seen = looked_at(form, animated(FORMS[form], 3), 9)
    assert seen[0] == ("first frame", 0)
    assert seen[-1] == ("last frame", 2)


@pytest.mark.parametrize(("form", "make"), [("gif", "GIF"), ("tiff", "TIFF")])
def test_counting_stops_one_past_the_cap(form, make):
    assert counted(form, animated(make, 9), cap=5) == 6


def test_counting_a_hundred_thousand_frames_decodes_none():
    assert frames.gif_frames(gif(100_000), 200_000) == 100_000


@pytest.mark.parametrize("cut", [0, 5, 13, 25, 40])
def test_counting_a_truncated_gif_ends(cut):
    assert frames.gif_frames(animated("GIF", 3)[:cut], 10) in (0, 1)


def test_a_gif_is_counted_with_local_colours_comments_and_filler():
    first, second = (im.quantize(256) for im in colours(2))
    data = encoded(first, "GIF", save_all=True, append_images=[second], comment=b"hello")
    assert frames.gif_frames(data[:-1] + b"\0\0" + data[-1:], 10) == 2


@pytest.mark.parametrize("form", ["jpeg", "bmp", "heic"])
def test_further_pictures_that_no_viewer_shows_are_not_looked_at(form):
    first, second = colours(2)
    data = encoded(first, "MPO", save_all=True, append_images=[second])
    assert counted(form, data) == 1
