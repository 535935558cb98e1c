import hashlib

import numpy as np
import pdqhash
import pytest
from PIL import Image


@pytest.fixture
def hashed(tocsin):
    """Hash files; give the signals of the first by type and view."""

    def call(*arguments):
        line = tocsin("hash", *arguments, "--json").lines[0]
        return {(one["type"], one["view"]): one for one in line["signals"]}

    return call


def test_the_hashes_of_the_file_are_those_of_its_bytes(hashed, media):
    data = media.known[0].read_bytes()
    found = hashed(media.known[0])
    for name in ("md5", "sha1", "sha256"):
        assert found[name, "file"]["signal"] == hashlib.new(name, data).hexdigest()


def test_native_pdq_is_that_of_the_reference_on_the_same_pixels(hashed, media):
    bits, quality = pdqhash.compute(np.asarray(Image.open(media.known[0])))
    found = hashed(media.known[0])["pdq", "image native"]
    assert found["signal"] == np.packbits(bits).tobytes().hex()
    assert found["quality"] == quality


def test_all_views_hold_every_turn_of_the_picture(hashed, media):
    forms, _ = pdqhash.compute_dihedral(np.asarray(Image.open(media.known[0])))
    found = {one["signal"] for one in hashed(media.known[0], "--all").values()}
    assert {np.packbits(form).tobytes().hex() for form in forms} <= found


def test_without_all_only_the_picture_as_it_is_is_shown(hashed, media):
    views = {view for type_, view in hashed(media.known[0]) if type_ == "pdq"}
    assert views <= {"image native", "image 512"}


def test_people_see_a_table_for_each_file(tocsin, media):
    out = tocsin("hash", *media.known).out
    assert all(str(path) in out for path in media.known)


def test_a_file_that_is_no_picture_has_its_file_hashes_and_ends_with_1(tocsin, tmp_path):
    (tmp_path / "text.txt").write_text("text")
    answer = tocsin("hash", tmp_path / "text.txt", "--json")
    assert answer.code == 1
    assert len(answer.lines[0]["signals"]) == 3
    assert answer.lines[0]["obstacle"]


def test_hashing_makes_no_data_folder(tocsin, media, data):
    tocsin("hash", media.known[0])
    assert not data.exists()


def test_a_copy_is_a_match_and_a_stranger_is_not(tocsin, media):
    mirrored = next(path for path in media.altered if "copy-0-mirrored" in path.name)
    (copy,) = tocsin("compare", media.known[0], mirrored, "--json").lines
    (other,) = tocsin("compare", media.known[0], media.strangers[0], "--json").lines
    assert (copy["match"], other["match"]) == (True, False)
    assert "mirrored" in copy["view"]


def test_hashes_are_compared_bit_by_bit(tocsin):
    (line,) = tocsin("compare", "0" * 64, "f" + "0" * 63, "--radius=3", "--json").lines
    assert (line["distance"], line["match"]) == (4, False)


def test_people_read_a_sentence(tocsin):
    assert tocsin("compare", "0" * 64, "F" * 64).out.startswith("256 bits apart")


@pytest.mark.parametrize("wrong", ["g" * 64, "nosuch.jpg"])
def test_what_cannot_be_compared_is_refused(tocsin, wrong):
    assert tocsin("compare", wrong, "0" * 64).code == 2
