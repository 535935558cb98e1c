import json

import pytest
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from tocsin.errors import (
    Conflict,
    Damaged,
    InvalidInput,
    NotFound,
    Refused,
    TocsinError,
    TooLarge,
    Unavailable,
    UnsafeAddress,
)
from tocsin.web.problems import KINDS, Malformed, TooMany, UnknownKey, WrongMedia, problem_of

STATUSES = [
    (Malformed("x"), 400),
    (UnknownKey("x"), 401),
    (Refused("x"), 403),
    (NotFound("x"), 404),
    (Conflict("x"), 409),
    (TooLarge("x"), 413),
    (WrongMedia("x"), 415),
    (InvalidInput("x"), 422),
    (UnsafeAddress("x"), 422),
    (TooMany("x", wait_s=3), 429),
    (Unavailable("x"), 503),
    (Damaged("x"), 500),
    (TocsinError("x"), 500),
]


def leaves(error):
    return {error}.union(*(leaves(one) for one in error.__subclasses__()))


@pytest.mark.parametrize(("error", "status"), STATUSES, ids=lambda one: type(one).__name__)
def test_each_error_has_its_status(error, status):
    assert problem_of(error).status == status


def test_every_error_that_may_leave_tocsin_is_translated():
    covered = {one for one in leaves(TocsinError) if any(issubclass(one, row[0]) for row in KINDS)}
    assert covered == leaves(TocsinError)


def test_no_kind_is_hidden_behind_a_broader_one():
    for place, (error, *_) in enumerate(KINDS):
        assert not any(issubclass(error, earlier) for earlier, *_ in KINDS[:place])


def test_a_problem_has_the_members_of_rfc_9457_and_advice():
    response = problem_of(NotFound("there is no list x", advice="Look again.")).response()
    assert response.media_type == "application/problem+json"
    assert json.loads(response.body) == {
        "type": "/problems/not-found",
        "title": "There is no such thing",
        "status": 404,
        "detail": "there is no list x",
        "advice": "Look again.",
    }


def test_a_caller_without_a_key_is_told_how_to_show_one():
    assert problem_of(UnknownKey("x")).headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("error", [Unavailable("x"), TooMany("x", wait_s=7)])
def test_what_may_work_later_says_when(error):
    assert int(problem_of(error).headers["Retry-After"]) > 0


def test_a_refused_model_names_the_place_but_never_repeats_the_input():
    loc = ("body", "signals", 0, "type")
    error = RequestValidationError([{"loc": loc, "msg": "wrong", "input": "secret"}])
    problem = problem_of(error)
    assert problem.faults == [{"at": "body.signals.0.type", "problem": "wrong"}]
    assert b"secret" not in problem.response().body


def test_an_error_of_ours_that_the_framework_wrapped_keeps_its_meaning():
    wrapped = HTTPException(400)
    wrapped.__cause__ = TooLarge("too much")
    assert problem_of(wrapped).status == 413


def test_a_fault_of_our_own_tells_nothing_of_the_inside():
    body = problem_of(RuntimeError("password=hunter2")).response().body
    assert b"hunter2" not in body
    assert json.loads(body)["status"] == 500
