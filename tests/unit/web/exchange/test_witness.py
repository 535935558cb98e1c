"""A witness over HTTP answers as C2SP tlog-witness asks, in the order of the vectors."""

import json
import threading
from contextlib import contextmanager

import httpx
import pytest

from exchanges import Running
from logs import ORIGIN, log_in_memory, signed, vectors
from served import now
from tocsin.exchange.advance import MAX_ADVANCE_BYTES, encode_advance
from tocsin.exchange.checkpoint import open_checkpoint
from tocsin.exchange.keys import SigningKey
from tocsin.exchange.policy import Policy
from tocsin.exchange.tree import Tree
from tocsin.exchange.witness import add_cosignatures, monitoring_path
from tocsin.operating.watching import make_watch, open_watch
from tocsin.web.exchange.guard import Limits
from tocsin.web.exchange.witness import WitnessFigures, create_app
from tocsin.web.listening import Server, listen
from waiting import WAIT_S, wait_until

LOG = SigningKey.generate(ORIGIN)
NAME = "witness.example/w"


@contextmanager
def witnessing(folder, clock, *logs, limits=None):
    """Serve a witness of these logs until the block ends; give its address and its key."""
    key = make_watch(folder, NAME, [str(log) for log in logs])
    listening, answers = listen("127.0.0.1", 0), threading.Event()
    with open_watch(folder, clock=clock) as watch:
        server = Server(create_app(watch, WitnessFigures(), limits))
        server.when_started = answers.set
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        assert answers.wait(WAIT_S)
        try:
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            with httpx.Client(base_url=url, timeout=WAIT_S) as client:
                yield client, key
        finally:
            server.should_exit = True
            thread.join(WAIT_S)


@pytest.fixture
def asked(tmp_path, clock):
    with witnessing(tmp_path / "w", clock, LOG.verifier) as (client, key):
        client.key = key
        yield client


def advance(old, new, key=LOG):
    head = log_in_memory(new)[1]
    tree = Tree(*log_in_memory(new))
    return encode_advance(old, tree.consistency(old), signed(head, key, None))


def add(client, body):
    return client.post("/add-checkpoint", content=body)


def test_the_vectors_get_their_answers_in_order(tmp_path, clock):
    case = vectors("witness")
    with witnessing(tmp_path / "w", clock, case["log"]) as (client, _):
        for step in case["steps"]:
            answer = add(client, step["body"].encode())
            assert answer.status_code == step["status"], step
            if answer.status_code == 409:
                assert answer.headers["content-type"] == "text/x.tlog.size"
                assert answer.text == f"{step['size']}\n"


def test_the_answer_makes_a_checkpoint_that_satisfies_a_policy(asked):
    answer = add(asked, advance(0, 7))
    assert (answer.status_code, answer.headers["content-type"]) == (
        200,
        "text/plain; charset=utf-8",
    )
    note = add_cosignatures(signed(log_in_memory(7)[1], LOG, None), answer.text, [asked.key])
    lines = f"log {LOG.verifier}\nwitness w {asked.key}\nquorum w\n"
    assert Policy.parse(lines.encode()).open(note).checkpoint.size == 7


def test_a_log_that_is_not_watched_is_not_known(asked):
    other = SigningKey.generate("other.example/log")
    head = log_in_memory(3, origin="other.example/log")[1]
    assert add(asked, encode_advance(0, (), signed(head, other, None))).status_code == 404


def test_a_log_signed_by_another_key_of_its_name_is_not_trusted(asked):
    assert add(asked, advance(0, 7, SigningKey.generate(ORIGIN))).status_code == 403


def test_a_fork_is_not_cosigned_and_told_by_where_the_witness_is(asked):
    add(asked, advance(0, 7))
    forked = signed(log_in_memory(7, start=100)[1], LOG, None)
    answer = add(asked, encode_advance(7, (), forked))
    assert (answer.status_code, answer.text) == (409, "7\n")
    longer = Tree(*log_in_memory(9, start=100))
    proof = longer.consistency(7)
    forked = signed(longer.head, LOG, None)
    assert add(asked, encode_advance(7, proof, forked)).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0\n\n",
        b"old x\n\nnote",
        b"\xff" * 100,
        b"old 9\n\n" + signed(log_in_memory(7)[1], LOG, None),
    ],
    ids=["nothing", "no checkpoint", "no size", "no text", "old above new"],
)
def test_what_is_no_advance_is_malformed(asked, body):
    assert add(asked, body).status_code == 400


def test_a_body_larger_than_any_advance_is_not_read(asked):
    assert add(asked, b"x" * (MAX_ADVANCE_BYTES + 1)).status_code == 413


def test_monitors_are_shown_the_latest_checkpoint_with_both_signatures(asked):
    path = f"/{monitoring_path(ORIGIN)}"
    assert asked.get(path).status_code == 404
    add(asked, advance(0, 7))
    add(asked, advance(7, 300))
    shown = open_checkpoint(asked.get(path).content, [LOG.verifier, asked.key])
    assert (shown.checkpoint.size, len(shown.verified)) == (300, 2)


@pytest.mark.parametrize(
    "path", [f"/{'0' * 64}/checkpoint", "/..%2fkey/checkpoint", "/key", "/witness.db"]
)
def test_nothing_else_is_shown(asked, path):
    assert asked.get(path).status_code == 404


def test_only_add_checkpoint_is_posted_to(asked):
    answer = asked.get("/add-checkpoint")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_an_address_that_asks_too_often_is_told_to_wait(tmp_path, clock):
    limits = Limits(per_address_minute=2)
    with witnessing(tmp_path / "w", clock, LOG.verifier, limits=limits) as (client, _):
        statuses = [client.get("/health").status_code for _ in range(3)]
        assert statuses == [200, 200, 429]


def test_an_exchange_that_asks_the_witness_publishes_a_cosigned_checkpoint(tmp_path):
    running = Running(tmp_path / "x", clock=now)
    with witnessing(tmp_path / "w", now, running.exchange.verifier) as (client, key):
        lines = f"witness w {key} {client.base_url}\nquorum w\n"
        running.close()
        with running.folder.settings.open("a") as settings:
            settings.write(f"witnesses = {json.dumps(lines)}\n")
        running.open()
        policy = Policy.parse(f"log {running.exchange.verifier}\n{lines}".encode())
        running.join("alice")
        size = running.exchange.head.checkpoint.size
        wait_until(lambda: running.exchange.health().cosigned_size == size)
        assert policy.open(running.exchange.cosigned()).checkpoint.size == size
        running.close()
