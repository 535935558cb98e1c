import json

import pytest

from tocsin import sample
from tocsin.app import benign_folder
from tocsin.config import load
from tocsin.trust.benign import BenignCorpus


@pytest.fixture
def photos(tmp_path):
    """Two pictures that anybody may show, and their folder."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in (70, 71):
        content = sample.encode(sample.picture(number, (320, 240)), "JPEG", quality=90)
        (folder / f"{number}.jpg").write_bytes(content)
    return folder


@pytest.fixture
def corpus(tocsin, photos):
    (told,) = tocsin("benign", "add", photos, "--json").lines
    return told


def copy(folder, number, **options):
    path = folder / f"copy-{number}.png"
    path.write_bytes(sample.encode(sample.picture(number, (320, 240)), "PNG", **options))
    return path


def test_pictures_are_added_once_with_the_bound_they_are_worth(tocsin, photos, corpus):
    assert (corpus["added"], corpus["known"], corpus["media"]) == (2, 0, 2)
    (again,) = tocsin("benign", "add", photos, "--json").lines
    assert (again["added"], again["known"], again["media"]) == (0, 2, 2)
    assert again["bound"] == 1.0


def test_the_bound_is_three_over_the_number_of_media(tocsin, corpus, tmp_path):
    for number in range(6):
        copy(tmp_path, number)
    tocsin("benign", "add", *tmp_path.glob("copy-*"))
    (told,) = tocsin("benign", "show", "--json").lines
    assert (told["media"], told["bound"]) == (8, 3 / 8)
    assert "8 media" in tocsin("benign", "show").out


def test_a_copy_of_something_harmless_is_known_and_a_stranger_is_not(tocsin, corpus, tmp_path):
    (same,) = tocsin("benign", "check", copy(tmp_path, 70), "--json").lines
    (other,) = tocsin("benign", "check", copy(tmp_path, 99), "--json").lines
    assert (same["outcome"], other["outcome"]) == ("benign", "sound")
    assert tocsin("benign", "check", tmp_path / "copy-70.png").out.startswith("benign: ")


def test_a_hash_is_checked_without_a_file(tocsin, corpus, photos):
    (line,) = tocsin("hash", photos / "70.jpg", "--json").lines
    for type_ in ("pdq", "sha256"):
        text = next(one["signal"] for one in line["signals"] if one["type"] == type_)
        assert tocsin("benign", "check", text, "--json").lines[0]["outcome"] == "benign"


@pytest.mark.parametrize(("options", "code"), [([], 0), (["--strict"], 4)])
def test_what_cannot_be_decoded_is_left_out_and_does_not_count(
    tocsin, photos, tmp_path, options, code
):
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    answer = tocsin("benign", "add", photos, *options, "--json")
    assert (answer.code, answer.lines[0]["media"]) == (code, 2)
    assert "broken.jpg: left out" in answer.err


def test_the_first_pictures_say_that_a_serving_node_must_be_restarted(tocsin, photos):
    assert "restarted" in tocsin("benign", "add", photos).err
    assert "restarted" not in tocsin("benign", "add", photos).err


@pytest.mark.parametrize("command", [["show"], ["check", "a" * 64]])
def test_without_a_corpus_one_is_told_how_to_begin(tocsin, command):
    answer = tocsin("benign", *command)
    assert answer.code == 1
    assert "tocsin benign add" in answer.err


def test_what_is_no_picture_cannot_be_checked(tocsin, corpus, tmp_path):
    (tmp_path / "text.txt").write_text(json.dumps({}))
    assert tocsin("benign", "check", tmp_path / "text.txt").code == 2


def test_a_node_uses_the_corpus_that_was_added(corpus, data):
    with BenignCorpus(benign_folder(load({}, data=data)), writer=False) as opened:
        assert len(opened) == 2
