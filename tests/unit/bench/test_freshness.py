from tocsin.bench import freshness


def test_every_added_signal_is_waited_for_until_it_matches(tmp_path):
    figures = freshness.run(500, adds=10, folder=tmp_path)
    assert 0 < figures["add_to_match_ms_p50"] <= figures["add_to_match_ms_p99"]
    assert figures["other_lookups_per_s"] > 0
    assert list(tmp_path.iterdir()) == []
