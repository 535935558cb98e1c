"""Every connector is told of a verdict that means something, once for each finding."""

import json

import pytest

from samples import a_hit, a_judgement, a_screening, an_upload
from tocsin.acting.planning import MOST_TOLD, plan
from tocsin.model import Judgement, Reason, Verdict


def test_nothing_is_planned_for_what_is_allowed():
    assert plan(a_screening(judgement=a_judgement(Verdict.ALLOW)), ["webhook"]) == ()


@pytest.mark.parametrize("verdict", [one for one in Verdict if one is not Verdict.ALLOW])
def test_every_other_verdict_is_told_to_every_connector(verdict):
    screening = a_screening(judgement=a_judgement(verdict))
    planned = plan(screening, ["webhook", "other"])
    assert [one.connector for one in planned] == ["webhook", "other"]
    assert {one.body["type"] for one in planned} == {f"upload.{verdict}"}


def test_the_same_finding_planned_twice_is_the_same_action():
    assert plan(a_screening(), ["webhook"]) == plan(a_screening(revision=9), ["webhook"])


def test_another_upload_another_signal_and_another_connector_are_other_actions():
    screenings = [a_screening(), a_screening(upload=an_upload(id="d" * 32))]
    screenings.append(a_screening(hits=(a_hit(signal_id=2),)))
    planned = [one for each in screenings for one in plan(each, ["webhook", "other"])]
    assert len({one.id for one in planned}) == 6


def test_an_id_serves_as_the_id_of_a_webhook():
    (action,) = plan(a_screening(), ["webhook"])
    assert len(action.id) == 32
    assert action.id.isalnum()


def test_the_body_is_json_without_the_content():
    screening = a_screening(upload=an_upload(content=b"what-was-uploaded"))
    (action,) = plan(screening, ["webhook"])
    assert "what-was-uploaded" not in json.dumps(action.body)
    assert action.body["data"]["upload"] == screening.upload.id


def test_of_many_hits_the_nearest_are_told_and_how_many_there_were():
    hits = tuple(a_hit(item_id=number, distance=31 - number % 32) for number in range(1000))
    (action,) = plan(a_screening(hits=hits), ["webhook"])
    told = action.body["data"]["hits"]
    assert [one["distance"] for one in told] == [0] * 20
    assert action.body["data"]["hits_total"] == 1000


def test_of_few_hits_all_are_told_in_their_order():
    hits = tuple(a_hit(item_id=number, distance=number) for number in range(MOST_TOLD))
    (action,) = plan(a_screening(hits=hits), ["webhook"])
    assert [one["item"] for one in action.body["data"]["hits"]] == list(range(MOST_TOLD))
    assert action.body["data"]["hits_total"] == MOST_TOLD


def test_of_many_reasons_the_strongest_are_told_and_how_many_there_were():
    reasons = tuple(Reason("matched", f"reason {number}", "block") for number in range(100))
    judgement = Judgement(Verdict.HOLD, reasons, 0.5)
    (action,) = plan(a_screening(judgement=judgement), ["webhook"])
    told = [one["text"] for one in action.body["data"]["reasons"]]
    assert told == [f"reason {number}" for number in range(MOST_TOLD)]
    assert action.body["data"]["reasons_total"] == 100


def test_hits_that_a_message_leaves_out_still_make_it_another_action():
    hits = tuple(a_hit(signal_id=number) for number in range(MOST_TOLD + 1))
    whole, less = (plan(a_screening(hits=some), ["webhook"])[0] for some in (hits, hits[:-1]))
    assert whole.id != less.id
