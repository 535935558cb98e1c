"""The catch-up bench makes a log, follows it with a whole node, and counts what was verified."""

from tocsin.bench import catchup


def test_a_short_log_is_caught_up_with_and_matches(tmp_path, monkeypatch):
    monkeypatch.setattr(catchup, "SERVING_S", 1)
    figures = catchup.run(300, folder=tmp_path)
    assert figures["entries"] == figures["signatures_verified"] == 300
    assert figures["seconds"] >= 0
    assert 0 <= figures["memory_beside_index_mib"] < 200
    assert 0 < figures["serving_beside_index_mib"] < 500
