from nodes import running


def test_the_process_says_that_it_lives_without_a_key(stranger):
    assert stranger.get("/health").json() == {"status": "alive"}


def test_a_node_that_can_screen_is_ready_and_says_which_walls_stand(stranger):
    found = stranger.get("/ready").json()
    assert found["status"] == "ready"
    assert {"seccomp", "rlimits", "no_new_privs"} <= {
        wall["name"] for wall in found["walls"] if wall["stands"]
    }


def test_a_node_whose_database_is_gone_lives_but_is_not_ready(tmp_path):
    with running(tmp_path) as node, node.stranger() as anyone:
        (tmp_path / "tocsin.db").rename(tmp_path / "moved.db")
        refused = anyone.get("/ready")
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/unavailable")
        assert int(refused.headers["retry-after"]) > 0
        assert anyone.get("/status").status_code == 503
        assert anyone.get("/health").status_code == 200


def test_a_node_whose_database_is_gone_never_answers_no_match(tmp_path):
    with running(tmp_path) as node, node.client() as client:
        (tmp_path / "tocsin.db").rename(tmp_path / "moved.db")
        body = {"signals": [{"type": "md5", "signal": "0" * 32}]}
        assert client.post("/v1/screen/hashes", json=body).status_code == 503
        asked = {"signal": "0" * 32, "signal_type": "video_md5"}
        assert client.get("/m/raw_lookup", params=asked).status_code == 503
