"""What a look-back finds is corrected, and a flood of the past is held, as if found live."""

import math
from functools import partial

import pytest

from seen import remember
from tocsin.lists.lookback import Lookback
from tocsin.model import Stage
from tocsin.recording.events import Tag
from tocsin.recording.history import History
from tocsin.trust.breaker import Breaker
from trusting import CONFIRMED, photo


@pytest.fixture
def lookback(store, rules, clock, standing):
    breaker = partial(Breaker, standing.tripped, grace_s=math.inf)
    return Lookback(store, rules, clock, lambda _: (), breaker)


def events(store, tag):
    return [one.event for one in History(store).page(tags=[tag], limit=5000)]


def verdicts(store):
    return [one.body["verdict"] for one in events(store, Tag.LOOKBACK_MATCHED)]


def enforce(standing, item, clock):
    clock.advance(86_400)
    for opinion in CONFIRMED:
        standing.opinion(item, opinion)


def test_a_retraction_reopens_what_a_look_back_found(receive, standing, lookback, store, clock):
    screening = remember(store, clock, 1, photo(1))
    item = receive()
    enforce(standing, item, clock)
    list(lookback.run())
    standing.retracted(item)
    (event,) = events(store, Tag.DECISION_REOPENED)
    assert (event.subject, event.body["because"]) == (screening.upload.id, "retracted")


def test_past_uploads_count_among_the_matches_in_shadow(receive, standing, lookback, store, clock):
    for number in range(3):
        remember(store, clock, number, photo(1))
    item = receive()
    list(lookback.run())
    assert standing.get(item).evidence.matches == 3


def flood(store, clock, pause_s, numbers=range(40)):
    for number in numbers:
        remember(store, clock, number, photo(1, flips=number % 5))
        clock.advance(pause_s)


def test_a_flood_of_the_past_is_cut_off_and_its_item_demoted(
    receive, standing, lookback, store, clock, items
):
    flood(store, clock, pause_s=1)
    clock.advance(3600)
    flood(store, clock, pause_s=1, numbers=range(40, 60))
    item = receive()
    enforce(standing, item, clock)
    list(lookback.run())
    assert verdicts(store) == ["refuse"] * 20 + ["hold"] * 40
    assert items.get("followed", item).stage is Stage.ADVISORY
    (trip,) = events(store, Tag.BREAKER_TRIPPED)
    assert trip.at == clock()


def test_what_came_drop_by_drop_is_no_flood(receive, standing, lookback, store, clock):
    flood(store, clock, pause_s=60)
    enforce(standing, receive(), clock)
    list(lookback.run())
    assert verdicts(store) == ["refuse"] * 40


def test_a_flood_of_the_past_is_spared_by_who_cleared_the_item_since(
    receive, standing, lookback, store, clock, items
):
    flood(store, clock, pause_s=1)
    item = receive()
    enforce(standing, item, clock)
    standing.cleared(item, actor="alice")
    clock.advance(9 * 86_400)
    list(lookback.run())
    assert verdicts(store) == ["refuse"] * 40
    assert items.get("followed", item).stage is Stage.ENFORCED
