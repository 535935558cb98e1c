"""`tocsin witness` makes a witness once, serves it, and says what to write into a policy."""

import json
import signal
import subprocess

import httpx
import pytest

from logs import ORIGIN, log_in_memory, signed
from program import COMMAND, environment, run_apart
from tocsin.exchange.advance import encode_advance
from tocsin.exchange.keys import PublicKey, SigningKey
from tocsin.exchange.witness import add_cosignatures
from waiting import WAIT_S, wait_until

LOG = SigningKey.generate(ORIGIN)


def add(said, note):
    """Ask the witness that announced itself so for its cosignature on a first checkpoint."""
    body = encode_advance(0, (), note)
    return httpx.post(f"{said['witness']}/add-checkpoint", content=body, timeout=WAIT_S)


@pytest.fixture
def start(tmp_path):
    """Start the command and return its process and what it announced."""
    processes = []

    def run(*arguments):
        process = subprocess.Popen(
            [*COMMAND, "witness", str(tmp_path / "w"), "--port", "0", "--json", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            text=True,
        )
        processes.append(process)
        return process, json.loads(process.stdout.readline())

    yield run
    for process in processes:
        process.kill()
        process.wait()


def test_a_witness_cosigns_and_is_the_same_after_a_restart(start):
    process, said = start("--name", "witness.example/w", "--log", str(LOG.verifier))
    note = signed(log_in_memory(7)[1], LOG, None)
    answer = add(said, note)
    assert add_cosignatures(note, answer.text, [PublicKey.parse(said["key"])])
    process.send_signal(signal.SIGTERM)
    assert process.wait(WAIT_S) == 0
    _, again = start("--metrics-port", "0")
    assert (again["key"], again["logs"]) == (said["key"], [ORIGIN])
    answer = add(again, note)
    assert (answer.status_code, answer.text) == (409, "7\n")
    counted = 'tocsin_witness_requests_total{route="/add-checkpoint",status="409"}'
    # Counted once it is answered.
    wait_until(lambda: counted in httpx.get(again["metrics"], timeout=WAIT_S).text)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "there is no witness"),
        (["--log", str(LOG.verifier)], "--log goes with --name"),
        (["--name", "a b"], "cannot name a key"),
        (["--name", "w.example", "--log", "x"], "line 1"),
    ],
)
def test_what_does_not_make_a_witness_is_told(tmp_path, arguments, said):
    done = run_apart("witness", str(tmp_path / "w"), *arguments, folder=tmp_path)
    assert done.code in {1, 2}
    assert said in done.err
    assert not (tmp_path / "w" / "key").exists()
