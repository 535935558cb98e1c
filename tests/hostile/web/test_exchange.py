"""Requests to an exchange that are not meant well: each is refused, and the exchange goes on."""

import base64
import json
import secrets
import socket
import struct
import threading
import time
import tracemalloc
from contextlib import closing
from datetime import timedelta

import pytest

from exchanges import an_item
from served import a_key, now, serving
from tocsin.entries.requests import sign
from tocsin.entries.statements import KeySaid, SignalSaid
from tocsin.operating.bell import Ring
from tocsin.web import rates
from tocsin.web.bodies import JSON_BYTES
from tocsin.web.exchange import objects, ringing
from tocsin.web.exchange.guard import Limits
from waiting import wait_until

ENTRIES, POSITION = "/v1/entries", "/v1/position"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("exchange") / "x") as one:
        one.running.alice = one.join("alice")
        yield one


@pytest.fixture(scope="module")
def alice(served):
    return served.running.alice


@pytest.fixture(autouse=True)
def unharmed(served, alice):
    """After each attack nothing is in the log that was not, and the exchange answers."""
    before = served.exchange.head.checkpoint.size
    yield
    assert served.exchange.head.checkpoint.size == before
    remote = served.remote(alice)
    assert remote.position() == served.exchange.position("alice")
    remote.close()


def entries(alice, number=0, **more):
    def text(data):
        return base64.b64encode(data).decode()

    (one,) = alice.chain(an_item(number, at=now(), **more))
    row = {
        "leaf": text(one.envelope.encode()),
        "nonce": text(one.nonce),
        "payload": text(one.payload),
    }
    return {"entries": [row]}


def headers(served, key, method, path, body=b"", *, at=None, nonce=None, url=None):
    return sign(
        method,
        (url or served.url) + path,
        key=key,
        at=at or now(),
        nonce=nonce or secrets.token_hex(16),
        body=body,
    )


def post(served, key, content, path=ENTRIES, **changed):
    """Post something that is signed as it must be, but for what a test changes."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    sent = changed.pop("sent", body)
    more = changed.pop("more", {})
    with served.client() as client:
        signed = headers(served, key, "POST", path, body, **changed)
        return client.post(path, content=sent, headers=signed | more)


def get(served, path, lines):
    with served.client() as client:
        return client.get(path, headers=lines)


def problem(answer):
    return answer.status_code, answer.json()["code"]


def test_entries_that_nobody_signed_are_refused_before_they_are_read(served, alice):
    with served.client() as client:
        answer = client.post(ENTRIES, json=entries(alice))
    assert problem(answer) == (401, "unsigned")
    assert answer.headers["www-authenticate"].startswith("Signature ")
    assert 'tag="tocsin-exchange"' in answer.headers["accept-signature"]


def test_a_strangers_body_is_not_waited_for(served):
    head = f"POST {ENTRIES} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with closing(socket.create_connection(("127.0.0.1", served.port), timeout=30)) as one:
        one.sendall(f"{head}Content-Length: 1000000\r\n\r\n".encode())
        assert one.recv(65536).startswith(b"HTTP/1.1 401 ")


def test_another_body_than_the_signed_one_is_refused(served, alice):
    good = json.dumps(entries(alice)).encode()
    answer = post(served, alice.key, good, sent=good.replace(b'"nonce"', b'"nonce" '))
    assert problem(answer) == (401, "bad_digest")


def test_a_body_beside_a_request_that_was_signed_without_one_is_refused(served, alice):
    lines = headers(served, alice.key, "POST", ENTRIES)
    with served.client() as client:
        answer = client.post(ENTRIES, json=entries(alice), headers=lines)
    assert problem(answer) == (401, "bad_signature")


def test_a_request_is_good_once(served, alice):
    lines = headers(served, alice.key, "GET", POSITION)
    assert get(served, POSITION, lines).status_code == 200
    assert problem(get(served, POSITION, lines)) == (401, "replayed_request")


def test_a_request_is_replayed_in_vain_after_the_exchange_has_restarted(tmp_path):
    with serving(tmp_path / "x") as served:
        alice = served.join("alice")
        lines = headers(served, alice.key, "GET", POSITION)
        assert get(served, POSITION, lines).status_code == 200
        served.running.reopen()
        assert not served.exchange.nonces.use(*_used(lines, alice), now())


def _used(lines, alice):
    parameters = dict(
        part.partition("=")[::2] for part in lines["Signature-Input"].split(";") if "=" in part
    )
    return parameters["keyid"].strip('"'), parameters["nonce"].strip('"')


def test_two_signatures_are_one_too_many(served, alice):
    one = headers(served, alice.key, "GET", POSITION)
    other = headers(served, a_key(), "GET", POSITION)
    both = {name: f"{one[name]}, {other[name].replace('sig=', 'b=', 1)}" for name in one}
    assert problem(get(served, POSITION, both)) == (401, "bad_signature")


def test_a_signature_for_another_purpose_is_refused(served, alice, monkeypatch):
    monkeypatch.setattr("tocsin.entries.requests.TAG", "something-else")
    lines = headers(served, alice.key, "GET", POSITION)
    monkeypatch.undo()
    assert problem(get(served, POSITION, lines)) == (401, "bad_signature")


@pytest.mark.parametrize(
    "span", [timedelta(minutes=-6), timedelta(minutes=6), timedelta(days=-400)]
)
def test_a_request_of_another_time_is_refused_with_the_time(served, alice, span):
    answer = get(served, POSITION, headers(served, alice.key, "GET", POSITION, at=now() + span))
    assert problem(answer) == (401, "stale_request")
    assert "date" in answer.headers


def test_a_key_of_nobody_is_refused(served):
    answer = get(served, POSITION, headers(served, a_key(), "GET", POSITION))
    assert problem(answer) == (401, "unknown_key")


@pytest.mark.parametrize("url", ["http://other.example", "https://127.0.0.1"])
def test_what_was_signed_for_another_exchange_cannot_be_handed_on(served, alice, url):
    lines = headers(served, alice.key, "GET", POSITION, url=url)
    host = {"host": url.rpartition("/")[2], "x-forwarded-host": url, "x-forwarded-proto": "https"}
    refused = get(served, POSITION, lines | host)
    assert problem(refused) == (401, "bad_signature")
    assert "address" in refused.json()["detail"]


def test_who_may_not_say_something_is_not_sent_for_an_api_key(served, alice):
    refused = post(served, alice.key, entries(alice, audience="nowhere"))
    assert problem(refused) == (403, "wrong_audience")
    assert "API key" not in refused.json()["advice"]


def test_a_signature_does_not_fit_another_path_or_method(served, alice):
    lines = headers(served, alice.key, "GET", POSITION)
    assert problem(get(served, "/v1/bell", lines)) == (401, "bad_signature")
    with served.client() as client:
        assert problem(client.post(ENTRIES, headers=lines)) == (401, "bad_signature")


def test_a_broken_signature_does_not_become_a_strangers_request(served, alice):
    lines = headers(served, alice.key, "GET", "/payload/000.p/1")
    lines["Signature"] = "sig=:AAAA:"
    assert problem(get(served, "/payload/000.p/1", lines)) == (401, "bad_signature")


def test_a_revoked_key_is_refused_from_then_on(tmp_path):
    with serving(tmp_path / "x") as served:
        alice = served.join("alice")
        public = alice.key.public_key().public_bytes_raw().hex()
        served.exchange.say(KeySaid(action="revoke", member="alice", key=public)).result()
        answer = post(served, alice.key, entries(alice))
        assert problem(answer) == (401, "revoked_key")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"entries": []}',
        b'{"entries": {}}',
        b'{"entries": [{}]}',
        b'{"entries": [{"leaf": "AAAA", "nonce": "AAAA", "payload": "AAAA"}]}',
        b'{"entries": [], "entries": []}',
        b'{"entries": [NaN]}',
        b'{"entries": [' + b"[" * 100_000 + b"]" * 100_000 + b"]}",
        b'\xef\xbb\xbf{"entries": []}',
        b'{"entries": ["\\ud800"]}',
    ],
    ids=lambda body: repr(body[:40]),
)
def test_what_is_not_a_submission_is_refused(served, alice, body):
    kind = {"content-type": "application/json"}
    assert post(served, alice.key, body, more=kind).status_code in {400, 401, 415, 422}


@pytest.mark.parametrize(
    "change",
    [
        {"leaf": "*" * 220},
        {"leaf": base64.b64encode(bytes(164)).decode()},
        {"leaf": base64.b64encode(bytes(163)).decode()},
        {"nonce": base64.b64encode(bytes(31)).decode()},
        {"nonce": None},
        {"nonce": base64.b64encode(bytes(32)).decode().rstrip("=")},
        {"payload": base64.b64encode(bytes(32_769)).decode()},
        {"payload": base64.b64encode(b'{"type":"assert"}').decode()},
        {"payload": 7},
        {"more": 1},
    ],
    ids=lambda change: str(change)[:40],
)
def test_an_entry_in_another_form_is_refused(served, alice, change):
    content = entries(alice)
    content["entries"][0] |= change
    answer = post(served, alice.key, content)
    assert answer.status_code in {400, 403, 409, 422}, answer.text


def test_a_key_that_occurs_twice_in_json_is_refused(served, alice):
    text = json.dumps(entries(alice)).replace('{"leaf"', '{"nonce": "", "leaf"').encode()
    answer = post(served, alice.key, text)
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/malformed")


def test_a_submission_of_another_media_type_is_refused(served, alice):
    body = json.dumps(entries(alice)).encode()
    lines = sign(
        "POST",
        served.url + ENTRIES,
        key=alice.key,
        at=now(),
        nonce=secrets.token_hex(16),
        body=body,
        content_type="text/plain",
    )
    with served.client() as client:
        assert client.post(ENTRIES, content=body, headers=lines).status_code == 415


def test_more_than_a_submission_can_have_is_not_held(served, alice):
    assert post(served, alice.key, b" " * (JSON_BYTES + 1)).status_code == 413
    row = entries(alice)["entries"][0]
    assert post(served, alice.key, {"entries": [row] * 2000}).status_code == 413


@pytest.fixture
def long_minute(monkeypatch):
    """Let no share become whole again during a test, however slow the machine is."""
    monkeypatch.setattr(rates, "WINDOW_S", 3600)


def test_who_is_no_member_sends_little_and_seldom(tmp_path, monkeypatch, long_minute):
    monkeypatch.setattr("tocsin.web.exchange.guard.JOINS_PER_MINUTE", 5)
    with serving(tmp_path / "x") as served:
        key = a_key()
        wanted = {"token": "x" * 20, "key": key.public_key().public_bytes_raw().hex()}
        with served.client() as client:
            assert problem(client.post("/v1/join", json=wanted)) == (401, "unsigned")
        assert post(served, key, wanted | {"more": "x" * 5000}, "/v1/join").status_code == 413
        statuses = [post(served, key, wanted, "/v1/join").status_code for _ in range(6)]
        assert statuses == [403] * 5 + [429]


@pytest.mark.parametrize(
    "path",
    [
        "/tile/../operator.key",
        "/tile/..%2f..%2foperator.key",
        "/tile/%2e%2e/%2e%2e/operator.key",
        "/tile/0/../../../signer/key",
        "/tile//etc/passwd",
        "/tile/entries/000/../../checkpoint",
        "/tile/0/000%00",
        "/tile/0/000.p/0",
        "/tile/0/000.p/256",
        "/tile/0/000.p/01",
        "/tile/00/000",
        "/tile/64/000",
        "/tile/-1/000",
        "/tile/0/0",
        "/tile/0/x000/000",
        "/tile/entries/" + "x999/" * 300 + "999",
        "/tile/" + "a" * 5000,
        "/payload/../log/checkpoint",
        "/payload/entries/000",
        "/payload/%ff%fe",
        "/payload/" + "x999/" * 30 + "999",
        "/checkpoint/",
        "/cosigned/..",
        "/staging/x",
        "/tmp/x",
        "/log/checkpoint",
    ],
)
def test_a_path_never_leads_anywhere_but_to_an_object(served, path):
    asked = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    got = served.say(asked, wait_s=30)
    assert int(got.split(b" ", 2)[1]) in {400, 404}
    assert b"PRIVATE" not in got
    assert b"root:" not in got


@pytest.fixture
def tracing():
    """Trace memory on demand: `tracing()` begins, `most_bytes()` says what was held at most.

    The process's own size would also count what other tests left and what the allocator keeps.
    """
    yield tracemalloc.start
    tracemalloc.stop()


def most_bytes():
    return tracemalloc.get_traced_memory()[1]


def test_followers_that_read_nothing_cost_no_memory_and_delay_nobody(
    tmp_path, monkeypatch, tracing
):
    monkeypatch.setattr(ringing, "SEND_S", 1)
    with serving(tmp_path / "x") as served:
        alice = served.join("alice")
        remote = served.remote(alice)
        heard = remote.rings(0, threading.Event())
        next(heard)
        frozen = [_frozen(served, alice) for _ in range(20)]
        wait_until(lambda: _value(served, "tocsin_exchange_listening") == 21)
        tracing()
        deadline = time.monotonic() + 60
        size = 1000
        while _value(served, "tocsin_exchange_listening") > 1:
            assert time.monotonic() < deadline
            content = ("members", secrets.token_bytes(60_000))
            ring = Ring(size, size + 1, b"note", (bytes(164),), (content,))
            served.exchange.bell.ring(ring)
            assert next(heard).contents == (content[1],)
            size += 1
        assert most_bytes() < 30 << 20
        remote.close()
        for one in frozen:
            one.close()


def test_bundles_nobody_takes_cost_no_memory_and_are_cut_off(tmp_path, monkeypatch, tracing):
    monkeypatch.setattr(objects, "SEND_S", 1)
    with serving(tmp_path / "x") as full:
        alice = full.join("alice")
        alice.say(*(_large(number) for number in range(256)))
        tracing()
        frozen = [_frozen(full, alice, "/payload/000") for _ in range(32)]
        dana = full.remote(full.join("dana"))
        assert sum(map(len, dana.payloads(0, 256))) > 6 << 20
        assert most_bytes() < 150 << 20
        for turn in (9, 17, 25, 33):  # Those who have a turn at a time are cut off together.
            wait_until(lambda turn=turn: _value(full, _BUNDLES) >= turn)
        assert _value(full, _BUNDLES) == 33
        for one in frozen:
            one.close()
        dana.close()


def _large(number):
    links = [f"https://x.example/{number}/{one}/{'x' * 2000}" for one in range(14)]
    return an_item(at=now(), signals=[SignalSaid(type="url", value=one) for one in links])


_BUNDLES = 'tocsin_exchange_requests_total{method="GET",route="/payload/{rest:path}",status="200"}'


def _value(served, name):
    with served.client() as client:
        lines = client.get(served.metrics).text.splitlines()
    return next((float(one.split()[1]) for one in lines if one.startswith(f"{name} ")), 0.0)


def _frozen(served, person, path="/v1/bell"):
    """Ask for something long, by default a line of the bell, and never read from it."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    one.connect(("127.0.0.1", served.port))
    lines = headers(served, person.key, "GET", path)
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    one.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{text}\r\n".encode())
    return one


def test_followers_that_vanish_without_a_word_are_forgotten(tmp_path):
    with serving(tmp_path / "x") as served:
        alice = served.join("alice")
        for _ in range(3):
            some = [_frozen(served, alice) for _ in range(30)]
            for one in some:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                one.close()
        wait_until(lambda: not _value(served, "tocsin_exchange_listening"))


def test_one_member_cannot_take_all_lines(served, alice):
    most = ringing.MAX_LINES_OF_ONE
    taken = [_frozen(served, alice) for _ in range(most)]
    wait_until(lambda: _value(served, "tocsin_exchange_listening") == most)
    with closing(_frozen(served, alice)) as last:
        last.settimeout(30)
        assert last.recv(65536).startswith(b"HTTP/1.1 429 ")
    for one in taken:
        one.close()
    wait_until(lambda: not _value(served, "tocsin_exchange_listening"))


def test_who_asks_too_often_is_told_to_wait_and_others_are_not(tmp_path, long_minute):
    with serving(tmp_path / "x", limits=Limits(per_member_minute=5)) as served:
        alice, dana = served.join("alice"), served.join("dana")
        answers = [
            get(served, POSITION, headers(served, alice.key, "GET", POSITION)) for _ in range(6)
        ]
        assert [one.status_code for one in answers] == [200] * 5 + [429]
        assert int(answers[-1].headers["retry-after"]) > 0
        assert served.remote(dana).position()


@pytest.mark.parametrize(
    ("proxies", "status"), [(frozenset(), 429), (frozenset({"127.0.0.1"}), 200)]
)
def test_what_a_request_says_of_its_address_counts_only_from_a_proxy_of_ours(
    tmp_path, long_minute, proxies, status
):
    limits = Limits(per_address_minute=3, proxies=proxies)
    with serving(tmp_path / "x", limits=limits) as served, served.client() as client:
        told = [{"x-forwarded-for": f"203.0.113.9, 198.51.100.{n}"} for n in range(5)]
        answers = [client.get("/health", headers=lines).status_code for lines in told]
        assert answers[-1] == status


def test_a_proxys_word_is_the_last_one(tmp_path, long_minute):
    limits = Limits(per_address_minute=3, proxies=frozenset({"127.0.0.1"}))
    with serving(tmp_path / "x", limits=limits) as served, served.client() as client:
        told = [{"x-forwarded-for": f"203.0.113.{n}, 198.51.100.7"} for n in range(5)]
        answers = [client.get("/health", headers=lines).status_code for lines in told]
        assert answers == [200] * 3 + [429] * 2


def test_a_customers_whole_network_has_one_share(tmp_path, long_minute):
    limits = Limits(per_address_minute=3, proxies=frozenset({"127.0.0.1"}))
    with serving(tmp_path / "x", limits=limits) as served, served.client() as client:
        told = [{"x-forwarded-for": f"2001:db8:1:2::{n}"} for n in range(5)]
        answers = [client.get("/health", headers=lines).status_code for lines in told]
        assert answers == [200] * 3 + [429] * 2


def test_a_hundred_connections_that_say_nothing_stop_nobody(served, alice):
    idle = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(100)]
    assert served.remote(alice).position()
    for one in idle:
        one.close()
