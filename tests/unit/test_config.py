"""Settings come from four places in a fixed order, and whatever is wrong is named."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from tocsin.config import Settings, load
from tocsin.errors import ConfigurationError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path_factory, monkeypatch):
    """Where no data folder of a developer lies around."""
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))


@pytest.fixture
def folder(tmp_path):
    """A data folder whose `tocsin.toml` a test may write."""

    def write(text=""):
        (tmp_path / "tocsin.toml").write_text(text)
        return {"TOCSIN_DATA": str(tmp_path)}

    return write


def test_without_anything_there_are_the_defaults():
    assert load({}) == Settings()


def test_the_file_overrides_the_defaults(folder):
    assert load(folder("port = 1111")).port == 1111


def test_the_environment_overrides_the_file(folder):
    assert load({**folder("port = 1111\nchildren = 7"), "TOCSIN_PORT": "2222"}).port == 2222


def test_arguments_override_the_environment(folder):
    settings = load({**folder("port = 1111"), "TOCSIN_PORT": "2222"}, port=3333)
    assert settings.port == 3333


def test_what_a_stronger_source_leaves_out_a_weaker_one_gives(folder):
    settings = load({**folder("port = 1111\nchildren = 7"), "TOCSIN_HOST": "::1"}, port=None)
    assert (settings.port, settings.children, settings.host) == (1111, 7, "::1")


def test_an_argument_may_be_zero_or_false(folder):
    settings = load(folder("port = 1111\nhma_routes = true"), port=0, hma_routes=False)
    assert (settings.port, settings.hma_routes) == (0, False)


def test_the_folder_named_by_an_argument_is_where_the_file_is_read(tmp_path, folder):
    folder("port = 1111")
    settings = load({"TOCSIN_DATA": "/elsewhere"}, data=tmp_path)
    assert (settings.data, settings.port) == (tmp_path, 1111)


@pytest.mark.parametrize("key", ["TOCSIN_PROT", "TOCSIN_", "TOCSIN_PORT_"])
def test_an_unknown_key_of_the_environment_is_named(key):
    name = key.removeprefix("TOCSIN_").lower()
    with pytest.raises(ConfigurationError, match=f"{name} is not a setting"):
        load({key: "1"})


def test_an_unknown_key_of_the_file_is_named(folder):
    with pytest.raises(ConfigurationError, match="prot is not a setting"):
        load(folder("prot = 1"))


def test_an_unknown_argument_is_named():
    with pytest.raises(ConfigurationError, match="prot is not a setting"):
        load({}, prot=1)


def test_keys_of_others_in_the_environment_are_left_alone():
    assert load({"PORT": "1", "tocsin_port": "2", "XTOCSIN_PORT": "3"}) == Settings()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("port", "eighty"),
        ("port", "65536"),
        ("port", "-1"),
        ("port", ""),
        ("children", "0"),
        ("sandbox", "off"),
        ("max_decode_s", "nan"),
        ("max_decode_s", "inf"),
        ("max_decode_s", "0"),
        ("seen_retention_days", "-1"),
        ("seen_retention_days", "1e9"),
        ("hma_open", "maybe"),
        ("log_level", "loud"),
        ("max_decode_memory_bytes", "1"),
    ],
)
def test_a_bad_value_is_named_with_its_key(key, value):
    with pytest.raises(ConfigurationError, match=f"{key}: .*{value!r}"):
        load({f"TOCSIN_{key.upper()}": value})


def test_all_faults_are_named_at_once():
    with pytest.raises(ConfigurationError) as refused:
        load({"TOCSIN_PORT": "x", "TOCSIN_PROT": "1"})
    assert "port: " in str(refused.value)
    assert "prot is not a setting" in str(refused.value)


@pytest.mark.parametrize("text", ["port = ", "port = 1\nport = 2", "[port]\nx = 1", "\0"])
def test_a_file_that_is_broken_is_refused(folder, text):
    with pytest.raises(ConfigurationError):
        load(folder(text))


def test_a_file_that_is_not_utf8_is_refused(tmp_path):
    (tmp_path / "tocsin.toml").write_bytes(b"host = '\xff'")
    with pytest.raises(ConfigurationError, match=r"tocsin\.toml"):
        load({}, data=tmp_path)


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path):
    (tmp_path / "tocsin.toml").mkdir()
    with pytest.raises(ConfigurationError, match=r"tocsin\.toml"):
        load({}, data=tmp_path)


def test_settings_do_not_change_once_they_are_read():
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 1


def test_settings_are_not_read_behind_the_back_of_load(monkeypatch):
    monkeypatch.setenv("TOCSIN_PORT", "1")
    assert Settings().port == 8000


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_described(name):
    assert Settings.model_fields[name].description


def test_the_database_is_a_file_in_the_data_folder_unless_a_url_is_given():
    assert load({}, data=Path("/srv/t")).store_url == "sqlite:////srv/t/tocsin.db"


def test_a_postgresql_url_names_its_driver():
    settings = load({"TOCSIN_DATABASE_URL": "postgresql://u@h/postgresql://d"})
    assert settings.store_url == "postgresql+psycopg://u@h/postgresql://d"
