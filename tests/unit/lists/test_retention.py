"""What is kept for a time is gone after it."""

from datetime import timedelta

import pytest
from sqlalchemy import insert

from samples import an_action
from seen import remember
from signals import md5
from tocsin.acting.base import Delivered, Failed
from tocsin.dispatching import Dispatcher
from tocsin.lists.items import ItemDraft
from tocsin.lists.retention import Retention
from tocsin.recording import actions, tables
from tocsin.recording.events import Tag
from tocsin.recording.history import History

DAY_S = 86_400


def rows(store, table):
    with store.read() as connection:
        return connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar()


def test_seen_hashes_are_deleted_after_their_days(store, clock):
    retention = Retention(store, clock, seen_days=2)
    remember(store, clock, 1, md5(1))
    clock.advance(1.5 * DAY_S)
    remember(store, clock, 2, md5(2))
    retention.run()
    assert rows(store, "seen") == 2
    clock.advance(1 * DAY_S)
    retention.run()
    assert rows(store, "seen") == 1


class Answering:
    """A connector with one answer to everything."""

    def __init__(self, name, outcome):
        self.name, self._outcome = name, outcome

    def deliver(self, action):
        return self._outcome


@pytest.fixture
def dispatcher(store, clock):
    """One that carries out what is for "webhook" and gives up what is for "broken"."""
    works = Answering("webhook", Delivered("done"))
    breaks = Answering("broken", Failed("never", permanent=True))
    return Dispatcher(store, [works, breaks], clock)


def intend(store, clock, *some):
    store.write(lambda connection: actions.intend_in(connection, some, clock())).result()


@pytest.mark.parametrize(("seen_days", "kept_days"), [(2, 2), (0, 30)])
def test_done_actions_are_deleted_after_the_days_of_seen_uploads_or_thirty(
    store, clock, dispatcher, seen_days, kept_days
):
    intend(store, clock, an_action("1"), an_action("2"))
    clock.advance(5 * DAY_S)
    assert dispatcher.run_due() == 2
    retention = Retention(store, clock, seen_days=seen_days)
    clock.advance((kept_days - 0.01) * DAY_S)
    assert retention.run() == 0
    clock.advance(0.02 * DAY_S)
    assert retention.run() == 2
    (event,) = [one.event for one in History(store).page(tags=[Tag.ACTIONS_PURGED])]
    assert (event.actor, event.body) == ("node", {"actions": 2})
    assert rows(store, "action") == 0


def test_actions_that_wait_or_were_given_up_stay(store, clock, dispatcher):
    intend(store, clock, an_action("1", connector="broken"))
    assert dispatcher.run_due() == 1
    intend(store, clock, an_action("2"))
    clock.advance(400 * DAY_S)
    assert Retention(store, clock, seen_days=2).run() == 0
    assert rows(store, "action") == 2


def test_more_actions_than_one_batch_are_all_deleted(store, clock, dispatcher, monkeypatch):
    monkeypatch.setattr("tocsin.lists.retention.BATCH", 2)
    intend(store, clock, *(an_action(str(number)) for number in range(5)))
    dispatcher.run_due()
    clock.advance(3 * DAY_S)
    assert Retention(store, clock, seen_days=2).run() == 5
    purged = History(store).page(tags=[Tag.ACTIONS_PURGED])
    assert [one.event.body["actions"] for one in purged] == [2, 2, 1]


def test_an_expired_item_leaves_the_index_and_a_new_end_brings_it_back(
    items, block, indices, look, store, clock
):
    item = items.add("block", ItemDraft((md5(1),)), actor="alice").item_id
    clock.advance(366 * DAY_S)
    Retention(store, clock, seen_days=30).run()
    indices.refresh()
    assert indices.sizes() == {"block/md5": 0}
    later = clock().replace(year=clock().year + 1)
    items.change("block", item, expires_at=later, actor="bob")
    assert len(look(md5(1)).hits) == 1


def test_a_round_with_nothing_to_do_changes_nothing(items, block, store, clock):
    items.add("block", ItemDraft((md5(1),)), actor="alice")
    before = store.revision()
    assert Retention(store, clock, seen_days=30).run() == 0
    assert store.revision() == before


@pytest.fixture
def sighted(items, block, store, clock):
    """Put an item on the list and let its list's verdict on an upload rest on it."""

    def sighted(number, **more):
        item = items.add("block", ItemDraft((md5(number),), **more), actor="alice").item_id
        row = {"item_id": item, "upload_id": f"{number:032x}", "at": clock(), "acted": True}
        add = insert(tables.sightings).values(row | {"reopened": False})
        store.write(lambda one: one.execute(add) and None).result()
        return item

    return sighted


def test_what_a_listed_item_was_found_in_stays_however_old_it_is(sighted, store, clock):
    sighted(1)
    clock.advance(300 * DAY_S)
    Retention(store, clock, seen_days=2).run()
    assert rows(store, "sighting") == 1


@pytest.mark.parametrize("how", ["removed", "expired", "without its list"])
def test_what_an_item_was_found_in_goes_days_after_the_item_left(
    sighted, items, rules, store, clock, how
):
    ends = {"expires_at": clock() + timedelta(days=1)} if how == "expired" else {}
    item = sighted(1, **ends)
    clock.advance(1 * DAY_S)
    if how == "removed":
        items.remove("block", item, actor="bob")
    if how == "without its list":
        rules.remove("block", actor="bob")
    retention = Retention(store, clock, seen_days=2)
    clock.advance(1.9 * DAY_S)
    retention.run()
    assert rows(store, "sighting") == 1
    clock.advance(0.2 * DAY_S)
    retention.run()
    assert rows(store, "sighting") == 0
    (event,) = [one.event for one in History(store).page(tags=[Tag.SIGHTINGS_PURGED])]
    assert event.body == {"sightings": 1}


def test_a_decision_that_waits_to_be_reopened_is_not_forgotten(sighted, items, store, clock):
    item = sighted(1)
    standing = dict.fromkeys(("exchange", "issuer", "organisation", "kind", "jurisdiction"), "")
    standing |= {key: {} for key in ("claim", "checks")} | {"reasons": [], "stage": "shadow"}
    standing |= dict.fromkeys(("incident", "retracted", "disputed"), False) | {"pinned": ""}
    standing |= dict.fromkeys(("received_at", "since", "corrected_at"), clock())
    add = insert(tables.standings).values(standing | {"item_id": item})
    store.write(lambda one: one.execute(add) and None).result()
    items.remove("block", item, actor="bob")
    clock.advance(9 * DAY_S)
    Retention(store, clock, seen_days=2).run()
    assert rows(store, "sighting") == 1


def test_an_item_whose_time_came_is_looked_back_for_once(items, block, store, clock):
    begins = clock() + timedelta(days=1)
    items.add("block", ItemDraft((md5(1),), active_from=begins), actor="alice")
    retention, before = Retention(store, clock, seen_days=30), store.revision()
    retention.run()
    assert store.revision() == before
    clock.advance(1 * DAY_S)
    retention.run()
    after = store.revision()
    assert after == before + 1
    retention.run()
    clock.advance(1 * DAY_S)
    retention.run()
    assert store.revision() == after
