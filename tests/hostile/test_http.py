"""Requests that are not meant well: each ends in a clear refusal, and the node goes on."""

import socket
from contextlib import closing
from urllib.parse import quote

import pytest

from nodes import running
from tocsin.keys import Scope


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with running(tmp_path_factory.mktemp("node"), max_upload_bytes=100_000) as node:
        yield node


@pytest.fixture(scope="module")
def token(served):
    return served.token()


@pytest.fixture(autouse=True)
def unharmed(served):
    """After each attack the node answers as if nothing had been."""
    yield
    with served.client(Scope.SCREEN) as client:
        signal = {"type": "md5", "signal": "0" * 32}
        screened = client.post("/v1/screen/hashes", json={"signals": [signal]})
        assert (screened.status_code, screened.json()["verdict"]) == (200, "allow")


@pytest.fixture
def say(served):
    """Send bytes as they are and return all that comes back until the node hangs up, or a pause.

    `wait_s`: for how long there may be no answer at all.
    """

    def send(*pieces, wait_s=30):
        with closing(socket.create_connection(("127.0.0.1", served.port), timeout=30)) as one:
            one.settimeout(wait_s)
            got = b""
            try:
                for piece in pieces:
                    one.sendall(piece)
                while piece := one.recv(65536):
                    got += piece
                    one.settimeout(2)
            except OSError:
                pass
            return got

    return send


def head(token, path, *lines, method="POST"):
    wanted = (f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}", *lines)
    return "\r\n".join((*wanted, "", "")).encode()


def status(answer):
    return int(answer.split(b" ", 2)[1]) if answer else 0


def test_a_body_of_two_gigabytes_is_refused_before_it_comes(say, token):
    lines = ("Content-Type: image/jpeg", f"Content-Length: {2 << 30}")
    answer = say(head(token, "/v1/screen/file", *lines))
    assert status(answer) == 413
    assert b"max_upload_bytes" in answer


def test_a_body_that_grows_beyond_the_limit_without_saying_so_is_cut_off(say, token):
    lines = ("Content-Type: image/jpeg", "Transfer-Encoding: chunked")
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    assert status(say(head(token, "/v1/screen/file", *lines), *[chunk] * 10)) == 413


def test_json_that_grows_beyond_the_limit_is_cut_off(say, token):
    lines = ("Content-Type: application/json", "Transfer-Encoding: chunked")
    chunk = b"100000\r\n" + b"[" * 0x100000 + b"\r\n"
    assert status(say(head(token, "/v1/lists", *lines), *[chunk] * 6)) == 413


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\nabc\r\n0\r\n\r\n",
        b"-1\r\nabc\r\n0\r\n\r\n",
        b"FFFFFFFFFFFFFFFFF\r\nabc\r\n",
        b"3\r\nabcdef\r\n0\r\n\r\n",
        b"3;" + b"x" * 100_000,
    ],
    ids=["no number", "negative", "overflow", "longer than said", "endless extension"],
)
def test_chunks_that_lie_about_their_size_are_refused(say, token, body):
    lines = ("Content-Type: application/json", "Transfer-Encoding: chunked")
    # The node may wait for the rest: no answer is no harm.
    answer = say(head(token, "/v1/lists", *lines), body, wait_s=2)
    assert status(answer) in {0, 400, 413, 422}


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Content-Length: -5",),
        ("Content-Length: 5, 5",),
        ("Content-Length: 99999999999999999999999",),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding: xchunked",),
    ],
    ids=str,
)
def test_a_body_of_two_lengths_is_never_read_as_two_requests(say, token, lines):
    smuggled = b"0\r\n\r\nDELETE /v1/lists/known HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = say(head(token, "/v1/lists", "Content-Type: application/json", *lines), smuggled)
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert b" 20" not in answer[:20]


@pytest.mark.parametrize(
    "request_",
    [
        b"\x00" * 1000,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /v1/lists HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET /v1/lists HTTP/1.1\r\nA\x00B: c\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET " + b"/a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nCookie: " + b"x" * 200_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 50_000 + b"\r\n",
    ],
    ids=[
        "zeroes",
        "no address",
        "a version that is not",
        "a header without a colon",
        "a header with a NUL",
        "HTTP/2",
        "TLS",
        "a long address",
        "a long header",
        "many headers",
    ],
)
def test_what_is_no_proper_request_is_refused_or_hung_up_on(say, request_):
    assert status(say(request_)) in {0, 400, 404, 414, 431}


@pytest.mark.parametrize(
    "path",
    [
        "/v1/lists/../../etc/passwd",
        "/v1/lists/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/v1/lists/..%00",
        "/v1/lists/known%0d%0aSet-Cookie:%20a=b/export",
        "/v1/lists/%ff%fe",
        "/v1/lists/" + "a" * 5000,
        "/v1/lists/'%20OR%201=1--",
        "/v1/lists/x/../../keys",
        "//v1/lists",
        "/v1/lists/.",
        "/v1/./lists",
        "/v1/lists;a=b",
        "/c/bank/%00",
        "/v1/screenings/" + quote("' UNION SELECT 1"),
    ],
)
def test_a_path_never_leads_anywhere_but_to_its_route(say, token, path):
    answer = say(head(token, path, "Connection: close", method="GET"))
    assert status(answer) in {400, 404, 422}
    assert b"set-cookie" not in answer.lower()
    assert b"root:" not in answer


def test_a_header_of_ours_cannot_be_made_to_hold_another(served, token):
    with served.client() as client:
        client.post("/v1/lists", json={"name": "known"})
        answer = client.get("/v1/lists/known/export?format=csv%0d%0aSet-Cookie:a=b")
        assert (answer.status_code, "set-cookie" in answer.headers) == (422, False)


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "a", "name": "b"}',
        b'{"name": "a", "ttl_days": 1e400}',
        b'{"name": "a", "ttl_days": NaN}',
        b'{"name": "a", "radius": ' + b"9" * 4000 + b"}",
        b'{"name": "\\ud800"}',
        b'{"name": "a\\u0000"}',
        b'{"name": "a", "reason": "' + b"x" * 10_000 + b'"}',
        b'{"name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"__proto__": {}, "name": "a"}',
        b'\xef\xbb\xbf{"name": "a"}',
        '{"name": "ä"}'.encode("latin-1"),
        '{"name": "a"}'.encode("utf-16"),
    ],
    ids=lambda body: repr(body[:30]),
)
def test_json_that_is_not_what_it_seems_creates_nothing(served, token, body):
    with served.client() as client:
        before = client.get("/v1/lists").json()
        kind = {"content-type": "application/json"}
        assert client.post("/v1/lists", content=body, headers=kind).status_code in {400, 422}
        assert client.get("/v1/lists").json() == before


def test_compressed_bodies_are_not_unpacked(served, token):
    with served.client() as client:
        headers = {"content-type": "application/json", "content-encoding": "gzip"}
        assert client.post("/v1/lists", content=b"\x1f\x8b", headers=headers).status_code == 400


@pytest.mark.parametrize(
    "name", ["../../x.jpg", "a\0b.jpg", 'a"; filename="b.jpg', "\N{RIGHT-TO-LEFT OVERRIDE}gpj.x"]
)
def test_the_name_of_a_file_is_only_a_name(served, name):
    with served.client() as client:
        body = (
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="'
            + name.encode()
            + b'"\r\n\r\nx\r\n--b--\r\n'
        )
        kind = {"content-type": "multipart/form-data; boundary=b"}
        answer = client.post("/v1/screen/file", content=body, headers=kind)
        assert answer.status_code in {200, 400, 422}


def test_a_hundred_connections_that_do_nothing_stop_nobody(served):
    idle = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(100)]
    try:
        with served.stranger() as client:
            assert client.get("/health").status_code == 200
    finally:
        for one in idle:
            one.close()


def test_guessing_keys_gets_nobody_in_and_locks_nobody_out(served):
    with served.stranger() as guesser:
        for number in range(200):
            wrong = f"tocsin_{number:016x}_{'A' * 43}"
            headers = {"Authorization": f"Bearer {wrong}"}
            assert guesser.get("/v1/lists", headers=headers).status_code == 401
