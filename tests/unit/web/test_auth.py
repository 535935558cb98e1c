import pytest

from nodes import bearer, running
from tocsin.errors import Refused
from tocsin.keys import Scope
from tocsin.web.auth import ACTOR, ANONYMOUS, SHARE, Guard
from tocsin.web.problems import TooMany, UnknownKey
from tocsin.web.rates import Rates


@pytest.fixture
def guard(served):
    return Guard(served.node.keys, Rates(1000))


def showing(**headers):
    """A request with these headers; underscores stand for dashes."""
    named = [(key.replace("_", "-").encode(), value.encode()) for key, value in headers.items()]
    return {"type": "http", "headers": named}


def test_a_key_is_taken_from_the_authorization_header(served, guard):
    request = showing(authorization=f"Bearer {served.token(Scope.SCREEN)}")
    assert guard.admit(request, Scope.SCREEN) == request[ACTOR]


def test_the_scheme_is_read_in_any_case(served, guard):
    assert guard.admit(showing(authorization=f"bEARER {served.token()}"), Scope.SCREEN)


def test_a_key_is_taken_from_x_api_key_as_well(served, guard):
    assert guard.admit(showing(x_api_key=served.token()), Scope.SCREEN)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Bearer tocsin_0123456789abcdef_" + "A" * 43},
        {"authorization": "Basic YWxpY2U6c2VjcmV0"},
        {"x_api_key": "wrong"},
        {"x_api_key": "tocsin_\N{LATIN SMALL LETTER E WITH ACUTE}"},
    ],
)
def test_whoever_shows_no_valid_key_is_unknown(guard, headers):
    with pytest.raises(UnknownKey):
        guard.admit(showing(**headers), Scope.SCREEN)


def test_a_key_without_the_scope_is_known_but_refused(served, guard):
    request = showing(x_api_key=served.token(Scope.SCREEN))
    with pytest.raises(Refused, match="lists:write"):
        guard.admit(request, Scope.LISTS_WRITE)


def test_an_open_route_lets_in_who_shows_no_key(guard):
    assert guard.admit(showing(), Scope.SCREEN, open_=True) == ANONYMOUS


def test_an_open_route_still_refuses_a_wrong_key(guard):
    with pytest.raises(UnknownKey):
        guard.admit(showing(x_api_key="wrong"), Scope.SCREEN, open_=True)


def test_a_key_that_asks_too_often_is_told_to_wait(served):
    guard = Guard(served.node.keys, Rates(1))
    token = served.token()
    guard.admit(showing(x_api_key=token), Scope.SCREEN)
    request = showing(x_api_key=token)
    with pytest.raises(TooMany) as refusal:
        guard.admit(request, Scope.SCREEN)
    assert refusal.value.wait_s > 0
    assert request[SHARE].left == 0


def test_a_revoked_key_is_refused_at_once(served):
    with served.client(Scope.SCREEN) as client:
        assert client.get("/v1/labels").status_code == 200
        key = client.headers["authorization"].split("_")[1]
        served.node.keys.revoke(key, actor="bob")
        assert client.get("/v1/labels").status_code == 401


def test_a_limit_is_answered_over_http_with_what_is_left_and_when_to_come_back(tmp_path):
    with running(tmp_path, rate_per_minute=2) as node, node.client() as client:
        answers = [client.get("/v1/labels") for _ in range(3)]
        assert [one.status_code for one in answers] == [200, 200, 429]
        assert int(answers[2].headers["retry-after"]) > 0
        left = [one.headers["ratelimit"].split(";")[1] for one in answers]
        assert left == ["r=1", "r=0", "r=0"]


def test_hma_routes_are_open_only_where_the_operator_opened_them(tmp_path, stranger):
    assert stranger.get("/c/banks").status_code == 401
    with running(tmp_path, hma_open=True) as node, node.stranger() as anyone:
        assert anyone.get("/c/banks").status_code == 200
        assert anyone.get("/v1/lists").status_code == 401
        assert anyone.get("/c/banks", headers=bearer("wrong")).status_code == 401
