"""Whatever happens, in whatever order, what must hold of an exchange and its followers holds.

A seed that fails is run again alone: `pytest tests/simulation/test_simulator.py::NAME[17]`.
"""

import pytest

from worlds import run


@pytest.mark.parametrize("seed", range(30))
def test_the_invariants_hold(seed, tmp_path, template):
    run(seed, tmp_path / "world", template, 50)


@pytest.mark.slow
@pytest.mark.parametrize("tens", range(100, 140))
def test_the_invariants_hold_in_hundreds_of_worlds(tens, tmp_path, template):
    for seed in range(tens * 10, tens * 10 + 10):
        run(seed, tmp_path / str(seed), template, 100)
