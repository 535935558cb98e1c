"""What an exchange answers is brought into form, or refused; how it fails is told apart."""

import json
import ssl
import threading

import pytest

from certificates import authority, server_context
from exchanges import ORIGIN, an_item
from served import a_key, clock_ahead, now, serving
from servers import a_port, answer, raw, serve
from tocsin.entries.envelope import Position, seal
from tocsin.entries.requests import Received, verify
from tocsin.errors import (
    Conflict,
    Damaged,
    InvalidInput,
    NotFound,
    Refused,
    TooLarge,
    Unavailable,
    UnsafeAddress,
)
from tocsin.exchange import errors as log
from tocsin.sharing import remote as remotes
from tocsin.sharing.remote import Remote
from waiting import WAIT_S

RING = {"old": 1, "size": 2, "checkpoint": "note", "leaves": ["AA=="], "contents": [""]}


def says(server, content, status=200):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    server.reply = answer(status, body, Content_Type="application/json")


def streams(server, *pieces, pause=lambda: None):
    start = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    first, *others = pieces
    server.reply = raw(start + first, *others, pause=pause)


def event(content):
    return f"event: ring\ndata: {json.dumps(content)}\n\n".encode()


def rings(remote, **more):
    return remote.rings(0, threading.Event(), **more)


def test_every_request_is_signed_for_its_own_address(server, remote):
    says(server, {"sequence": 1, "digest": "00" * 32})
    remote.position()
    remote.position()
    key, used = remote._key.public_key().public_bytes_raw(), set()

    class Nonces:
        def use(self, name, nonce, until):
            fresh = nonce not in used
            used.add(nonce)
            return fresh

    for asked in server.asked:
        received = Received("GET", server.url(asked.path), list(asked.headers.items()))
        verify(received, key_of=lambda _: key, nonces=Nonces(), now=now())
    assert len(used) == 2


def test_a_stranger_signs_nothing(server):
    says(server, {"origin": "a", "url": "b", "key": "c", "witnesses": [], "size": 1, "new": 2})
    assert Remote(server.url(""), local=True).about().size == 1
    assert "signature" not in server.asked[0].headers


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidInput),
        (401, Refused),
        (403, Refused),
        (404, NotFound),
        (409, Conflict),
        (413, TooLarge),
        (422, InvalidInput),
        (429, Unavailable),
        (500, Unavailable),
        (503, Unavailable),
        (302, Unavailable),
    ],
)
def test_what_went_wrong_has_its_kind_and_code(server, remote, status, kind):
    says(server, {"detail": "no", "code": "some_code", "advice": "do that"}, status)
    with pytest.raises(kind) as caught:
        remote.position()
    assert (str(caught.value), caught.value.code, caught.value.advice) == (
        "no",
        "some_code",
        "do that",
    )


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"detail": 7}', b"\xff", b"x" * 100_000])
def test_a_failure_in_no_form_is_still_one(server, remote, body):
    says(server, body, 502)
    with pytest.raises(Unavailable, match="502"):
        remote.position()


def test_a_strangers_words_do_not_reach_a_terminal_as_they_are(server, remote):
    says(server, {"detail": "a\x1b[31mb\u202e" + "c" * 1000, "code": "../../x"}, 409)
    with pytest.raises(Conflict) as caught:
        remote.position()
    assert str(caught.value).isprintable()
    assert (len(str(caught.value)) <= 300, caught.value.code) == (True, "")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        {"sequence": -1, "digest": "00" * 32},
        {"sequence": 1, "digest": "00"},
        {"sequence": True, "digest": "00" * 32},
        {"sequence": 2**60, "digest": "00" * 32},
        {"digest": "00" * 32},
        b"x" * (remotes.MAX_ANSWER_BYTES + 1),
    ],
    ids=lambda one: str(one)[:30],
)
def test_an_answer_in_another_form_is_damaged(server, remote, content):
    says(server, content)
    with pytest.raises(Damaged):
        remote.position()


def a_parcel(key):
    payload = b'{"x":1}'
    return seal(payload, 16, origin=ORIGIN, after=Position(), key=key, nonce=bytes(32))


@pytest.mark.parametrize(
    "entries", [[], [{"index": 1, "leaf": ""}], [{"index": 1, "leaf": "AA=="}]]
)
def test_an_answer_that_does_not_tell_of_what_was_sent_is_refused(server, remote, entries):
    says(server, {"entries": entries}, 201)
    with pytest.raises((Damaged, InvalidInput)):
        remote.submit([a_parcel(remote._key)])


def test_an_exchange_that_logs_something_else_is_caught(server, remote):
    other = a_parcel(a_key()).envelope.encode()
    says(server, {"entries": [{"index": 1, "leaf": remotes._base64(other)}]}, 201)
    with pytest.raises(Damaged, match="something else"):
        remote.submit([a_parcel(remote._key)])


@pytest.mark.parametrize("body", [b"", b"\x00", b"\x00\x01", b"\x00\x01a\x00", b"\x00\x00" * 3])
def test_a_bundle_that_does_not_hold_what_was_asked_for_is_damaged(server, remote, body):
    server.reply = answer(200, body)
    with pytest.raises(Damaged):
        remote.payloads(0, 2)


def test_a_bundle_is_cut_off_at_the_size_that_it_can_have(server, remote):
    server.reply = answer(200, b"\xff" * 70_000)
    with pytest.raises(Damaged, match="more than"):
        remote.payloads(0, 1)


def test_objects_fail_as_those_of_the_log_do(server, remote):
    says(server, b"", 404)
    with pytest.raises(log.Absent):
        remote.get("checkpoint")
    says(server, b"", 500)
    with pytest.raises(log.Unavailable):
        remote.get("checkpoint")


def test_an_exchange_that_is_gone_is_unavailable():
    with a_port() as nobodys:
        remote = Remote(f"http://127.0.0.1:{nobodys}", a_key(), local=True)
        for ask in (remote.position, remote.about, lambda: next(rings(remote))):
            with pytest.raises(Unavailable):
                ask()
        with pytest.raises(log.Unavailable):
            remote.get("checkpoint")


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:1", "https://[::1]:1", "https://169.254.169.254", "https://10.0.0.1"]
)
def test_private_addresses_are_reached_only_if_the_operator_says_so(url):
    with pytest.raises(UnsafeAddress):
        Remote(url).about()


def test_a_name_that_leads_home_is_seen_through():
    with pytest.raises(UnsafeAddress):
        Remote("https://exchange.example", resolve=lambda *_: ["127.0.0.1"]).about()


def test_nothing_is_sent_in_the_clear():
    with pytest.raises(UnsafeAddress):
        Remote("http://exchange.example")


def test_a_redirect_is_not_followed(server, remote):
    server.reply = answer(302, b"", Location="http://169.254.169.254/")
    with pytest.raises(Unavailable):
        remote.about()
    assert len(server.asked) == 1


def test_rings_are_read_and_signs_of_life_are_told(server, remote):
    streams(server, b": 1\n\n", event(RING), b": 2\n\n")
    heard = []
    found = rings(remote, heard=lambda: heard.append(1))
    assert next(found).leaves == (b"\0",)
    with pytest.raises(Unavailable, match="ended"):
        next(found)
    assert len(heard) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"size": 0},
        {"size": 3},
        {"leaves": ["AA==", "AA=="]},
        {"leaves": ["*"]},
        {"leaves": [7]},
        {"contents": ["", ""]},
        {"old": "1"},
        {"checkpoint": None},
    ],
    ids=str,
)
def test_a_ring_that_contradicts_itself_is_damaged(server, remote, change):
    streams(server, event(RING | change))
    with pytest.raises(Damaged):
        next(rings(remote))


def test_a_ring_may_leave_out_what_it_rings_for(server, remote):
    streams(server, event({"old": 1, "size": 9000, "checkpoint": "note", "later": 1}))
    ring = next(rings(remote))
    assert (ring.size, ring.leaves, ring.contents) == (9000, (), ())


def test_a_line_that_falls_silent_is_dead(server, remote, monkeypatch):
    monkeypatch.setattr(remotes, "SILENCE_S", 0.2)
    done = threading.Event()
    streams(server, b": 1\n\n", pause=lambda: done.wait(WAIT_S))
    with pytest.raises(Unavailable):
        list(rings(remote))
    done.set()


def test_closing_ends_a_line_on_which_another_thread_waits(server, remote):
    done, heard = threading.Event(), threading.Event()
    streams(server, b": 1\n\n", pause=lambda: done.wait(WAIT_S))
    listening = threading.Thread(target=lambda: list(rings(remote, heard=heard.set)))
    listening.start()
    assert heard.wait(WAIT_S)
    remote.close()
    listening.join(remotes.SILENCE_S / 2)  # It did not end of itself.
    assert not listening.is_alive()
    done.set()
    with pytest.raises(Unavailable):
        remote.about()


def test_a_line_ends_when_its_follower_stops(server, remote):
    streams(server, event(RING), b": 2\n\n", event(RING))
    stop = threading.Event()
    found = remote.rings(0, stop)
    next(found)
    stop.set()
    assert list(found) == []


@pytest.mark.parametrize("hours", [-30, 5])
def test_a_clock_that_is_hours_wrong_is_put_right_by_the_exchanges(tmp_path, hours):
    with serving(tmp_path / "x") as served:
        alice = served.join("alice")
        remote = served.remote(alice, clock=clock_ahead(hours=hours))
        assert remote.position() == Position()
        assert remote.submit(alice.chain(an_item(at=now()))) == [2]
        remote.close()


def test_another_refusal_is_not_tried_again(server, remote):
    says(server, {"detail": "no", "code": "unknown_key"}, 401)
    with pytest.raises(Refused):
        remote.position()
    assert len(server.asked) == 1


def test_an_exchange_that_always_calls_us_late_is_asked_twice(server, remote):
    says(server, {"detail": "no", "code": "stale_request"}, 401)
    with pytest.raises(Refused):
        remote.position()
    assert len(server.asked) == 2


def test_over_tls_the_certificate_is_checked_for_the_name():
    maker = authority()
    trusts = ssl.create_default_context(cadata=maker.text)
    with serve(answer(), server_context(maker, "exchange.example")) as server:
        says(server, b"")

        def reach(name):
            url = f"https://{name}:{server.port}"
            found = Remote(url, local=True, resolve=lambda *_: ["127.0.0.1"], tls=trusts)
            return found.cosigned()

        assert reach("exchange.example") == b""
        with pytest.raises(Unavailable, match="certificate"):
            reach("other.example")


@pytest.mark.parametrize(
    ("limit", "ask", "error"),
    [
        ("tocsin.sharing.answers.WHOLE_S", Remote.position, Unavailable),
        ("tocsin.exchange.fetching.WHOLE_S", lambda one: one.get("checkpoint"), log.Unavailable),
    ],
    ids=["answer", "object"],
)
def test_what_drips_is_not_waited_for_without_end(server, remote, monkeypatch, limit, ask, error):
    monkeypatch.setattr(limit, 0.2)
    done = threading.Event()
    start = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    server.reply = raw(start, *[b"x"] * 1000, pause=lambda: done.wait(0.05))
    with pytest.raises(error, match="more than"):
        ask(remote)
    done.set()
