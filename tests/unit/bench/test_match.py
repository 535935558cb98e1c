"""The benchmark of look-ups: its figures are measured elsewhere, here it must be right."""

import pytest

pytest.importorskip("faiss")

from tocsin.bench import match


@pytest.fixture(scope="module")
def result():
    return match.run(20_000, queries=60)


def test_the_promised_figures_are_there(result):
    promised = {"signals", "ours_us", "peer", "peer_us", "ratio", "recall", "bytes_per_signal"}
    assert promised <= set(result)
    assert result["signals"] == 20_000
    assert result["ratio"] == pytest.approx(
        result["peer_us"] / result["ours_us"], rel=0.05, abs=0.1
    )


def test_everything_that_faiss_finds_is_found_and_nothing_else(result):
    assert (result["recall"], result["false_matches"]) == (1.0, 0)


def test_the_peer_is_the_quicker_of_two(result):
    assert result["peer_us"] == min(result["peers"].values())


def test_what_is_too_large_for_multi_index_hashing_is_told(monkeypatch):
    monkeypatch.setattr(match, "MULTIHASH_SIGNALS", 100)
    result = match.run(5000, queries=10, radius=20)
    assert result["peers"]["multihash"] == "not measured: too large"
    assert result["peer"].endswith(" flat")
    assert result["recall"] == 1.0
