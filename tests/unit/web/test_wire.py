"""Connections at the level of bytes, against a real server."""

import socket
from contextlib import closing

import pytest

from tocsin.web import wire
from waiting import WAIT_S

OK = b"HTTP/1.1 200"


@pytest.fixture
def connect(served):
    def open_one():
        connection = socket.create_connection(("127.0.0.1", served.port), timeout=WAIT_S)
        return closing(connection)

    return open_one


def read(connection, until=b"\r\n\r\n"):
    """Read until the bytes have come, or the end."""
    got = b""
    while until not in got and (piece := connection.recv(65536)):
        got += piece
    return got


def ended(connection):
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        return True
    return True


def test_requests_follow_one_another_on_a_connection(connect):
    with connect() as connection:
        for _ in range(3):
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert read(connection, b'"alive"}').startswith(OK)


def test_requests_sent_at_once_are_answered_in_order(connect):
    with connect() as connection:
        connection.sendall(
            b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /x HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        got = read(connection, b"/problems/not-found")
        assert got.index(b" 200 ") < got.index(b" 404 ")


def test_a_head_that_never_ends_is_cut_off(connect):
    with connect() as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n")
        try:
            for number in range(10_000):
                connection.sendall(b"X-%d: %s\r\n" % (number, b"y" * 1000))
            got = read(connection)
        except (BrokenPipeError, ConnectionResetError):
            return
        assert b" 431 " in got or got == b""


def test_a_client_that_says_nothing_is_let_go(connect, monkeypatch):
    monkeypatch.setattr(wire, "HEAD_S", 0.2)
    with connect() as connection:
        assert ended(connection)


def test_a_client_that_drips_its_head_is_let_go(connect, monkeypatch):
    monkeypatch.setattr(wire, "HEAD_S", 0.2)
    with connect() as connection:
        connection.sendall(b"GET /health HT")
        assert ended(connection)


def test_a_client_that_stops_in_its_body_is_let_go(served, connect, monkeypatch):
    monkeypatch.setattr(wire, "PAUSE_S", 0.2)
    token = served.token().encode()
    with connect() as connection:
        connection.sendall(
            b"POST /v1/screen/file HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + b"\r\n"
            b"Content-Type: image/jpeg\r\nContent-Length: 100\r\n\r\nhalf"
        )
        assert ended(connection)


def test_a_client_that_goes_on_sending_after_its_answer_gets_the_answer(connect, monkeypatch):
    monkeypatch.setattr(wire, "LINGER_S", WAIT_S)
    with connect() as connection:
        connection.sendall(
            b"POST /v1/screen/file HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
        )
        for _ in range(10):
            connection.sendall(b"x" * 100_000)
        assert b" 401 " in read(connection)


def test_what_comes_after_the_answer_is_not_waited_for_for_ever(connect, monkeypatch):
    monkeypatch.setattr(wire, "LINGER_S", 0.2)
    with connect() as connection:
        connection.sendall(
            b"POST /v1/screen/file HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nx"
        )
        assert b" 401 " in read(connection)
        assert ended(connection)


def test_a_slow_client_holds_up_nobody_else(served, connect, stranger):
    with connect() as slow:
        slow.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n")
        assert stranger.get("/health").status_code == 200
