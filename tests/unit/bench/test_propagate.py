"""The propagation bench rings a real exchange's bell and misses no follower."""

from tocsin.bench.propagate import run


def test_every_follower_hears_of_every_signal(tmp_path):
    figures = run(6, full_nodes=1, rounds=3, pause_s=0.1, folder=tmp_path)
    assert (figures["followers"], figures["full_nodes"]) == (6, 1)
    assert 0 < figures["p50_ms"] <= figures["p99_ms"]


def test_what_frozen_followers_cost_the_others_is_measured_in_the_same_run(tmp_path):
    figures = run(2, full_nodes=0, frozen=3, rounds=4, pause_s=0.05, folder=tmp_path)
    assert figures["frozen"] == 3
    assert 0 < figures["p50_beside_frozen_ms"] <= figures["p99_beside_frozen_ms"]
