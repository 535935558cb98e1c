import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pdqhash
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pictures import RECIPES, apart, jpeg_decoded, luma, made, peer, plane, symmetric
from tocsin.errors import InvalidInput
from tocsin.hashing import pdq as module
from tocsin.hashing.pdq import DIHEDRAL, pdq, pdq_512, pdq_native
from tocsin.model import PDQ_RADIUS
from tocsin.sample import picture

VECTORS = json.loads(
    (Path(__file__).parent.parent.parent / "vectors" / "pdq.json").read_text(encoding="utf-8")
)["vectors"]

TURNED = {
    "upright": lambda pixels: pixels,
    "rotated 90": lambda pixels: np.rot90(pixels, 1),
    "rotated 180": lambda pixels: np.rot90(pixels, 2),
    "rotated 270": lambda pixels: np.rot90(pixels, 3),
    "flipped": np.flipud,
    "mirrored": np.fliplr,
    "mirrored rotated 90": lambda pixels: np.rot90(np.fliplr(pixels), 1),
    "mirrored rotated 270": lambda pixels: np.rot90(np.fliplr(pixels), 3),
}
"""What each form means, done to the pixels."""


def same_as_the_peer(pixels: np.ndarray) -> bool:
    ours, (codes, quality) = pdq(pixels), peer(pixels)
    return bool((ours.codes == codes).all()) and ours.quality == quality


@pytest.mark.parametrize(
    "vector", VECTORS, ids=lambda v: "{recipe}-{height}x{width}x{channels}".format(**v)
)
def test_every_vector_comes_out(vector):
    size = vector["height"], vector["width"], vector["channels"]
    hashed = pdq(made(vector["recipe"], *size))
    assert [code.tobytes().hex() for code in hashed.codes] == vector["codes"]
    assert hashed.quality == vector["quality"]


@given(
    recipe=st.sampled_from(sorted(RECIPES)),
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    channels=st.sampled_from([1, 3]),
    turned=st.booleans(),
)
def test_any_size_and_pattern_agrees_with_pdqhash(recipe, height, width, channels, turned):
    pixels = made(recipe, height, width, channels)
    assert same_as_the_peer(symmetric(pixels) if turned else pixels)


@given(seed=st.integers(0, 2**32), height=st.integers(5, 200), width=st.integers(5, 200))
def test_pictures_with_coefficients_that_cancel_out_agree_with_pdqhash(seed, height, width):
    random = np.random.default_rng(seed)
    few = random.integers(0, 256, (int(random.integers(1, 6)), int(random.integers(1, 6)), 3))
    tiled = np.tile(few, (height // few.shape[0] + 1, width // few.shape[1] + 1, 1))
    assert same_as_the_peer(tiled[:height, :width].astype(np.uint8))


@pytest.mark.parametrize("size", [(640, 480), (511, 513), (129, 1000), (1280, 960), (90, 2600)])
@pytest.mark.parametrize("number", range(3))
def test_pictures_like_photos_agree_with_pdqhash(size, number):
    drawn = picture(number, size)
    assert same_as_the_peer(np.asarray(drawn))
    assert same_as_the_peer(luma(drawn))


@pytest.mark.parametrize("side", [1, 2, 3, 4])
def test_a_picture_with_a_side_under_five_pixels_has_no_hash_and_no_quality(side):
    hashed = pdq(made("noise", side, 200))
    assert not hashed.codes.any()
    assert hashed.quality == 0


def test_the_fast_way_alone_is_as_close_to_the_reference_as_it_claims():
    for recipe in RECIPES:
        for height, width in ((130, 260), (257, 700), (900, 400)):
            pixels = made(recipe, height, width, 3)
            rows, channels = module._rows(pixels)
            by, bx = module.native_bands(height, height), module.native_bands(width, width)
            fast = module.shrink(rows, channels, by.starts, by.grouped, bx.starts, bx.weights)
            exact, _ = pdqhash.compute_float(pixels)
            claimed = max(float(fast.max()), 1.0) * module._COEFFICIENT_ERROR
            assert (abs(module.spectrum(fast).ravel() - exact[::-1]) <= claimed).all()


def test_where_the_median_is_a_close_call_the_reference_is_repeated(monkeypatch):
    repeated = []
    real = module.emulate
    monkeypatch.setattr(module, "emulate", lambda *args: repeated.append(args) or real(*args))
    pdq(made("flat", 300, 300))
    assert len(repeated) == 1
    pdq(luma(picture(0)))
    assert len(repeated) == 1


def test_a_nearly_certain_quality_is_not_taken_for_certain():
    samples = np.zeros((64, 64), np.float32)
    samples[:32, :] = 255 * 90 / 64 / 100 * 1.00001
    assert module._quality_certain(samples, 1.0)
    samples[:32, :] = 255 * 45 / 100
    assert not module._quality_certain(samples, 255.0)


@pytest.mark.parametrize("place", range(8))
def test_each_form_is_the_hash_of_the_picture_turned_so(place):
    pixels = luma(picture(5, (512, 512)))
    turned = np.ascontiguousarray(TURNED[DIHEDRAL[place]](pixels))
    distances = [apart(code, pdq(turned).codes[0]) for code in pdq(pixels).codes]
    assert distances[place] == min(distances) <= PDQ_RADIUS < sorted(distances)[1]


def test_a_grey_picture_hashes_like_its_three_equal_channels():
    grey = luma(picture(6))
    assert (pdq(grey).codes == pdq(np.repeat(grey[:, :, None], 3, axis=2)).codes).all()


def test_a_window_into_a_larger_array_hashes_like_its_copy():
    pixels = np.asarray(picture(7))
    window = pixels[10:300:2, 20:500]
    assert (pdq(window).codes == pdq(window.copy()).codes).all()


def test_hashing_leaves_the_caller_s_array_as_it_was():
    pixels = made("noise", 100, 120)
    before = pixels.copy()
    pdq(pixels)
    assert pixels.flags.writeable
    assert (pixels == before).all()


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((9, 9), np.float32),
        np.zeros((9, 9, 4), np.uint8),
        np.zeros((9,), np.uint8),
        np.zeros((0, 9), np.uint8),
        np.zeros((9, 0, 3), np.uint8),
    ],
    ids=["floats", "four channels", "one dimension", "no rows", "no columns"],
)
def test_what_is_not_a_picture_is_refused(pixels):
    with pytest.raises(InvalidInput):
        pdq(pixels)


def test_many_threads_get_the_same_answers_as_one():
    pictures = [made("noise", 60 + 7 * n, 90 + 5 * n, 3) for n in range(24)]
    alone = [pdq(one).codes.tobytes() for one in pictures]
    with ThreadPoolExecutor(4) as pool:
        assert [found.codes.tobytes() for found in pool.map(pdq, pictures)] == alone


class TestNative:
    def test_a_plane_with_all_its_pixels_hashes_exactly(self):
        pixels = luma(picture(8))
        assert (pdq_native(plane(pixels)).codes == pdq(pixels).codes).all()

    @pytest.mark.parametrize("size", [(1280, 960), (1031, 1533), (2000, 1100)])
    def test_a_jpeg_decoded_at_a_fraction_stays_within_a_few_bits_of_pdqhash(self, size):
        drawn = picture(9, size)
        full = np.asarray(drawn)
        reduced = jpeg_decoded(drawn, 90, short_side=512)
        hashed = pdq_native(plane(reduced, native=full.shape[:2]))
        codes, quality = peer(full)
        assert apart(hashed.codes[0], codes[0]) <= 8
        assert abs(hashed.quality - quality) <= 3

    @pytest.mark.parametrize("factor", [2, 3, 5])
    def test_boxes_averaged_before_stay_within_a_few_bits_of_pdqhash(self, factor):
        drawn = picture(10, (1501, 1007)).convert("L")
        reduced = np.asarray(drawn.reduce(factor))
        hashed = pdq_native(plane(reduced, native=(1007, 1501)))
        assert apart(hashed.codes[0], peer(np.asarray(drawn))[0][0]) <= 8

    def test_an_uneven_fraction_is_still_placed_right(self):
        drawn = picture(11, (1000, 750)).convert("L")
        reduced = np.asarray(drawn.resize((700, 525), Image.Resampling.BOX))
        hashed = pdq_native(plane(reduced, native=(750, 1000)))
        assert apart(hashed.codes[0], peer(np.asarray(drawn))[0][0]) <= 12


class TestSquare:
    def test_a_picture_of_512_pixels_is_hashed_exactly(self):
        pixels = np.asarray(picture(12, (512, 512)))
        assert (pdq_512(plane(pixels)).codes == pdq(pixels).codes).all()

    @pytest.mark.parametrize("size", [(1280, 960), (700, 933), (2100, 600), (320, 240), (100, 90)])
    def test_it_is_close_to_resizing_with_pillow_and_hashing_with_pdqhash(self, size):
        drawn = picture(13, size)
        resized = np.asarray(drawn.resize((512, 512), Image.Resampling.BILINEAR))
        assert apart(pdq_512(plane(np.asarray(drawn))).codes[0], peer(resized)[0][0]) <= 8

    def test_a_fraction_of_the_pixels_gives_nearly_the_same_hash(self):
        drawn = picture(14, (1920, 1280))
        whole = pdq_512(plane(luma(drawn)))
        reduced = jpeg_decoded(drawn, 90, short_side=512)
        fraction = pdq_512(plane(reduced, native=(1280, 1920)))
        assert apart(whole.codes[0], fraction.codes[0]) <= 6

    def test_the_same_picture_at_another_size_stays_closer_than_in_the_native_convention(self):
        large = picture(15, (1400, 1000)).convert("L")
        small = np.asarray(large.resize((644, 460), Image.Resampling.BOX))
        square = apart(pdq_512(plane(luma(large))).codes[0], pdq_512(plane(small)).codes[0])
        native = apart(pdq(luma(large)).codes[0], pdq(small).codes[0])
        assert square <= min(6, native)

    @pytest.mark.parametrize("size", [(1, 1), (1, 700), (700, 1), (4, 4)])
    def test_the_smallest_pictures_have_a_hash_of_quality_nothing(self, size):
        assert pdq_512(plane(np.full(size, 9, np.uint8))).quality == 0
