"""The document of the exchange's API, and what a program makes of it that signs its requests."""

import secrets
from contextlib import suppress

import pytest
import requests
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.generation.modes import GenerationMode

from served import now
from tocsin.entries.requests import sign
from tocsin.web.exchange.entering import Signature
from tocsin.web.exchange.routes import router

ROUTES = [one for one in router.routes if isinstance(one, APIRoute)]


@pytest.fixture
def document(stranger):
    return stranger.get("/openapi.json").json()


@pytest.fixture
def api(served):
    return schemathesis.openapi.from_url(f"{served.url}/openapi.json")


class Signed(requests.auth.AuthBase):
    """Signs each request as a member."""

    def __init__(self, key):
        self._key = key

    def __call__(self, request):
        body = request.body or b""
        signed = sign(
            request.method,
            request.url,
            key=self._key,
            at=now(),
            nonce=secrets.token_hex(16),
            body=body.encode() if isinstance(body, str) else body,
            content_type=request.headers.get("Content-Type", ""),
        )
        request.headers.update(signed)
        return request


@pytest.mark.parametrize("mode", GenerationMode, ids=str)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_nothing_that_the_document_allows_or_forbids_goes_wrong(api, alice, route, mode):
    (method,) = route.methods
    operation = api[route.path][method]
    declared = operation.definition.raw["responses"]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=10,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case):
        answer = case.call(auth=Signed(alice.key))
        assert str(answer.status_code) in {*declared, "404", "405"}
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == ["application/problem+json"]

    with suppress(Unsatisfiable):  # Nothing is forbidden where nothing is asked for.
        ask()


def test_every_route_is_in_the_document(document):
    declared = {(one.path, method.lower()) for one in ROUTES for method in one.methods}
    shown = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert shown == declared


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_every_route_says_whether_it_asks_for_a_signature(document, route):
    (method,) = (one.lower() for one in route.methods)
    operation = document["paths"][route.path][method]
    signature = Signature(route.openapi_extra["x-signature"])
    assert ("security" in operation) == (signature is not Signature.NONE)
    assert ("401" in operation["responses"]) == (signature is not Signature.NONE)


def test_a_method_that_a_path_has_not_is_told_which_it_has(stranger):
    answer = stranger.delete("/v1/entries")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    answer = stranger.post("/checkpoint")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


def test_every_answer_says_that_it_is_no_page(stranger):
    for path in ("/checkpoint", "/v1/about", "/nowhere"):
        shown = stranger.get(path).headers
        assert shown["x-content-type-options"] == "nosniff"
        assert shown["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert len(shown.get_list("cache-control")) == 1
