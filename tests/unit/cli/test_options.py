from pathlib import Path

import pytest

from tocsin.cli.options import given, settings
from tocsin.errors import ConfigurationError


def test_what_was_not_given_is_left_out_and_lists_become_tuples():
    assert given(radius=0, labels=["a"], reason=None, enabled=False) == {
        "radius": 0,
        "labels": ("a",),
        "enabled": False,
    }


def test_an_option_is_stronger_than_the_environment(monkeypatch):
    monkeypatch.setenv("TOCSIN_PORT", "1")
    assert settings(Path("here"), port=2).port == 2


def test_debugging_is_no_setting_of_the_node(monkeypatch):
    monkeypatch.setenv("TOCSIN_DEBUG", "1")
    assert settings(None).data == Path("tocsin-data")


def test_an_unknown_variable_stops_the_command(monkeypatch):
    monkeypatch.setenv("TOCSIN_NOSUCH", "1")
    with pytest.raises(ConfigurationError, match="nosuch"):
        settings(None)
