"""Items go on lists and off again, once each, with their record."""

from datetime import timedelta

import pytest

from signals import md5, pdq, url
from tocsin.errors import Conflict, InvalidInput, NotFound
from tocsin.lists.items import ItemDraft, place_in
from tocsin.lists.retention import Retention
from tocsin.lists.rules import ListDraft
from tocsin.model import Stage
from tocsin.recording.events import Tag
from tocsin.recording.history import History


def test_an_item_comes_back_as_it_was_added(items, block, clock):
    draft = ItemDraft((pdq(1), md5(2)), source_id="x-1", labels=("threat",), note="seen twice")
    added = items.add("block", draft, actor="alice")
    item = items.get("block", added.item_id)
    assert added.fresh
    assert item.signals == (pdq(1), md5(2))
    assert (item.source_id, item.labels, item.note) == ("x-1", ("threat",), "seen twice")
    assert item.expires_at == clock() + timedelta(days=365)


def test_adding_the_same_item_again_adds_nothing(items, block):
    first = items.add("block", ItemDraft((pdq(1), md5(2))), actor="alice")
    again = items.add("block", ItemDraft((md5(2), pdq(1))), actor="alice")
    assert (again.item_id, again.fresh) == (first.item_id, False)
    assert items.count("block") == {"items": 1, "pdq": 1, "md5": 1}


def test_an_item_twice_in_one_batch_is_added_once(items, block):
    answers = items.add_many("block", [ItemDraft((md5(1),))] * 3, actor="alice")
    assert [one.fresh for one in answers] == [True, False, False]
    assert len({one.item_id for one in answers}) == 1


def test_an_item_with_one_new_signal_is_a_new_item(items, block):
    items.add("block", ItemDraft((pdq(1),)), actor="alice")
    assert items.add("block", ItemDraft((pdq(1), md5(9))), actor="alice").fresh


def test_the_same_signal_may_be_on_two_lists(items, rules, block):
    rules.create(ListDraft("second"), actor="alice")
    items.add("block", ItemDraft((md5(1),)), actor="alice")
    assert items.add("second", ItemDraft((md5(1),)), actor="alice").fresh


def test_an_item_past_its_end_is_renewed_by_adding_it(items, block, clock):
    items.add("block", ItemDraft((md5(1),)), actor="alice")
    clock.advance(366 * 86_400)
    assert items.add("block", ItemDraft((md5(1),)), actor="alice").fresh


@pytest.mark.parametrize(
    "draft",
    [
        ItemDraft(()),
        ItemDraft((md5(1),), note="n" * 2001),
        ItemDraft((md5(1),), source_id="s" * 501),
        ItemDraft((md5(1),), labels=("unheard-of",)),
    ],
)
def test_a_draft_out_of_form_is_refused(items, block, draft):
    with pytest.raises(InvalidInput):
        items.add("block", draft, actor="alice")


def test_one_bad_draft_stores_none_of_its_batch(items, block):
    with pytest.raises(InvalidInput):
        items.add_many("block", [ItemDraft((md5(1),)), ItemDraft(())], actor="alice")
    assert items.count("block")["items"] == 0


def test_adding_to_no_list_says_so(items):
    with pytest.raises(NotFound):
        items.add("nowhere", ItemDraft((md5(1),)), actor="alice")


def test_removing_and_restoring_leaves_both_on_record(items, block, store):
    added = items.add("block", ItemDraft((md5(1),)), actor="alice")
    items.remove("block", added.item_id, actor="bob", reason="a news report")
    assert items.count("block") == {"items": 0}
    assert items.get("block", added.item_id).removed_at is not None
    items.restore("block", added.item_id, actor="bob")
    assert items.count("block") == {"items": 1, "md5": 1}
    tags = [one.event.tag for one in History(store).page()]
    assert tags[-2:] == [Tag.ITEM_REMOVED, Tag.ITEM_RESTORED]


def test_removing_twice_is_recorded_once(items, block, store):
    added = items.add("block", ItemDraft((md5(1),)), actor="alice")
    items.remove("block", added.item_id, actor="bob")
    before = store.revision()
    items.remove("block", added.item_id, actor="bob")
    assert store.revision() == before


def test_an_item_is_not_found_through_another_list(items, rules, block):
    rules.create(ListDraft("second"), actor="alice")
    added = items.add("block", ItemDraft((md5(1),)), actor="alice")
    for call in (items.get, lambda *a: items.remove(*a, actor="charlie")):
        with pytest.raises(NotFound):
            call("second", added.item_id)


def test_an_item_of_a_block_list_keeps_an_end(items, block):
    added = items.add("block", ItemDraft((md5(1),)), actor="alice")
    with pytest.raises(InvalidInput):
        items.change("block", added.item_id, expires_at=None, actor="bob")


def test_an_item_off_the_list_cannot_be_changed(items, block):
    added = items.add("block", ItemDraft((md5(1),)), actor="alice")
    items.remove("block", added.item_id, actor="bob")
    with pytest.raises(Conflict):
        items.change("block", added.item_id, enabled=False, actor="bob")


def test_pages_follow_each_other_without_gap_or_repetition(items, block):
    items.add_many("block", [ItemDraft((md5(n),)) for n in range(25)], actor="alice")
    assert [item.signals for item in items.walk("block", chunk=10)] == [
        (md5(n),) for n in range(25)
    ]


def test_a_batch_of_thousands_is_one_event(items, block, store):
    items.add_many("block", [ItemDraft((md5(n),)) for n in range(3000)], actor="alice")
    last = History(store).page()[-1].event
    assert last.tag is Tag.LIST_IMPORTED
    assert last.body["items"] == 3000


def test_a_link_is_listed_in_the_form_that_uploads_come_in(items, block):
    added = items.add("block", ItemDraft((url("HTTPS://www.Example.org:443/a/../b"),)), actor="a")
    assert items.get("block", added.item_id).signals[0].text == "example.org/b"
    with pytest.raises(InvalidInput, match="cannot be listed"):
        items.add("block", ItemDraft((url("http://"),)), actor="alice")


@pytest.mark.parametrize(
    ("before", "after", "again"),
    [
        (Stage.SHADOW, Stage.ADVISORY, True),
        (Stage.SHADOW, Stage.ENFORCED, True),
        (Stage.SHADOW, Stage.SHADOW, False),
        (Stage.ADVISORY, Stage.ENFORCED, False),
        (Stage.ENFORCED, Stage.SHADOW, False),
    ],
)
def test_only_out_of_the_shadow_do_signals_count_as_new(items, block, store, before, after, again):
    item = items.add("block", ItemDraft((md5(1),), stage=before), actor="node").item_id
    revision = store.revision()
    store.write(lambda one: place_in(one, [item], after, disputed=False)).result()
    assert items.get("block", item).stage is after
    assert (store.revision() > revision) is again


def test_a_signal_that_is_off_the_list_stays_off_when_its_item_rises(items, block, store, look):
    item = items.add("block", ItemDraft((md5(1),), stage=Stage.SHADOW), actor="node").item_id
    items.remove("block", item, actor="alice")
    store.write(lambda one: place_in(one, [item], Stage.ENFORCED, disputed=False)).result()
    assert look(md5(1)).hits == ()


def test_what_an_operator_adds_is_enforced_and_nobody_elses(items, block):
    item = items.get("block", items.add("block", ItemDraft((md5(1),)), actor="alice").item_id)
    assert (item.stage, item.disputed, item.issuer) == (Stage.ENFORCED, False, "")


@pytest.mark.parametrize(
    ("before", "change", "again"),
    [
        ({"enabled": False}, {"enabled": True}, True),
        ({"enabled": True}, {"enabled": True}, False),
        ({"enabled": True}, {"enabled": False}, False),
        ({}, {"active_from": None}, True),
        ({}, {"note": "seen again"}, False),
    ],
)
def test_only_where_an_item_may_begin_to_count_do_its_signals_count_as_new(
    items, block, store, before, change, again
):
    item = items.add("block", ItemDraft((md5(1),), **before), actor="alice").item_id
    revision = _revision_of(store, item)
    items.change("block", item, actor="bob", **change)
    assert (_revision_of(store, item) > revision) is again


def test_enabling_does_not_bring_a_signal_back_whose_item_has_ended(items, block, store, clock):
    end = clock() + timedelta(days=1)
    draft = ItemDraft((md5(1),), enabled=False, expires_at=end)
    item = items.add("block", draft, actor="alice").item_id
    clock.advance(2 * 86_400)
    Retention(store, clock, seen_days=30).run()
    items.change("block", item, enabled=True, actor="bob")
    assert items.count("block") == {"items": 1}


def _revision_of(store, item):
    with store.read() as connection:
        query = f"SELECT revision FROM signal WHERE item_id = {item}"
        return connection.exec_driver_sql(query).scalar_one()
