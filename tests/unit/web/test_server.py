import io
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import structlog

from nodes import running
from program import COMMAND, environment
from tocsin.app import build
from tocsin.config import load
from tocsin.errors import ConfigurationError
from tocsin.recording.events import Tag
from tocsin.web.listening import set_up_log
from tocsin.web.server import Service
from waiting import WAIT_S


@pytest.fixture
def program(tmp_path):
    """`tocsin serve` as a process of its own, and the addresses that it announced."""
    process = subprocess.Popen(
        [
            *COMMAND,
            "serve",
            "--data",
            str(tmp_path),
            "--port",
            "0",
            "--metrics-port",
            "0",
            "--json",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        text=True,
    )
    yield process, json.loads(process.stdout.readline())
    process.kill()
    process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_node_that_is_told_to_stop_ends_in_order(program, number):
    process, addresses = program
    assert httpx.get(addresses["api"] + "/health", timeout=WAIT_S).status_code == 200
    assert "tocsin_up 1.0" in httpx.get(addresses["metrics"], timeout=WAIT_S).text
    process.send_signal(number)
    assert process.wait(WAIT_S) == 0
    assert "Traceback" not in process.stderr.read()


def test_a_port_that_is_taken_is_told_and_not_waited_for(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        chosen = load({}, data=tmp_path, port=taken.getsockname()[1])
        with build(chosen) as node, pytest.raises(ConfigurationError, match="cannot listen"):
            Service(node, lambda *_: None).run()


def test_a_metrics_port_that_is_taken_is_told_as_well(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        chosen = load({}, data=tmp_path, port=0, metrics_port=taken.getsockname()[1])
        with build(chosen) as node, pytest.raises(ConfigurationError, match="cannot listen"):
            Service(node, lambda *_: None).run()


def test_a_start_is_recorded_with_the_walls_that_stood(served):
    (started,) = served.node.history.page(tags=[Tag.NODE_STARTED])
    assert started.event.body["walls"]["seccomp"] is True


def test_metrics_are_off_unless_a_port_is_given(tmp_path):
    with running(tmp_path, metrics_port=-1) as node:
        assert node.metrics == ""


def test_a_node_listens_on_ipv6_as_well(tmp_path):
    if not socket.has_ipv6 or not Path("/proc/net/if_inet6").exists():
        pytest.skip("this machine has no IPv6")
    with running(tmp_path, host="::1") as node, node.stranger() as anyone:
        assert node.url.startswith("http://[::1]:")
        assert anyone.get("/health").status_code == 200


def test_a_traceback_in_the_log_shows_no_values(monkeypatch):
    told = io.StringIO()
    monkeypatch.setattr(sys, "stderr", told)
    set_up_log("info")
    token = "tocsin_" + "0" * 16
    try:
        int(token)
    except ValueError:
        structlog.get_logger().exception("failed")
    structlog.reset_defaults()
    (line,) = [json.loads(one) for one in told.getvalue().splitlines()]
    assert line["event"] == "failed"
    assert "locals" not in told.getvalue()


def test_a_node_on_postgresql_answers_as_one_on_sqlite(tmp_path, postgresql_url, seed):
    with running(tmp_path, database_url=postgresql_url) as node, node.client() as client:
        signal = {"type": "md5", "signal": f"{seed:032x}"}
        once = {"Idempotency-Key": "once"}
        assert client.post("/v1/lists", json={"name": "known"}, headers=once).status_code == 201
        assert client.post("/v1/lists", json={"name": "known"}, headers=once).status_code == 201
        client.post("/v1/lists/known/items", json={"signals": [signal], "note": "\x01\x7f"})
        screened = client.post("/v1/screen/hashes", json={"signals": [signal]}).json()
        assert screened["hits"][0]["list"] == "known"
        assert client.get(f"/v1/screenings/{screened['id']}").json()["verdict"] == "hold"
        assert client.get("/v1/events", params={"subject": "known"}).json()["events"]
