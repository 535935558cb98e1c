"""An exchange is served by the command of that name, and ends in order with its lines open."""

import json
import signal
import subprocess
import threading

import pytest

from exchanges import ORIGIN
from program import COMMAND, environment, run_apart
from served import now
from servers import a_port
from tocsin.errors import ConfigurationError
from tocsin.operating.folder import Folder, read_secret
from tocsin.sharing.remote import Remote
from tocsin.web.exchange.server import open_port
from waiting import WAIT_S


@pytest.fixture
def port():
    with a_port() as one:
        yield one


@pytest.fixture
def program(tmp_path, port):
    """`tocsin exchange serve` as a process of its own, and what it announced."""
    folder, url = tmp_path / "x", f"http://127.0.0.1:{port}"
    made = run_apart(
        "exchange",
        "init",
        str(folder),
        "--origin",
        ORIGIN,
        "--url",
        url,
        "--unsafe-network",
        folder=tmp_path,
    )
    assert made.code == 0, made.err
    asked = ["exchange", "serve", str(folder), "--port", str(port), "--metrics-port", "0", "--json"]
    process = subprocess.Popen(
        [*COMMAND, *asked],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        text=True,
    )
    yield process, json.loads(process.stdout.readline()), Folder(folder)
    process.kill()
    process.wait()


def test_an_exchange_that_is_told_to_stop_ends_its_lines_and_itself(program):
    process, said, folder = program
    remote = Remote(said["exchange"], read_secret(folder.operator_key), local=True, clock=now)
    stop = threading.Event()
    rings = remote.rings(0, stop)
    assert next(rings).size == 1
    process.send_signal(signal.SIGTERM)
    stop.set()
    assert list(rings) == []
    assert process.wait(WAIT_S) == 0
    assert "Traceback" not in process.stderr.read()


def test_a_port_that_is_taken_is_told(served):
    with pytest.raises(ConfigurationError, match="cannot listen"):
        open_port("127.0.0.1", served.port)
