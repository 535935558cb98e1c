import json
import signal
import socket
import subprocess

import httpx
import pytest

from program import COMMAND, environment, run_apart
from waiting import WAIT_S


@pytest.fixture
def serving(tmp_path):
    """A node that serves on a free port: its process and the address of its API."""
    command = [*COMMAND, "serve", "--data", tmp_path / "data", "--port=0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment()) as server:
        try:
            yield server, json.loads(server.stdout.readline())["api"]
        finally:
            server.kill()


def test_a_node_answers_as_soon_as_it_says_where(serving):
    _, address = serving
    assert httpx.get(f"{address}/health", timeout=WAIT_S).status_code == 200


@pytest.mark.parametrize("word", [signal.SIGTERM, signal.SIGINT])
def test_a_node_that_is_told_to_stop_ends_in_order(serving, word):
    server, _ = serving
    server.send_signal(word)
    assert server.wait(WAIT_S) == 0


def test_what_another_command_adds_is_matched_by_the_serving_node(serving, tmp_path):
    _, address = serving
    folder, sha256 = {"folder": tmp_path, "TOCSIN_DATA": str(tmp_path / "data")}, "ab" * 32
    token = run_apart("keys", "create", "test", **folder).out.strip()
    run_apart("lists", "create", "known", **folder)
    run_apart("lists", "add", "known", "--sha256", sha256, **folder)
    asked = {"signals": [{"type": "sha256", "signal": sha256}]}
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.post(f"{address}/v1/screen/hashes", json=asked, headers=headers, timeout=WAIT_S)
    assert answer.json()["verdict"] == "hold"


def test_a_port_that_is_taken_is_named_with_advice(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = run_apart("serve", "--data", tmp_path / "data", f"--port={port}", folder=tmp_path)
    assert answer.code == 2
    assert f"cannot listen on http://127.0.0.1:{port}" in answer.err


def test_a_setting_out_of_range_stops_the_node(tmp_path):
    answer = run_apart("serve", "--port=70000", folder=tmp_path)
    assert answer.code == 2
    assert "port" in answer.err
