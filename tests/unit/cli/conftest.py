"""Fixtures of the command line: the program with a data folder of its own, and sample media."""

import pytest

from program import Answer
from tocsin import sample
from tocsin.cli.main import run


@pytest.fixture
def data(tmp_path, monkeypatch):
    """The data folder, where no command has been yet."""
    folder = tmp_path / "data"
    monkeypatch.setenv("TOCSIN_DATA", str(folder))
    return folder


@pytest.fixture
def tocsin(data, capsys):
    """Run a command inside the test, through the same door as the program."""

    def call(*arguments: object) -> Answer:
        code = run([str(one) for one in arguments])
        said = capsys.readouterr()
        return Answer(code, said.out, said.err)

    return call


@pytest.fixture
def known(tocsin):
    """A block list with the default rule."""
    assert tocsin("lists", "create", "known").code == 0
    return "known"


@pytest.fixture(scope="session")
def media(tmp_path_factory):
    """Two known pictures, copies of them and two strangers."""
    return sample.write(tmp_path_factory.mktemp("media"), known=2, strangers=2)
