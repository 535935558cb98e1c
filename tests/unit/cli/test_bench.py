import pytest

from tocsin.cli import bench
from tocsin.cli.bench import BENCHES, STABLE


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("match", ["--signals=1000", "--queries=20"]),
        ("hash", ["--size=64"]),
        ("hash", ["--size=64", "--decode"]),
    ],
)
def test_other_programs_find_the_keys_they_rely_on_and_no_others(tocsin, name, options):
    (figures,) = tocsin("bench", name, *options, "--json").lines
    assert list(figures) == STABLE[name].split()


def test_every_figure_is_there_for_who_asks(tocsin):
    (figures,) = tocsin("bench", "hash", "--size=64", "--details", "--json").lines
    assert figures.keys() > set(STABLE["hash"].split())


def test_people_see_a_table_with_the_ratio_and_the_machine(tocsin):
    out = tocsin("bench", "hash", "--size=64").out
    assert "ratio" in out
    assert "machine" in out


def test_a_peer_that_is_not_installed_is_named_with_advice(tocsin, monkeypatch):
    monkeypatch.setitem(BENCHES, "hash", "tocsin_has_no_such_peer")
    answer = tocsin("bench", "hash")
    assert answer.code == 2
    assert "pip install '.[bench]'" in answer.err


@pytest.mark.parametrize("wrong", [["match", "--signals=0"], ["hash", "--size=x"]])
def test_a_size_that_makes_no_sense_is_refused(tocsin, wrong):
    assert tocsin("bench", *wrong).code == 2


def test_every_benchmark_has_a_command():
    assert all(callable(getattr(bench, "hash_" if name == "hash" else name)) for name in BENCHES)
