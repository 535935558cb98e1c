import numpy as np
import pytest
from PIL import ImageOps

from pictures import luma, made, plane
from tocsin.hashing.pdq import DIHEDRAL, pdq_512, pdq_native
from tocsin.hashing.views import file_views, item_signals, plane_views
from tocsin.model import Decoded, Obstacle, SignalType, Undecodable
from tocsin.sample import picture

PHOTO = plane(luma(picture(30)))


def names(*planes) -> list[str]:
    return [view.name for view in plane_views(planes)]


def test_a_file_is_read_once_for_each_file_hash():
    views = file_views(b"abc")
    assert [(view.name, view.type) for view in views] == [
        ("file", SignalType.SHA256),
        ("file", SignalType.SHA1),
        ("file", SignalType.MD5),
    ]


def test_the_likeliest_readings_of_a_picture_come_first():
    assert names(PHOTO)[:4] == [
        "image native",
        "image 512",
        "image native mirrored",
        "image 512 mirrored",
    ]


def test_a_picture_is_read_in_both_conventions_and_all_eight_forms():
    wanted = {
        f"image {convention} {form}".removesuffix(" upright")
        for convention in ("native", "512")
        for form in DIHEDRAL
    }
    assert set(names(PHOTO)) == wanted


@pytest.mark.parametrize("place", range(8))
def test_a_view_has_the_code_and_quality_that_its_name_says(place):
    by_name = {view.name: view.signal for view in plane_views((PHOTO,))}
    for convention, hashed in (("native", pdq_native(PHOTO)), ("512", pdq_512(PHOTO))):
        signal = by_name[f"image {convention} {DIHEDRAL[place]}".removesuffix(" upright")]
        assert signal.value == hashed.codes[place].tobytes()
        assert signal.quality == hashed.quality


def test_of_views_with_one_code_the_first_is_kept():
    square = plane(luma(picture(31, (512, 512))))
    views = plane_views((square,))
    assert len({view.code for view in views}) == len(views) == 8
    assert all("native" in view.name for view in views)


def test_a_picture_of_low_quality_is_still_a_view_and_says_so():
    views = plane_views((plane(made("flat", 200, 300)),))
    assert {view.quality for view in views} == {0}


def test_a_frame_around_a_picture_adds_views_of_what_is_inside():
    framed = plane(luma(ImageOps.expand(picture(30), 60, fill=(9, 9, 9))))
    trimmed = [view for view in plane_views((framed,)) if "trimmed" in view.name]
    assert [view.name for view in trimmed] == [
        "image trimmed native",
        "image trimmed 512",
        "image trimmed native mirrored",
        "image trimmed 512 mirrored",
    ]
    assert trimmed[0].code == pdq_native(PHOTO).codes[0].tobytes()


def test_a_frame_around_nothing_worth_matching_adds_none():
    blank = np.zeros((400, 400), np.uint8)
    blank[100:300, 100:300] = 60
    blank[100, 100] = 0
    assert not [name for name in names(plane(blank)) if "trimmed" in name]


def test_planes_follow_one_another_under_their_own_names():
    first, last = plane(luma(picture(32)), "first frame"), plane(luma(picture(33)), "last frame")
    found = names(first, last)
    assert found[:16] == [one.replace("last", "first") for one in found[16:]]


def test_an_own_item_is_stored_as_file_hashes_and_the_512_hash_of_each_picture():
    other = plane(luma(picture(34)), "last frame")
    signals = item_signals(b"abc", Decoded("gif", 2, (PHOTO, other)))
    assert [one.type for one in signals] == [
        SignalType.SHA256,
        SignalType.MD5,
        SignalType.PDQ,
        SignalType.PDQ,
    ]
    assert signals[2].value == pdq_512(PHOTO).codes[0].tobytes()
    assert signals[2].quality == pdq_512(PHOTO).quality


def test_frames_that_look_the_same_are_stored_once():
    decoded = Decoded("gif", 2, (plane(PHOTO.pixels, "first frame"), plane(PHOTO.pixels, "last")))
    assert len(item_signals(b"abc", decoded)) == 3


def test_an_item_that_cannot_be_decoded_is_stored_as_file_hashes_alone():
    signals = item_signals(b"abc", Undecodable(Obstacle.BROKEN, "it is broken"))
    assert [one.type for one in signals] == [SignalType.SHA256, SignalType.MD5]
