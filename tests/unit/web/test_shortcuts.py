import json

import pytest

from tocsin.sample import encode, picture
from tocsin.web import hma, screen
from tocsin.web.app import ROUTERS
from tocsin.web.routing import Guarded
from tocsin.web.schemas import ScreenHashes
from tocsin.web.shortcuts import Shortcut

PLAIN = ("id", "at")


def ask(api, body, **headers):
    kind = {"content-type": "application/json", **headers}
    return api.post("/v1/screen/hashes", content=body, headers=kind)


@pytest.fixture
def both_ways(api, seed):
    """Send one body the short way, and the long way that an idempotency key takes."""

    def send(body):
        return ask(api, body), ask(api, body, **{"idempotency-key": f"short-{seed}"})

    return send


def without_what_differs(answer):
    content = answer.json()
    return {key: one for key, one in content.items() if key not in PLAIN}


@pytest.mark.parametrize(
    "body",
    [
        b'{"signals": [{"type": "md5", "signal": "00000000000000000000000000000000"}]}',
        b'{"signals": []}',
        b'{"signals": [{"type": "md5", "signal": "0"}], "x": 1}',
        b'{"signals": 1, "signals": 2}',
        b'{"signals": [{"type": "url", "signal": "nonsense \\u0000"}]}',
        b'{"signals": [{"type": "url", "signal": "not a link"}]}',
        b'{"lists": ["nowhere"], "signals": [{"type": "url", "signal": "http://a.example/"}]}',
        b"not json",
        b"",
    ],
)
def test_the_short_way_answers_as_the_long_way(both_ways, body):
    short, long = both_ways(body)
    assert short.status_code == long.status_code
    assert without_what_differs(short) == without_what_differs(long)
    assert short.headers["content-type"] == long.headers["content-type"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("image/jpeg", encode(picture(1), "JPEG")),
        ("image/jpeg", b"no picture"),
        ("image/jpeg", b""),
        ("text/plain", b"no file"),
        ("multipart/form-data; boundary=x", b"--x\r\nbroken"),
        ("multipart/form-data", b""),
    ],
)
def test_a_file_is_answered_on_the_short_way_as_on_the_long_way(api, kind, body):
    short, long = (
        api.post(f"/v1/screen/file{query}", content=body, headers={"content-type": kind})
        for query in ("", "?name=")
    )
    assert short.status_code == long.status_code
    assert without_what_differs(short) == without_what_differs(long)
    assert short.headers["content-type"] == long.headers["content-type"]


def test_a_file_on_the_short_way_may_be_as_large_as_a_file(api):
    kind = {"content-type": "image/jpeg"}
    assert api.post("/v1/screen/file", content=b" " * (5 << 20), headers=kind).status_code == 200


def test_the_short_way_asks_for_a_key(stranger):
    assert ask(stranger, b"{}").status_code == 401


def test_the_short_way_refuses_another_media_type(api):
    assert ask(api, b"{}", **{"content-type": "text/plain"}).status_code == 415


def test_the_short_way_refuses_a_body_that_is_too_large(api):
    assert ask(api, b" " * (5 << 20)).status_code == 413


def test_the_short_way_has_the_headers_of_every_answer(api):
    headers = ask(api, b"{}").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "ratelimit" in headers


def test_a_shortcut_belongs_to_a_route_that_is_declared(served):
    serving = None
    way = Shortcut(screen.router, screen.screen_hashes, ScreenHashes, serving)
    assert way.key == ("POST", "/v1/screen/hashes")
    declared = [one for router in ROUTERS for one in router.routes if isinstance(one, Guarded)]
    assert way.key[1] in {one.path for one in declared}


def test_a_function_that_is_no_route_has_no_shortcut():
    with pytest.raises(ValueError, match="not enough values"):
        Shortcut(hma.router, json.dumps, ScreenHashes, None)
