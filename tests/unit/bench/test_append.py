"""The append bench measures a real log and checks it."""

from tocsin.bench.append import run


def test_a_short_run_appends_and_verifies(tmp_path):
    figures = run(seconds=1, submitters=8, folder=tmp_path)
    assert figures["entries"] >= 8
    assert figures["appends_per_s"] > 0
    assert figures["p50_ms"] <= figures["p99_ms"]
