import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from media import encoded
from tocsin.decoding.magic import HEAD_BYTES, identify
from tocsin.decoding.samples import SAMPLES
from tocsin.decoding.wire import FORMATS, OBSTACLES, Refusal

FTYP = b"\0\0\0\x1cftyp"


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_of_each_format_is_known_by_its_first_bytes(form):
    assert identify(SAMPLES[form]) == form


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript"),
        (b"\xc5\xd0\xd3\xc6\x20\0\0\0", "PostScript"),
        (b"%PDF-1.7", "PDF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", "SVG"),
        (b"\n  <svg>", "SVG"),
        (b"<?xml version='1.0'?>", "XML"),
        (b"8BPS\0\1", "Photoshop"),
        (b"\0\0\1\0\1\0", "icon"),
        (b"PK\x03\x04", "ZIP"),
        (b"P6 1 1 255 abc", "unknown"),
        (b"\x00\x00\x00\x0cjP  \r\n", "unknown"),
        (b"#define x_width 8", "unknown"),
    ],
)
def test_everything_else_is_refused_by_name(head, name):
    refusal = identify(head.ljust(HEAD_BYTES, b"\0"))
    assert isinstance(refusal, Refusal)
    assert refusal.obstacle == "unknown_format"
    assert name in refusal.detail


def test_no_bytes_are_an_empty_file():
    assert identify(b"").obstacle == "empty"


@pytest.mark.parametrize(
    ("brands", "form"),
    [
        (b"avif\0\0\0\0avifmif1", "avif"),
        (b"avis\0\0\0\0avis", "avif"),
        (b"mif1\0\0\0\0mif1avif", "avif"),
        (b"heic\0\0\0\0mif1heic", "heic"),
        (b"mif1\0\0\0\0heicmif1", "heic"),
    ],
)
def test_relatives_of_heif_are_told_apart_by_their_brands(brands, form):
    size = (8 + len(brands)).to_bytes(4, "big")
    assert identify(size + b"ftyp" + brands + b"\0" * 64) == form


@pytest.mark.parametrize("major", [b"isom", b"mp42", b"qt  ", b"M4A "])
def test_a_video_is_no_picture_even_with_a_picture_brand(major):
    assert identify(FTYP + major + b"\0\0\0\0avifheicmif1").obstacle == "unknown_format"


def test_a_brand_behind_the_end_of_its_box_does_not_count():
    head = b"\0\0\0\x14ftypmif1\0\0\0\0mif1" + b"avif"
    assert identify(head).obstacle == "unknown_format"


def test_two_letters_do_not_make_a_bitmap():
    assert identify(b"BMW is a car maker, and this is a text").obstacle == "unknown_format"


def test_a_riff_file_that_is_a_sound_is_no_picture():
    assert identify(b"RIFF\x24\0\0\0WAVEfmt ").obstacle == "unknown_format"


def test_a_polyglot_is_what_its_first_bytes_say():
    picture = encoded(Image.new("RGB", (8, 8)), "JPEG")
    assert identify(picture + b"%!PS-Adobe-3.0 EPSF-3.0") == "jpeg"
    assert identify(b"%!PS-Adobe-3.0 EPSF-3.0\n" + picture).obstacle == "unknown_format"


@given(st.binary(max_size=64))
def test_any_bytes_have_a_format_or_a_reason(data):
    found = identify(data)
    assert found in FORMATS if isinstance(found, str) else found.obstacle in OBSTACLES
