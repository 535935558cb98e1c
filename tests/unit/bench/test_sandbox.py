import pytest

from tocsin.bench.sandbox import run


def test_a_run_prints_all_sides_and_what_the_walls_add():
    result = run(size=64, files=4)
    assert (result["size_px"], result["files"]) == (64, 4)
    for name in ("sandbox", "one_shot"):
        added = result[f"{name}_ms_p50"] - result["in_process_ms_p50"]
        assert result[f"{name}_added_ms_p50"] == pytest.approx(added, abs=0.01)
        assert result[f"{name}_files_per_s"] > 0
