"""What a person decides about an item counts here at once and once, and is told if it may be."""

import pytest

from exchanges import an_item
from tocsin.entries.statements import Opinion as Said
from tocsin.entries.statements import View
from tocsin.errors import Conflict, InvalidInput, NotFound
from tocsin.lists.items import ItemDraft
from tocsin.lists.rules import ListDraft
from tocsin.model import Signal, SignalType
from tocsin.recording.events import Tag
from tocsin.recording.history import History
from tocsin.sharing.deciding import STRANGER, Decisions
from tocsin.sharing.entrusting import Entrusted, ExchangeRules
from tocsin.sharing.settings import Terms
from tocsin.trust.breaker import Breaker, Trip
from tocsin.trust.opinions import Stance
from tocsin.trust.standing import Standing

TALKATIVE = Terms(feedback=(View.CONFIRM, View.DISPUTE))


@pytest.fixture
def standing(store, running):
    return Standing(store, running.clock, ExchangeRules(store))


@pytest.fixture
def trust(store, running, standing):
    return Entrusted(running.clock, ExchangeRules(store), standing)


@pytest.fixture
def decisions(store, running, standing, following):
    return Decisions(store, standing, following, running.clock, Breaker(standing.tripped))


@pytest.fixture
def shared(running, following):
    """An item that alice asserted; its entry."""
    (entry,) = running.alice.say(an_item(1))
    following.catch_up("hub")
    return entry


@pytest.fixture
def own(rules, items):
    """An item that was listed here."""
    rules.create(ListDraft("own"), actor="alice")
    signal = Signal(SignalType.MD5, bytes(range(16)))
    return items.add("own", ItemDraft((signal,)), actor="alice").item_id


def voices(standing):
    opinions = standing.get(1).evidence.opinions
    return [(one.party.member, one.stance.value) for one in opinions]


def decided(store, tag):
    (event,) = [one.event for one in History(store).page(tags=[tag])]
    return event


def test_a_dispute_holds_the_item_at_once_whatever_the_terms_let_out(
    decisions, shared, standing, items, store
):
    told = decisions.dispute("hub", 1, actor="bob", reason="a news photo")
    assert told == 0
    assert items.get("hub", 1).disputed
    assert voices(standing) == [("dana", "dispute")]
    event = decided(store, Tag.ITEM_DISPUTED)
    assert (event.actor, event.subject) == ("bob", "hub/1")
    assert event.body == {"reason": "a news photo", "told": 0}


def test_a_dispute_is_told_where_the_terms_let_it_and_still_counts_once(
    decisions, shared, running, following, standing
):
    following.change_terms("hub", TALKATIVE, actor="cli")
    assert decisions.dispute("hub", 1, actor="bob", own_media=True) == 1
    following.publisher("hub").send()
    following.catch_up("hub")
    assert voices(standing) == [("dana", "dispute")]
    assert running.exchange.position("dana").sequence == 1


def test_a_confirmation_takes_an_earlier_dispute_back(decisions, shared, standing, items):
    decisions.dispute("hub", 1, actor="bob")
    decisions.confirm("hub", 1, actor="bob")
    assert voices(standing) == [("dana", "confirm")]
    assert not items.get("hub", 1).disputed


def test_a_confirmation_lets_act_what_the_breaker_held_back(
    decisions, shared, standing, items, running
):
    standing.tripped(Trip(1, items.get("hub", 1).id, "alice", 21, running.clock()))
    assert standing.get(1).evidence.tripped
    decisions.confirm("hub", 1, actor="bob")
    assert not standing.get(1).evidence.tripped


def test_what_was_listed_here_can_be_confirmed_but_is_taken_off_instead_of_disputed(
    decisions, own, store
):
    assert decisions.confirm("own", own, actor="bob") == 0
    assert decided(store, Tag.ITEM_CONFIRMED).subject == f"own/{own}"
    with pytest.raises(Conflict, match="listed here") as refused:
        decisions.dispute("own", own, actor="bob")
    assert f"signals remove own {own}" in refused.value.advice


def test_a_stranger_decides_for_itself(store, running, standing, following, shared, monkeypatch):
    monkeypatch.setattr(type(following), "get", _absent)
    Decisions(store, standing, following, running.clock)._say(
        1, Stance.DISPUTE, "bob", own_media=False
    )
    assert voices(standing) == [(STRANGER.member, "dispute")]


def _absent(following, name):
    raise NotFound(name)


def test_an_item_off_its_list_is_not_decided_about(decisions, own, items):
    items.remove("own", own, actor="bob")
    with pytest.raises(Conflict, match="restore"):
        decisions.confirm("own", own, actor="bob")


@pytest.mark.parametrize("reason", ["a\u202eb", "x" * 2001])
def test_a_reason_that_no_exchange_would_take_is_refused_before_anything_is_done(
    decisions, shared, standing, reason
):
    with pytest.raises(InvalidInput, match="reason"):
        decisions.dispute("hub", 1, actor="bob", reason=reason)
    assert voices(standing) == []


def test_what_others_say_is_left_alone(decisions, shared, running, following, standing):
    running.bob.say(Said(of=shared, opinion="dispute"))
    following.catch_up("hub")
    decisions.confirm("hub", 1, actor="bob")
    assert voices(standing) == [("bob", "dispute"), ("dana", "confirm")]
