"""A seed that fails can be run again, and fails the same."""

import pytest

from worlds import run


@pytest.mark.parametrize("seed", [3, 17])
def test_a_seed_gives_the_same_run_to_the_byte(seed, tmp_path, template):
    runs = [run(seed, tmp_path / name, template, 40) for name in ("one", "two")]
    assert runs[0] == runs[1]


def test_another_seed_gives_another_run(tmp_path, template):
    runs = [run(seed, tmp_path / str(seed), template, 10) for seed in (1, 2)]
    assert runs[0] != runs[1]
