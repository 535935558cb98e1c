"""Every route of the API, as its own document lists them."""

import pytest

from tocsin.keys import Scope
from tocsin.web.routing import SCOPE

HMA = {"/h/", "/m/", "/c/"}
OPEN = {"/health", "/ready", "/status", "/status/live", "/site-map"}
FILLING = {"{name}": "nobody", "{id}": "1"}


def operations(client):
    """Every method and path with the scope it asks for, or None."""
    paths = client.get("/openapi.json").json()["paths"]
    return [
        (method.upper(), path, operation.get(SCOPE))
        for path, methods in paths.items()
        for method, operation in methods.items()
    ]


def ask(client, method, path, **more):
    for slot, value in FILLING.items():
        path = path.replace(slot, value)
    return client.request(method, path, **more)


def test_only_health_and_status_ask_for_no_key(stranger):
    assert {path for _, path, scope in operations(stranger) if scope is None} == OPEN


def test_no_other_route_does_anything_for_a_stranger(stranger):
    guarded = [one for one in operations(stranger) if one[2]]
    assert {ask(stranger, method, path).status_code for method, path, _ in guarded} == {401}


def test_no_route_does_anything_for_a_wrong_key(stranger):
    wrong = {"X-API-Key": "tocsin_0123456789abcdef_" + "A" * 43}
    guarded = [one for one in operations(stranger) if one[2]]
    answers = {ask(stranger, method, path, headers=wrong) for method, path, _ in guarded}
    assert {one.status_code for one in answers} == {401}


@pytest.mark.parametrize("scope", [one for one in Scope if one is not Scope.ADMIN])
def test_a_key_opens_the_routes_of_its_scope_and_no_other(served, stranger, scope):
    with served.client(scope) as client:
        for method, path, wanted in operations(stranger):
            if wanted:
                refused = ask(client, method, path).status_code == 403
                fetching = path in {"/h/hash", "/v1/screen/url"}  # Refused by the node's settings.
                assert refused == (wanted != scope) or (refused and fetching), (method, path)


def test_a_key_of_scope_admin_opens_every_route(api):
    for method, path, scope in operations(api):
        if scope and path not in {"/h/hash", "/v1/screen/url"}:
            assert ask(api, method, path).status_code not in {401, 403}, (method, path)


def test_the_key_is_asked_for_before_the_body_is_read(stranger):
    broken = {"content": b"{", "headers": {"content-type": "application/json"}}
    assert stranger.post("/v1/lists", **broken).status_code == 401


def test_every_error_is_documented_in_the_shape_it_has(stranger):
    paths = stranger.get("/openapi.json").json()["paths"]
    for path, methods in paths.items():
        shape = "application/json" if path[:3] in HMA else "application/problem+json"
        for operation in methods.values():
            errors = [one for status, one in operation["responses"].items() if status[0] in "45"]
            assert {kind for one in errors for kind in one.get("content", {})} <= {shape}, path


def test_no_route_takes_a_parameter_that_it_does_not_know(api):
    ours = [(one, path) for one, path, scope in operations(api) if scope and path[:3] not in HMA]
    answers = {(one, path): ask(api, one, path, params={"limt": 3}) for one, path in ours}
    assert {key for key, answer in answers.items() if answer.status_code < 400} == set()
    reads = [answer.text for (method, _), answer in answers.items() if method == "GET"]
    assert all("query.limt" in one for one in reads)


def test_who_asks_for_the_health_or_as_of_hma_may_add_what_it_likes(api):
    for path in ("/health", "/ready", "/c/banks"):
        assert api.get(path, params={"at": 1}).status_code == 200
