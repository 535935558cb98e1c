"""Objects come over real http, in their own size and no larger."""

import gzip
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest

from logs import WatchedLog, an_entry
from tocsin.exchange.errors import Absent, Malformed, Unavailable
from tocsin.exchange.fetching import HttpFetch
from tocsin.exchange.reading import Advanced, Reader
from waiting import WAIT_S


class Server(ThreadingHTTPServer):
    """Serves what `answers` says by path: a status, headers and a body."""

    daemon_threads = True

    def __init__(self, find):
        super().__init__(("127.0.0.1", 0), Handler)
        self.find = find
        Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        status, headers, body = self.server.find(self.path)
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def serve():
    """Start a server for a function of the path, and return a fetch from it."""
    servers = []
    with httpx.Client(timeout=WAIT_S, trust_env=False) as client:

        def start(find):
            servers.append(Server(find))
            return HttpFetch(client, f"http://127.0.0.1:{servers[-1].server_port}/log/")

        yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_an_object_is_fetched_under_the_prefix(serve):
    fetch = serve(lambda path: (200, {}, path.encode()))
    assert fetch.get("tile/0/x001/234.p/5") == b"/log/tile/0/x001/234.p/5"


def test_compression_nobody_asked_for_is_undone(serve):
    body = gzip.compress(b"note")
    assert serve(lambda _: (200, {"Content-Encoding": "gzip"}, body)).get("checkpoint") == b"note"


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_gone_is_absent(serve, status):
    with pytest.raises(Absent):
        serve(lambda _: (status, {}, b"")).get("checkpoint")


@pytest.mark.parametrize("status", [204, 301, 403, 429, 500, 503])
def test_any_other_answer_is_no_answer(serve, status):
    with pytest.raises(Unavailable, match=str(status)):
        serve(lambda _: (status, {"Location": "/elsewhere"}, b"")).get("checkpoint")


def test_an_object_larger_than_it_can_be_is_cut_off(serve):
    with pytest.raises(Malformed, match="8192"):
        serve(lambda _: (200, {}, bytes(8193))).get("tile/0/000")


def test_a_bomb_is_cut_off_while_it_inflates(serve):
    bomb = gzip.compress(bytes(200 * 2**20))
    with pytest.raises(Malformed):
        serve(lambda _: (200, {"Content-Encoding": "gzip"}, bomb)).get("tile/0/000")


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("gzip", b"plain"), ("gzip", gzip.compress(bytes(9999))[:-9]), ("br", b"x"), ("gzip", b"")],
    ids=["not compressed", "cut off", "unknown", "empty"],
)
def test_an_encoding_that_cannot_be_undone_is_no_answer(serve, encoding, body):
    with pytest.raises(Unavailable):
        serve(lambda _: (200, {"Content-Encoding": encoding}, body)).get("checkpoint")


def test_a_body_that_breaks_off_is_no_answer(serve):
    with pytest.raises(Unavailable):
        serve(lambda _: (200, {"Content-Length": "100"}, b"short")).get("checkpoint")


def test_a_server_that_is_not_there_is_unavailable():
    with httpx.Client(trust_env=False) as client, pytest.raises(Unavailable):
        HttpFetch(client, "http://127.0.0.1:9/log").get("checkpoint")


def test_a_whole_log_is_followed_over_http(serve, watched: WatchedLog):
    watched.fill(700)

    def find(path):
        try:
            return 200, {}, watched.storage.get(path.removeprefix("/log/"))
        except Absent:
            return 404, {}, b""

    reader = Reader(serve(find), watched.policy)
    outcome = reader.latest(None)
    assert isinstance(outcome, Advanced)
    read = [entry for part in reader.entries(outcome.tree, 0, 700) for entry in part]
    assert read == [an_entry(n) for n in range(700)]
