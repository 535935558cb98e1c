import pytest
from starlette.requests import ClientDisconnect
from structlog.testing import capture_logs

from tocsin.web.door import Door
from tocsin.web.metrics import Metrics

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def send_through(served):
    """Send a GET through a door in front of an application; return what came out."""

    async def send(app, path="/x"):
        out = []

        async def take(message):
            out.append(message)

        scope = {"type": "http", "method": "GET", "path": path, "headers": []}
        await Door(app, {}, Metrics(served.node))(scope, None, take)
        return out

    return send


async def broken(scope, receive, send):
    raise RuntimeError("token=secret")


async def broken_half_way(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    raise RuntimeError("token=secret")


async def test_a_fault_of_our_own_is_answered_and_shows_nothing(send_through):
    start, body = await send_through(broken)
    assert start["status"] == 500
    assert b"secret" not in body["body"]


async def test_a_client_that_hung_up_is_no_fault(send_through):
    async def left_alone(scope, receive, send):
        raise ClientDisconnect

    with capture_logs() as lines:
        assert await send_through(left_alone) == []
    assert [line["status"] for line in lines] == [499]


async def test_an_answer_that_breaks_off_is_not_made_to_look_whole(send_through):
    with pytest.raises(RuntimeError):
        await send_through(broken_half_way)


async def test_a_fault_is_logged_with_its_route(send_through):
    with capture_logs() as lines:
        await send_through(broken)
    assert [line["event"] for line in lines] == ["request_failed", "request"]
    assert lines[1]["status"] == 500


def test_every_answer_is_kept_out_of_caches_and_pages(stranger):
    for path in ("/health", "/nowhere", "/v1/lists", "/openapi.json"):
        headers = stranger.get(path).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]


def test_an_unknown_path_and_method_are_problems(stranger):
    nowhere, wrong = stranger.get("/nowhere"), stranger.put("/health")
    assert (nowhere.status_code, nowhere.json()["type"]) == (404, "/problems/not-found")
    assert wrong.status_code == 405
    assert {one.headers["content-type"] for one in (nowhere, wrong)} == {"application/problem+json"}


def test_a_wrong_method_is_told_all_that_the_path_has(stranger):
    for path, methods in {"/health": "GET", "/v1/lists": "GET, POST"}.items():
        assert stranger.put(path).headers["allow"] == methods
    assert stranger.post("/v1/lists/x/items/1").headers["allow"] == "DELETE, GET, PATCH"


def test_the_log_of_a_request_holds_no_token_and_no_name(api, known):
    with capture_logs() as lines:
        api.get(f"/v1/lists/{known}")
    text = str(lines)
    assert api.headers["authorization"].split()[1] not in text
    assert known not in text


async def test_an_answer_that_may_be_kept_says_so_alone(send_through):
    kept = (b"cache-control", b"public, max-age=2")

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [kept]})
        await send({"type": "http.response.body", "body": b""})

    start, _ = await send_through(app)
    assert [one for one in start["headers"] if one[0] == b"cache-control"] == [kept]
    assert (b"x-content-type-options", b"nosniff") in start["headers"]
