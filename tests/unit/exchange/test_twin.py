"""A value kept twice survives what a crash or one damaged sector can do to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.exchange.errors import Absent, Damaged, Malformed, Unavailable
from tocsin.exchange.twin import BLOCK_BYTES, MAX_VALUE_BYTES, Twin


@pytest.fixture
def path(tmp_path):
    return tmp_path / "value"


def test_the_last_value_written_is_read(path):
    for value in (b"one", b"", b"x" * MAX_VALUE_BYTES):
        Twin(path).write(value)
        assert Twin(path).read() == value


def test_before_the_first_value_there_is_none(path):
    with pytest.raises(Absent):
        Twin(path).read()


def test_a_value_too_large_changes_nothing(path):
    Twin(path).write(b"one")
    with pytest.raises(Malformed):
        Twin(path).write(bytes(MAX_VALUE_BYTES + 1))
    assert Twin(path).read() == b"one"


@pytest.mark.parametrize("length", [0, 1, 40, 50, 4095, 4096])
def test_a_first_copy_torn_anywhere_leaves_the_old_or_the_new_value(path, length):
    Twin(path).write(b"old")
    before = path.read_bytes()
    Twin(path).write(b"new")
    path.write_bytes(path.read_bytes()[:length] + before[length:])
    assert Twin(path).read() in {b"old", b"new"}


@pytest.mark.parametrize("length", [0, 1, 40, 50, 4095])
def test_a_second_copy_torn_anywhere_leaves_the_new_value(path, length):
    Twin(path).write(b"old")
    before = path.read_bytes()
    Twin(path).write(b"new")
    torn = path.read_bytes()[: BLOCK_BYTES + length] + before[BLOCK_BYTES + length :]
    path.write_bytes(torn)
    assert Twin(path).read() == b"new"


@given(st.integers(0, 2 * BLOCK_BYTES - 1), st.integers(0, 7))
def test_one_flipped_bit_costs_nothing(tmp_path_factory, position, bit):
    path = tmp_path_factory.mktemp("twin") / "value"
    Twin(path).write(b"old")
    Twin(path).write(b"new")
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << bit
    path.write_bytes(data)
    assert Twin(path).read() == b"new"
    Twin(path).write(b"newer")
    assert Twin(path).read() == b"newer"


def test_two_damaged_copies_are_never_taken_for_an_empty_memory(path):
    Twin(path).write(b"value")
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    data[BLOCK_BYTES + 40] ^= 1
    path.write_bytes(data)
    with pytest.raises(Damaged):
        Twin(path).read()
    with pytest.raises(Damaged):
        Twin(path).write(b"next")


def test_a_creation_that_was_cut_short_holds_no_value(path):
    for torn in (b"", bytes(100), bytes(2 * BLOCK_BYTES)):
        path.write_bytes(torn)
        with pytest.raises(Absent):
            Twin(path).read()
    Twin(path).write(b"one")
    assert Twin(path).read() == b"one"


def test_a_folder_that_is_gone_is_unavailable(tmp_path):
    with pytest.raises(Unavailable):
        Twin(tmp_path / "nowhere" / "value").write(b"one")
