"""A signal added today finds yesterday's upload, once."""

from functools import partial

import pytest

from seen import remember
from signals import md5, pdq, url
from tocsin.acting.planning import plan
from tocsin.lists.items import ItemDraft
from tocsin.lists.lookback import Lookback
from tocsin.recording.events import Tag
from tocsin.recording.history import History


@pytest.fixture
def lookback(store, rules, clock):
    return Lookback(store, rules, clock, partial(plan, connectors=["webhook"]))


def found(store):
    return [one.event for one in History(store).page(tags=[Tag.LOOKBACK_MATCHED])]


def test_an_upload_of_yesterday_is_found_by_a_signal_of_today(items, block, lookback, store, clock):
    remember(store, clock, 1, pdq(1, flips=20), md5(1))
    remember(store, clock, 2, pdq(2), md5(2))
    items.add("block", ItemDraft((pdq(1),)), actor="alice")
    steps = list(lookback.run())
    assert (steps[-1].done, steps[-1].matched) == (2, 1)
    (event,) = found(store)
    assert event.subject == f"{1:032x}"
    assert event.body["verdict"] == "hold"
    assert event.body["hits"][0]["distance"] == 20


@pytest.mark.parametrize("signal", [md5(7), url("example.org/x")])
def test_file_hashes_and_links_are_found_too(items, block, lookback, store, clock, signal):
    remember(store, clock, 1, signal)
    items.add("block", ItemDraft((signal,)), actor="alice")
    list(lookback.run())
    assert len(found(store)) == 1


def test_looking_back_again_finds_nothing_new(items, block, lookback, store, clock):
    remember(store, clock, 1, md5(1))
    items.add("block", ItemDraft((md5(1),)), actor="alice")
    list(lookback.run())
    assert list(lookback.run()) == []
    list(lookback.run(everything=True))
    assert len(found(store)) == 1


def test_an_upload_is_not_matched_again_by_signals_it_was_screened_against(
    items, block, lookback, store, clock
):
    items.add("block", ItemDraft((md5(1),)), actor="alice")
    remember(store, clock, 1, md5(1))
    list(lookback.run())
    assert found(store) == []


def test_a_finding_is_planned_as_an_action_once(items, block, lookback, store, clock):
    remember(store, clock, 1, md5(1))
    items.add("block", ItemDraft((md5(1),)), actor="alice")
    list(lookback.run())
    intended = History(store).page(tags=[Tag.ACTION_INTENDED])
    assert len(intended) == 1


def test_an_upload_under_way_during_an_add_is_found_by_looking_again(
    items, block, lookback, store, clock
):
    before = store.revision()
    items.add("block", ItemDraft((md5(1),)), actor="alice")
    list(lookback.run())
    screening = remember(store, clock, 1, md5(1), revision=before)
    assert found(store) == []
    lookback.again(screening, actor="api")
    lookback.again(screening, actor="api")
    assert len(found(store)) == 1


def test_a_removed_signal_is_not_looked_back_for(items, block, lookback, store, clock):
    remember(store, clock, 1, md5(1))
    item = items.add("block", ItemDraft((md5(1),)), actor="alice").item_id
    items.remove("block", item, actor="bob")
    list(lookback.run())
    assert found(store) == []


def test_nothing_of_an_upload_is_kept_but_hashes(store, clock):
    remember(store, clock, 1, url("example.org/private"))
    with store.read() as connection:
        row = connection.exec_driver_sql("SELECT * FROM seen").one()
    assert "private" not in str(tuple(row))
    assert "photo.jpg" not in str(tuple(row))
