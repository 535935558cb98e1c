import pytest

from tocsin.bench.hash import run
from tocsin.errors import InvalidInput
from tocsin.sample import picture

FIGURES = {"size_px", "ours_ms", "peer_ms", "ratio", "bits_differing_max"}


@pytest.mark.parametrize("decode", [False, True])
def test_a_run_prints_both_sides_and_how_far_they_are_apart(decode):
    result = run(160, decode=decode, images=2)
    assert result.keys() >= FIGURES
    assert result["size_px"] == 160
    assert result["ratio"] == pytest.approx(result["peer_ms"] / result["ours_ms"], abs=0.06)


def test_the_kernel_differs_from_pdqhash_in_no_bit():
    assert run(200, decode=False, images=2)["bits_differing_max"] == 0


def test_the_whole_way_differs_from_a_full_decode_in_few_bits():
    assert run(640, decode=True, images=2)["bits_differing_max"] <= 8


def test_pictures_of_a_folder_are_measured_instead(tmp_path):
    picture(0).save(tmp_path / "one.jpg")
    (tmp_path / "notes.txt").write_text("no picture")
    assert run(100, decode=False, corpus=tmp_path)["images"] == 1


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(InvalidInput):
        run(100, decode=False, corpus=tmp_path)
