"""A long trial: thousands of pictures of every kind against `pdqhash`, run by `make test-slow`."""

import numpy as np
import pytest

from pictures import RECIPES, luma, made, peer, symmetric
from tocsin.hashing.pdq import pdq
from tocsin.sample import picture


def a_length(random: np.random.Generator, longest: int) -> int:
    """Short lengths are as likely as long ones."""
    return int(np.exp(random.uniform(0, np.log(longest))))


def tiles(random: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A few pixels repeated: most coefficients are nothing but rounding."""
    rows, columns = random.integers(1, 40, 2)
    tile = random.integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    return np.tile(tile, (height // rows + 1, width // columns + 1, 1))[:height, :width]


def gradient(random: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A slope that starts again at 256, in one colour."""
    y, x = np.indices((height, width))
    slope = (x * random.uniform(0, 3) + y * random.uniform(0, 3)) % 256
    return (slope[:, :, None] * random.uniform(0.3, 1, 3)).astype(np.uint8)


def opposite(random: np.random.Generator, height: int, width: int) -> np.ndarray:
    """The right half is the left half's negative, mirrored."""
    pixels = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
    pixels[:, : width // 2] = 255 - pixels[:, ::-1][:, : width // 2]
    return pixels


def a_recipe(random: np.random.Generator, height: int, width: int) -> np.ndarray:
    pixels = made(str(random.choice(sorted(RECIPES))), height, width, int(random.choice([1, 3])))
    return symmetric(pixels) if random.random() < 0.3 else pixels


def like_a_photo(random: np.random.Generator, height: int, width: int) -> np.ndarray:
    drawn = picture(int(random.integers(10_000)), (max(width, 12), max(height, 12)))
    return luma(drawn) if random.random() < 0.5 else np.asarray(drawn)


@pytest.mark.slow
@pytest.mark.parametrize(("longest", "pictures"), [(300, 4000), (1500, 300)])
@pytest.mark.parametrize("kind", [tiles, gradient, opposite, a_recipe, like_a_photo])
def test_no_bit_and_no_quality_differs_from_pdqhash(kind, longest, pictures):
    random = np.random.default_rng(longest)
    differing = []
    for number in range(pictures):
        pixels = kind(random, a_length(random, longest), a_length(random, longest))
        ours, (codes, quality) = pdq(pixels), peer(pixels)
        if (ours.codes != codes).any() or ours.quality != quality:
            differing.append((number, pixels.shape))
    assert differing == []
