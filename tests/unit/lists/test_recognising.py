"""What is on a list in force is found, at once, and what is not is not."""

from datetime import timedelta
from unittest.mock import patch

import pytest

from signals import md5, pdq, url
from tocsin.errors import NotFound
from tocsin.lists import recognising
from tocsin.lists.indices import Indices
from tocsin.lists.items import ItemDraft, place_in
from tocsin.lists.recognising import Recogniser
from tocsin.lists.rules import ListDraft
from tocsin.model import ListKind, Stage, View


def test_a_signal_is_found_the_moment_its_add_returns(items, block, look):
    assert look(pdq(1)).hits == ()
    added = items.add("block", ItemDraft((pdq(1),)), actor="alice")
    (hit,) = look(pdq(1, flips=31)).hits
    assert (hit.item_id, hit.distance, hit.view) == (added.item_id, 31, "view 0")
    assert look(pdq(1, flips=32)).hits == ()


@pytest.mark.parametrize("signal", [md5(5), url("example.org/a"), pdq(4)])
def test_every_type_of_signal_is_found(items, block, look, signal):
    items.add("block", ItemDraft((signal,)), actor="alice")
    (hit,) = look(signal).hits
    assert (hit.signal, hit.distance) == (signal, 0)


def test_a_file_hash_one_bit_off_is_not_found(items, block, look):
    items.add("block", ItemDraft((md5(5),)), actor="alice")
    assert look(md5(4)).hits == ()


def test_each_list_has_its_own_radius(items, rules, look):
    for name, radius in (("narrow", 5), ("usual", 31), ("wide", 60)):
        rules.create(ListDraft(name, radius=radius), actor="alice")
        items.add(name, ItemDraft((pdq(2),)), actor="alice")
    found = [hit.rule.name for hit in look(pdq(2, flips=40)).hits]
    assert found == ["wide"]
    found = [hit.rule.name for hit in look(pdq(2, flips=31)).hits]
    assert found == ["usual", "wide"]


def test_a_view_below_a_lists_quality_floor_is_not_matched(items, rules, block, look):
    rules.create(ListDraft("careless", quality_floor=10), actor="alice")
    for name in ("block", "careless"):
        items.add(name, ItemDraft((pdq(3),)), actor="alice")
    found = look(pdq(3, quality=20))
    assert [hit.rule.name for hit in found.hits] == ["careless"]
    assert look(pdq(3, quality=9)).low_quality == 9
    assert look(pdq(3, quality=90)).low_quality is None


@pytest.mark.parametrize("how", ["remove", "disable", "expire", "not yet", "list off", "list gone"])
def test_what_is_no_longer_in_force_is_not_found_at_once(how, items, rules, block, look, clock):
    item = items.add("block", ItemDraft((pdq(1), md5(1))), actor="alice").item_id
    assert len(look(pdq(1), md5(1)).hits) == 2
    if how == "remove":
        items.remove("block", item, actor="bob")
    elif how == "disable":
        items.change("block", item, enabled=False, actor="bob")
    elif how == "expire":
        clock.advance(366 * 86_400)
    elif how == "not yet":
        items.change("block", item, active_from=clock() + timedelta(hours=1), actor="bob")
    elif how == "list off":
        rules.change("block", enabled=False, actor="bob")
    else:
        rules.remove("block", actor="bob")
    assert look(pdq(1), md5(1)).hits == ()


def test_what_is_restored_is_found_again(items, block, look):
    item = items.add("block", ItemDraft((pdq(1),)), actor="alice").item_id
    items.remove("block", item, actor="bob")
    assert look(pdq(1)).hits == ()
    items.restore("block", item, actor="bob")
    assert len(look(pdq(1)).hits) == 1


def test_a_signal_is_answered_once_by_its_nearest_view(items, block, look):
    items.add("block", ItemDraft((pdq(1),)), actor="alice")
    (hit,) = look(pdq(1, flips=9), pdq(1, flips=2), pdq(1, flips=2)).hits
    assert (hit.view, hit.distance) == ("view 1", 2)


def test_hits_are_ordered_by_distance_then_list_then_signal(items, rules, look):
    for name in ("b", "a"):
        rules.create(ListDraft(name), actor="alice")
        items.add(name, ItemDraft((pdq(1, flips=4),)), actor="alice")
        items.add(name, ItemDraft((pdq(1),)), actor="alice")
    hits = look(pdq(1)).hits
    assert [(hit.distance, hit.rule.name) for hit in hits] == [
        (0, "a"),
        (0, "b"),
        (4, "a"),
        (4, "b"),
    ]


def test_only_the_lists_asked_for_are_searched_and_allow_lists_always(items, rules, look):
    for name, kind in (("one", "block"), ("two", "block"), ("news", "allow")):
        rules.create(ListDraft(name, kind=ListKind(kind)), actor="alice")
        items.add(name, ItemDraft((md5(1),)), actor="alice")
    found = [hit.rule.name for hit in look(md5(1), only=["two"]).hits]
    assert found == ["news", "two"]
    with pytest.raises(NotFound):
        look(md5(1), only=["three"])


def test_many_uploads_at_once_answer_as_one_by_one(items, block, recogniser):
    items.add_many("block", [ItemDraft((pdq(n),)) for n in range(50)], actor="alice")
    uploads = [[View("v", pdq(n, flips=n % 40))] for n in range(60)]
    together = recogniser.recognise_many(uploads)
    assert together == [recogniser.recognise(views) for views in uploads]
    assert sum(bool(one.hits) for one in together) == 42


def test_a_second_process_sees_a_change_without_being_told(
    items, block, store, rules, clock, tmp_path
):
    with Indices(store, rules, tmp_path / "other", merge=False) as other:
        recogniser = Recogniser(store, other, clock)
        items.add("block", ItemDraft((md5(8),)), actor="alice")
        assert len(recogniser.recognise([View("file", md5(8))]).hits) == 1


def test_the_index_is_the_same_after_a_restart_with_or_without_its_files(
    items, block, store, rules, clock, tmp_path
):
    items.add_many("block", [ItemDraft((pdq(n),)) for n in range(20)], actor="alice")
    items.remove("block", items.page("block")[0].id, actor="bob")
    for folder in ("kept", "kept", "fresh"):
        with Indices(store, rules, tmp_path / folder, merge=False) as opened:
            recogniser = Recogniser(store, opened, clock)
            found = [bool(recogniser.recognise([View("v", pdq(n))]).hits) for n in range(20)]
            assert found == [False] + [True] * 19


def test_a_hit_carries_the_stage_of_its_item_the_moment_that_it_changes(items, block, store, look):
    draft = ItemDraft((pdq(1),), stage=Stage.SHADOW, issuer="dana")
    item = items.add("block", draft, actor="node").item_id
    (hit,) = look(pdq(1)).hits
    assert (hit.stage, hit.disputed, hit.issuer) == (Stage.SHADOW, False, "dana")
    store.write(lambda one: place_in(one, [item], Stage.ADVISORY, disputed=True)).result()
    (hit,) = look(pdq(1)).hits
    assert (hit.stage, hit.disputed) == (Stage.ADVISORY, True)


def test_a_crowd_in_shadow_does_not_push_out_what_can_act(items, block, look):
    enforced = items.add("block", ItemDraft((pdq(1, flips=30),)), actor="alice").item_id
    crowd = [ItemDraft((pdq(1),), stage=Stage.SHADOW)]
    crowd += [ItemDraft((pdq(1, flips=n),), stage=Stage.SHADOW) for n in range(1, 9)]
    with patch.object(recognising, "MAX_HITS", 5):
        items.add_many("block", crowd, actor="node")
        assert look(pdq(1)).hits[0].item_id == enforced
