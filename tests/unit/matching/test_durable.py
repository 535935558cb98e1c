"""Files that are there whole or not at all."""

import pytest

from tocsin.matching.durable import new_file


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "file"
    with new_file(path) as file:
        file.write(b"all of it")
        assert not path.exists()
    assert path.read_bytes() == b"all of it"
    assert list(tmp_path.iterdir()) == [path]


def fail_half_way(path):
    with new_file(path) as file:
        file.write(b"half")
        raise KeyError


def test_an_error_leaves_what_was_there(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"before")
    with pytest.raises(KeyError):
        fail_half_way(path)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_what_was_left_unfinished_is_written_over(tmp_path):
    path = tmp_path / "file"
    path.with_name("file.unfinished").write_bytes(b"much more than is written now")
    with new_file(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"
