"""exchange.toml: what is written reads back, and a bad setting is named."""

import re
from pathlib import Path

import pytest

from tocsin.errors import ConfigurationError
from tocsin.exchange.keys import Algorithm, SigningKey
from tocsin.operating.settings import Settings, check_settings, read_settings, settings_text

KEY = str(SigningKey.generate("exchange.example/log").verifier)
LEAST = {"origin": "exchange.example/log", "url": "https://exchange.example", "key": KEY}
DOCS = Path(__file__).parents[3] / "docs" / "exchange.md"


def test_settings_read_back_as_they_were_written(tmp_path):
    witness = SigningKey.generate("w.example", Algorithm.COSIGNATURE).verifier
    more = {
        "operator_name": 'Jane "Ü" \\ 😀',
        "witnesses": f"witness w {witness} https://w.example\nquorum w\n",
        "unsafe_network": True,
        "entries_per_call": 7,
    }
    settings = check_settings(LEAST | more)
    (tmp_path / "exchange.toml").write_text(settings_text(settings))
    assert read_settings(tmp_path / "exchange.toml") == settings


def test_defaults_are_not_written_down():
    assert set(settings_text(check_settings(LEAST)).split()[::3]) == {"origin", "url", "key"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("origin", "has a space"),
        ("origin", ""),
        ("url", "ftp://exchange.example"),
        ("url", "https://exchange.example/"),
        ("key", "nonsense"),
        ("operator", "Not An Id"),
        ("witnesses", "witness w nonsense\nquorum w\n"),
        ("witnesses", ""),
        ("entries_per_call", 0),
        ("not_a_setting", 1),
    ],
)
def test_a_bad_setting_is_named(name, value):
    with pytest.raises(ConfigurationError, match=name):
        check_settings(LEAST | {name: value})


def test_a_folder_without_settings_is_no_exchange(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        read_settings(tmp_path / "exchange.toml")
    assert "init" in caught.value.advice


def test_a_file_that_is_no_toml_is_refused(tmp_path):
    (tmp_path / "exchange.toml").write_text("origin = ")
    with pytest.raises(ConfigurationError):
        read_settings(tmp_path / "exchange.toml")


def test_every_setting_is_explained_in_the_docs_with_its_default():
    rows = dict(re.findall(r"^\| `(\w+)` \| *`?([^|`]*)`? *\|", DOCS.read_text(), re.MULTILINE))
    for name, field in Settings.model_fields.items():
        told = rows[name].strip()
        if not field.is_required() and isinstance(field.default, int):
            assert told.replace(",", "") == str(field.default).lower(), name
