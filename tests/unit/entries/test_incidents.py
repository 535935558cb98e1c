"""A crisis is opened by two, goes on only by decision, and ends by itself."""

from datetime import timedelta

import pytest

from ledger import START, Ledger, item
from tocsin.entries.incidents import Phase
from tocsin.entries.judging import MAX_INCIDENT_ENTRIES
from tocsin.entries.statements import (
    Approve,
    GroupSaid,
    IncidentSaid,
    IncidentType,
    Rules,
    RuleSaid,
    moment,
)


@pytest.fixture
def ledger():
    return Ledger.of_all()


def say(action="open", hours=24, **changes):
    said = IncidentSaid(
        action=action,
        incident="harbour",
        kind=IncidentType.PERPETRATOR_LIVESTREAM,
        title="Harbour",
        reason="a stream is being shared",
        ends_at=None if hours is None else moment(START + timedelta(hours=hours)),
    )
    return said.model_copy(update=changes)


def opened(ledger, **changes):
    asked = ledger.said("police", say(**changes))
    ledger.said("rescue", Approve(of=asked, audience=changes.get("audience", "members")))


def phase(ledger):
    return ledger.register.incidents["harbour"].phase(ledger.at)


def under(ledger, hours=2, incident="harbour", **changes):
    return item(ledger.at, days=hours / 24, incident=incident, **changes)


def test_one_member_asks_and_another_opens(ledger):
    asked = ledger.said("police", say())
    assert phase(ledger) is Phase.PROPOSED
    assert ledger.say("tube", under(ledger)) == "no_incident"
    ledger.said("rescue", Approve(of=asked))
    assert phase(ledger) is Phase.OPEN
    assert ledger.say("tube", under(ledger)) == "allowed"
    incident = ledger.register.incidents["harbour"]
    assert (incident.asked_by, incident.approved_by) == ("police", ("rescue",))


@pytest.mark.parametrize(
    ("name", "code"),
    [("police", "own_request"), ("tube", "not_permitted"), ("rights", "not_permitted")],
)
def test_nobody_but_another_coordinator_opens_it(ledger, name, code):
    asked = ledger.said("police", say())
    assert ledger.say(name, Approve(of=asked)) == code
    assert phase(ledger) is Phase.PROPOSED


def test_the_rules_may_ask_for_more_than_two(ledger):
    rules = RuleSaid(rules=Rules(incident_approvals=2), reason="three parties")
    ledger.said("rights", Approve(of=ledger.said("industry", rules), audience="public"))
    opened(ledger)
    assert phase(ledger) is Phase.PROPOSED


def test_it_ends_by_its_own_clock(ledger):
    opened(ledger, hours=24)
    ledger.wait(hours=24, seconds=-1)
    assert ledger.say("tube", under(ledger)) == "allowed"
    ledger.wait(seconds=1)
    assert phase(ledger) is Phase.ENDED
    assert ledger.say("tube", under(ledger)) == "no_incident"


@pytest.mark.parametrize("hours", [None, 0, -1, 72.1])
def test_its_end_lies_within_the_rules(ledger, hours):
    assert ledger.say("police", say(hours=hours)) == "bad_end"
    assert ledger.say("police", say(hours=72)) == "allowed"


def test_it_goes_on_only_when_another_agrees(ledger):
    opened(ledger, hours=24)
    ledger.wait(hours=23)
    asked = ledger.said("rescue", say("extend", hours=48))
    assert ledger.register.incidents["harbour"].ends_at == START + timedelta(hours=24)
    assert ledger.say("rescue", Approve(of=asked)) == "own_request"
    ledger.said("police", Approve(of=asked))
    ledger.wait(hours=10)
    assert phase(ledger) is Phase.OPEN
    assert ledger.register.incidents["harbour"].approved_by == ("rescue",)


def test_it_is_not_extended_again_and_again_at_once(ledger):
    opened(ledger, hours=24)
    assert ledger.say("police", say("extend", hours=73)) == "bad_end"


def test_what_ended_by_itself_is_not_opened_again_by_a_late_approval(ledger):
    opened(ledger, hours=24)
    asked = ledger.said("rescue", say("extend", hours=72))
    ledger.wait(hours=25)
    assert ledger.say("police", Approve(of=asked)) == "not_open"
    assert ledger.say("police", say("extend", hours=72)) == "not_open"
    assert phase(ledger) is Phase.ENDED


def test_closing_it_leaves_the_figures_of_the_debrief(ledger):
    opened(ledger)
    ledger.wait(hours=1)
    ledger.said("rescue", say("close", counts={"removed": 12, "restored": 1}))
    incident = ledger.register.incidents["harbour"]
    assert incident.counts == (("removed", 12), ("restored", 1))
    assert (phase(ledger), incident.closed_at) == (Phase.CLOSED, ledger.at)
    assert ledger.say("tube", under(ledger)) == "no_incident"
    assert ledger.say("police", say("extend")) == "not_open"


def test_what_was_closed_is_not_opened_by_a_request_of_before(ledger):
    opened(ledger)
    asked = ledger.said("police", say("extend", hours=48))
    ledger.said("rescue", say("close"))
    assert ledger.say("rescue", Approve(of=asked)) == "not_open"
    assert phase(ledger) is Phase.CLOSED


def test_what_was_not_opened_is_not_closed(ledger):
    ledger.said("police", say())
    assert ledger.say("police", say("close")) == "not_open"


def test_a_crisis_that_was_assessed_and_not_declared_is_on_record(ledger):
    ledger.said("police", say("decline", hours=None, reason="no content was shared"))
    assert phase(ledger) is Phase.DECLINED
    assert ledger.register.incidents["harbour"].reason == "no content was shared"
    assert ledger.say("tube", under(ledger)) == "no_incident"
    assert ledger.say("police", say()) == "exists"


def test_its_situation_log_holds_all_that_was_said(ledger):
    opened(ledger)
    for action in ("update", "update", "close", "update"):
        ledger.said("rescue", say(action, hours=None))
    log = ledger.register.incidents["harbour"].log
    assert [ledger.lookup(index).type.name for index in log] == [
        *("INCIDENT", "APPROVE"),
        *("INCIDENT",) * 4,
    ]


def test_one_member_cannot_fill_the_register_with_updates(ledger):
    opened(ledger)
    incident = ledger.register.incidents["harbour"]
    for number in range(MAX_INCIDENT_ENTRIES):
        incident = incident.noted(number)
    ledger.register.incidents["harbour"] = incident
    assert ledger.say("police", say("update")) == "too_many"
    assert ledger.say("police", say("close")) == "allowed"


def test_a_drill_stays_one(ledger):
    opened(ledger, drill=True)
    ledger.said("police", Approve(of=ledger.said("rescue", say("extend", drill=False))))
    assert ledger.register.incidents["harbour"].drill


def test_its_items_end_sooner_than_others(ledger):
    opened(ledger, hours=72)
    assert ledger.say("tube", under(ledger, hours=72)) == "allowed"
    assert ledger.say("tube", under(ledger, hours=73)) == "bad_end"


def test_a_name_serves_once(ledger):
    opened(ledger)
    assert ledger.say("rescue", say()) == "exists"


@pytest.mark.parametrize("change", [{"kind": None}, {"title": ""}])
def test_it_has_a_kind_and_a_title(ledger, change):
    assert ledger.say("police", say(**change)) == "malformed"


@pytest.mark.parametrize("action", ["extend", "update", "close"])
def test_nothing_is_said_of_one_that_there_is_not(ledger, action):
    assert ledger.say("police", say(action)) == "no_incident"


def test_an_incident_of_a_group_stays_in_it(ledger):
    ledger.said("industry", GroupSaid(audience="north", members=("police", "rescue", "tube")))
    opened(ledger, audience="north")
    assert ledger.say("police", say("update")) == "no_incident"
    assert ledger.say("tube", under(ledger)) == "no_incident"
    secret = ledger.judgements[-1].reason
    assert ledger.say("tube", under(ledger, incident="invented")) == "no_incident"
    assert ledger.judgements[-1].reason == secret.replace("harbour", "invented")
    assert ledger.say("tube", under(ledger, audience="north")) == "allowed"


def test_an_item_is_read_by_nobody_who_does_not_read_its_incident(ledger):
    opened(ledger)
    assert ledger.say("tube", under(ledger, audience="public")) == "no_incident"
    assert ledger.say("tube", under(ledger)) == "allowed"


def test_who_is_not_in_the_group_opens_no_incident_of_it(ledger):
    ledger.said("industry", GroupSaid(audience="north", members=("rescue",)))
    assert ledger.say("police", say(audience="north")) == "wrong_audience"
