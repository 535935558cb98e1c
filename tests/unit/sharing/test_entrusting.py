"""What an exchange says of items reaches trust in the transaction that applies it."""

import pytest

from exchanges import an_item
from tocsin.entries.parties import Kind, Role
from tocsin.entries.statements import Erase, Opinion, Retract, SignalSaid
from tocsin.model import Stage
from tocsin.sharing.entrusting import Entrusted, ExchangeRules
from tocsin.sharing.settings import Terms
from tocsin.trust.standing import Standing


@pytest.fixture
def standing(store, running):
    return Standing(store, running.clock, ExchangeRules(store))


@pytest.fixture
def trust(store, running, standing):
    return Entrusted(running.clock, ExchangeRules(store), standing)


def photo(number):
    code = bytes([0x0F] * 32 if number else [0xF0] * 32).hex()
    return an_item(number, signals=(SignalSaid(type="pdq", value=code, quality=90),))


def reasons(standing, item_id=1):
    return {one.code for one in standing.get(item_id).placed.reasons}


def test_a_new_item_waits_in_shadow_and_says_why(running, following, standing):
    running.alice.say(an_item(1))
    following.catch_up("hub")
    stood = standing.get(1)
    assert (stood.placed.stage, stood.exchange) == (Stage.SHADOW, "hub")
    assert stood.evidence.issuer.member == "alice"


def test_an_item_that_waited_and_was_confirmed_is_enforced(running, following, standing, items):
    (first,) = running.alice.say(an_item(1))
    carol = running.join("carol", Role.REVIEWER, kind=Kind.CIVIL_SOCIETY)
    following.catch_up("hub")
    running.bob.say(Opinion(of=first, opinion="confirm", own_media=True))
    carol.say(Opinion(of=first, opinion="confirm", own_media=True))
    following.catch_up("hub")
    running.clock.move(days=2)
    standing.review()
    assert standing.get(1).placed.stage in {Stage.ADVISORY, Stage.ENFORCED}
    assert items.get("hub", 1).stage is standing.get(1).placed.stage


def test_an_opinion_that_is_erased_counts_no_more(running, following, standing):
    (first,) = running.alice.say(an_item(1))
    (said,) = running.bob.say(Opinion(of=first, opinion="dispute"))
    following.catch_up("hub")
    assert standing.get(1).placed.disputed
    running.bob.say(Erase(of=said, reason="error"))
    following.catch_up("hub")
    assert not standing.get(1).placed.disputed


def test_a_retracted_item_does_not_act(running, following, standing):
    (first,) = running.alice.say(an_item(1))
    running.alice.say(Retract(of=first, reason="wrong"))
    following.catch_up("hub")
    assert "retracted" in reasons(standing)


def test_items_of_a_large_page_are_placed_by_the_next_review(running, following, standing):
    running.alice.say(*(an_item(n) for n in range(600)))
    following.catch_up("hub")
    assert standing.get(1).placed.reasons == ()
    standing.review()
    assert reasons(standing)


def test_a_shared_allow_list_lets_nothing_through_unless_the_rule_names_it(
    running, following, standing, items
):
    running.alice.say(an_item(1, list="allow"))
    following.catch_up("hub")
    assert not items.get("hub-allow", 1).enabled


def test_each_exchange_has_the_rule_of_its_terms(store, running, following):
    terms = Terms(rule={"shadow_hours": 1.0})
    following.change_terms("hub", terms, actor="cli")
    rules = ExchangeRules(store)
    assert rules("hub").shadow_hours == 1.0
    assert rules("another").shadow_hours == 24.0
