"""Every connector is told of a verdict that means something, once for each finding."""

import json

import pytest

from samples import a_hit, a_judgement, a_screening, an_upload
from tocsin.acting.planning import plan
from tocsin.model import Verdict


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
