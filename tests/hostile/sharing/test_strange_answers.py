"""A server that says strange things in the form of HTTP: what is no answer harms nothing for long.

Passed if each is refused as what it is, no memory grows with what it says, nothing that is to be
published is given up for it, and the next good answer is taken as if nothing had been.
"""

import gzip
import json
import threading
import tracemalloc

import pytest

from exchanges import ORIGIN, an_item
from served import a_key, now
from servers import answer, raw
from tocsin.entries.envelope import Position
from tocsin.errors import TocsinError
from tocsin.exchange.errors import ExchangeError, Malformed
from tocsin.exchange.keys import SigningKey
from tocsin.sharing.following import Following
from tocsin.sharing.outbox import State

GOOD = json.dumps({"sequence": 1, "digest": "00" * 32}).encode()


def head(*lines, status=200, body=b"<html>"):
    """An answer of these header lines, as they are."""
    start = (b"HTTP/1.1 %d X" % status, *lines, b"Connection: close")
    return raw(b"\r\n".join(start) + b"\r\n\r\n" + body)


@pytest.mark.parametrize("status", [200, 302, 401])
@pytest.mark.parametrize(
    "line",
    [
        b"X: " + b"y" * 200_000,
        b"\r\n".join(b"X%d: y" % number for number in range(10_000)),
        b"Location: http://169.254.169.254/",
        b"Location: http://[::1",
        b"Content-Type: application/json; charset=utf-16",
        b"Content-Encoding: br",
        b"Content-Length: -1",
        b"Content-Length: 99999999999999999999999",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5",
        b"Set-Cookie: \xff=\xfe; max-age=9999999999999999999999",
    ],
    ids=lambda line: line[:30].decode("latin-1"),
)
def test_strange_heads_are_refused_and_forgotten(server, remote, line, status):
    asks = (
        remote.position,
        remote.cosigned,
        remote.about,
        lambda: remote.payloads(0, 3),
        lambda: remote.get("checkpoint"),
        lambda: list(remote.rings(0, threading.Event())),
    )
    server.reply = head(line, status=status)
    for ask in asks:
        try:
            ask()
        except (TocsinError, ExchangeError):
            continue
    server.reply = answer(200, GOOD)
    assert remote.position() == Position(1, bytes(32))


def test_no_cookie_is_kept_or_sent(server, remote):
    server.reply = answer(200, GOOD, Set_Cookie="id=" + "x" * 1000)
    remote.position()
    remote.position()
    assert "cookie" not in server.asked[1].headers


@pytest.mark.parametrize(
    "date",
    [
        b"Fri, 31 Dec 9999 23:59:59 -2359",
        b"Mon, 01 Jan 0001 00:00:00 +2359",
        b"Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        b"Thu, 01 Jan 2026 00:00:00 +99999999999999999999",
        b"Fri, 31 Dec 9999 23:59:59 GMT",
        b"Mon, 01 Jan 0001 00:00:00 GMT",
    ],
)
def test_a_time_that_is_none_does_not_end_all_asking(server, remote, date):
    stale = b'{"detail": "no", "code": "stale_request"}'
    server.reply = head(b"Date: " + date, status=401, body=stale)
    for _ in range(2):
        with pytest.raises(TocsinError, match="no"):
            remote.position()
    server.reply = answer(200, GOOD)
    assert remote.position() == Position(1, bytes(32))


def test_what_follows_a_compressed_object_is_not_gathered(server, remote):
    server.reply = answer(200, gzip.compress(b"x") + bytes(16 << 20), Content_Encoding="gzip")
    tracemalloc.start()
    try:
        with pytest.raises(Malformed, match="behind"):
            remote.get("checkpoint")
        assert tracemalloc.get_traced_memory()[1] < 24 << 20  # The server's own copy is 16 MB.
    finally:
        tracemalloc.stop()


@pytest.fixture
def publisher(server, remote, sqlite_store, tmp_path):
    """A member with one item in its outbox, whose exchange answers as the server does."""
    key = SigningKey.generate(ORIGIN).verifier
    following = Following(
        sqlite_store,
        None,
        now,
        tmp_path / "keys",
        connect=lambda *_: remote,
        changed=lambda: None,
        processes=1,
    )
    about = {"origin": ORIGIN, "url": "https://x.example", "policy": f"log {key}\nquorum none\n"}
    following.add("hub", member="dana", key=a_key(), actor="cli", **about)
    publisher = following.publisher("hub")
    publisher.put([an_item(1)])
    return publisher


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422])
def test_the_page_of_a_proxy_is_no_refusal_by_the_exchange(server, publisher, status):
    server.reply = answer(status, b"<html>Please log in</html>", Content_Type="text/html")
    with pytest.raises(TocsinError):
        publisher.send()
    assert len(publisher._waiting()) == 1


def test_a_leaf_that_is_none_is_no_refusal_by_the_exchange(server, publisher):
    def reply(handler):
        logged = json.dumps({"entries": [{"index": 1, "leaf": "AAAA"}]}).encode()
        answer(200, logged if handler.command == "POST" else GOOD)(handler)

    server.reply = reply
    with pytest.raises(TocsinError):
        publisher.send()
    assert [row.state for row in publisher._waiting()] == [State.WAITING.value]
