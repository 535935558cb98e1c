"""The test vectors in the repository are those that the library makes today."""

import importlib.util
import json

import pytest

from logs import VECTORS

SPEC = importlib.util.spec_from_file_location("make_vectors", VECTORS / "make.py")
MAKE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(MAKE)


@pytest.mark.parametrize("name", sorted(MAKE.ALL))
def test_the_vectors_are_up_to_date(name):
    kept = json.loads((VECTORS / f"{name}.json").read_text())
    assert json.loads(json.dumps(MAKE.ALL[name]())) == kept


def test_no_file_of_vectors_is_left_over():
    assert {path.stem for path in VECTORS.glob("*.json")} == set(MAKE.ALL)
