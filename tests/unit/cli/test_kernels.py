import os
import stat
from pathlib import Path

import pytest

from tocsin.cli import kernels
from tocsin.cli.kernels import VARIABLE, choose_place


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A machine where neither the source nor the home folder can be written."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(kernels, "_writable", lambda _: False)
    monkeypatch.setattr(kernels.tempfile, "gettempdir", lambda: str(tmp_path))
    return tmp_path


def test_numba_is_left_to_itself_where_it_finds_a_place(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    choose_place()
    assert VARIABLE not in os.environ


def test_what_is_named_already_stays(nowhere, monkeypatch):
    monkeypatch.setenv(VARIABLE, "/named")
    choose_place()
    assert os.environ[VARIABLE] == "/named"


def test_otherwise_a_folder_of_our_own_is_named_the_same_each_time(nowhere):
    choose_place()
    first = os.environ.pop(VARIABLE)
    choose_place()
    assert os.environ.pop(VARIABLE) == first
    assert stat.S_IMODE(Path(first).stat().st_mode) == 0o700


def test_a_folder_that_others_may_write_is_not_trusted(nowhere):
    planted = nowhere / f"tocsin-kernels-{os.getuid()}"
    planted.mkdir()
    planted.chmod(0o777)
    choose_place()
    assert os.environ.pop(VARIABLE) != str(planted)


def test_a_folder_that_does_not_exist_yet_counts_as_writable_if_it_can_be_made(tmp_path):
    assert kernels._writable(tmp_path / "a" / "b")
