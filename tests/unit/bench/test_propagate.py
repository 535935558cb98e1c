"""The propagation bench rings a real exchange's bell and misses no follower."""

from tocsin.bench.propagate import run


def test_every_follower_hears_of_every_signal(tmp_path):
    figures = run(6, full_nodes=1, rounds=3, pause_s=0.1, folder=tmp_path)
    assert (figures["followers"], figures["full_nodes"]) == (6, 1)
    assert 0 < figures["p50_ms"] <= figures["p99_ms"]
