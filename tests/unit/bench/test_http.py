from tocsin.bench import http
from tocsin.bench.http import HMA


def test_a_whole_node_is_measured_beside_the_peers_own_figures(tmp_path):
    figures = http.run(500, seconds=1, connections=4, photos={64: 3}, folder=tmp_path)
    assert figures["photo_p50_ms"]["64"] > 0
    assert figures["lookups_per_s"] > 0
    assert figures["raw_lookups_per_s"] > 0
    assert figures["batch_hashes_per_s"] > 0
    assert figures["peer_figures"] == HMA
    assert list(tmp_path.iterdir()) == []
