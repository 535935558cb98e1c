"""A signal added today finds yesterday's upload, once."""

import tempfile
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from seen import remember
from signals import md5, pdq, url
from tocsin.acting.planning import plan
from tocsin.lists import lookback as module
from tocsin.lists.items import ItemDraft
from tocsin.lists.lookback import Lookback
from tocsin.lists.newcomers import Newcomers
from tocsin.matching.index import Index
from tocsin.model import SignalType, Stage
from tocsin.recording.events import Tag
from tocsin.recording.history import History
from waiting import wait_until

DESCRIPTORS = Path("/proc/self/fd")


@pytest.fixture
def lookbacks(store, rules, clock):
    """Build look-backs over one store, as each start of a node does; close them in the end."""
    built = []

    def build():
        built.append(Lookback(store, rules, clock, partial(plan, connectors=["webhook"])))
        return built[-1]

    yield build
    for one in built:
        one.close()


@pytest.fixture
def lookback(lookbacks):
    return lookbacks()


def open_files(folder):
    """How many files below a folder are open; other threads of this process open others."""
    count = 0
    for one in DESCRIPTORS.iterdir():
        with suppress(FileNotFoundError):
            count += one.readlink().is_relative_to(folder)
    return count


def found(store):
    return [one.event for one in History(store).page(tags=[Tag.LOOKBACK_MATCHED])]


def add(items, *signals):
    items.add("block", ItemDraft(signals), actor="alice")


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
    lookback.again([screening])
    lookback.again([screening])
    assert len(found(store)) == 1


def test_uploads_under_way_together_are_each_matched_by_what_came_after_them(
    items, block, lookback, store, clock
):
    first = remember(store, clock, 1, md5(1))
    add(items, md5(1), md5(2))
    second = remember(store, clock, 2, md5(1), md5(3))
    add(items, md5(3))
    lookback.again([first, second])
    named = {one.subject: [hit["item"] for hit in one.body["hits"]] for one in found(store)}
    assert named == {first.upload.id: [1], second.upload.id: [2]}


def test_what_is_found_bit_by_bit_and_at_once_is_stored_once(items, block, lookback, store, clock):
    screening = remember(store, clock, 1, md5(1), md5(2))
    add(items, md5(1))
    list(lookback.run())
    add(items, md5(2))
    list(lookback.run())
    lookback.again([screening])
    list(lookback.run(everything=True))
    assert len(found(store)) == 2


def test_many_new_signals_are_searched_in_files_of_their_own_and_found_the_same(
    items, block, lookback, store, clock, monkeypatch
):
    monkeypatch.setattr(module, "CHUNK", 2)
    monkeypatch.setattr("tocsin.matching.index._MERGE_ROWS", 1)
    folded = []
    monkeypatch.setattr(Index, "merge", lambda index, real=Index.merge: folded.append(real(index)))
    for number in range(5):
        remember(store, clock, number, pdq(number, flips=number), md5(number))
    add(items, *map(pdq, range(3)), *map(md5, range(3)))
    list(lookback.run())
    assert folded == [True, True]
    assert {int(one.subject, 16): len(one.body["hits"]) for one in found(store)} == {
        0: 2,
        1: 2,
        2: 2,
    }


def test_the_new_signals_have_no_name_on_the_disk_while_they_are_searched(
    items, block, store, rules, tmp_path, monkeypatch
):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr("tocsin.matching.index._MERGE_ROWS", 1)
    add(items, *map(pdq, range(3)))
    with closing(Newcomers(store, rules, 0, store.revision(), many=True)) as newcomers:
        assert list(folder.iterdir()) == []
        (rule,) = newcomers.rules
        codes = np.frombuffer(pdq(1).value, np.uint8).reshape(1, 32)
        assert newcomers.search(rule, SignalType.PDQ, codes).distance.tolist() == [0]


def test_looking_back_leaves_no_file_open(
    items, block, lookback, store, clock, tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def look():
        screening = remember(store, clock, 1, md5(1))
        add(items, md5(1))
        lookback.again([screening])
        list(lookback.run(everything=True))

    look()
    before = open_files(tmp_path)
    look()
    assert open_files(tmp_path) == before


def test_a_signal_added_during_a_run_is_found_by_the_next(items, block, lookback, store, clock):
    remember(store, clock, 1, md5(1))
    remember(store, clock, 2, md5(2))
    add(items, md5(1))
    run = lookback.run()
    next(run)
    add(items, md5(2))
    list(run)
    assert [one.subject for one in found(store)] == [f"{1:032x}"]
    list(lookback.run())
    assert [one.subject for one in found(store)] == [f"{1:032x}", f"{2:032x}"]


def test_a_run_that_is_cut_off_starts_again_after_a_restart(
    items, block, lookbacks, store, clock, monkeypatch
):
    monkeypatch.setattr(module, "CHUNK", 1)
    for number in (1, 2, 3):
        remember(store, clock, number, md5(number))
    add(items, md5(1), md5(2), md5(3))
    first = lookbacks()
    run = first.run()
    assert [next(run).done for _ in range(2)] == [0, 1]
    first.close()
    list(run)
    assert found(store) == []
    list(lookbacks().run())
    assert len(found(store)) == 3


def test_a_run_whose_process_is_killed_has_stored_nothing_and_starts_again(
    items, block, lookbacks, store, clock
):
    remember(store, clock, 1, md5(1))
    add(items, md5(1))
    killed = lookbacks().run()
    assert [next(killed).done for _ in range(2)] == [0, 1]
    killed.close()
    assert found(store) == []
    list(lookbacks().run())
    assert len(found(store)) == 1


def test_changes_during_the_rest_wait_for_its_end_and_survive_a_restart(
    items, block, lookbacks, store, clock, monkeypatch
):
    monkeypatch.setattr(module, "REST", 1e6)
    remember(store, clock, 1, md5(1))
    remember(store, clock, 2, md5(2))
    add(items, md5(1))
    resting = lookbacks()
    resting.start()
    wait_until(lambda: len(found(store)) == 1)
    add(items, md5(2))
    resting.wake()
    resting.close()
    assert len(found(store)) == 1
    lookbacks().start()
    wait_until(lambda: len(found(store)) == 2)


def test_changes_that_came_during_the_rest_are_looked_back_for_after_it(
    items, block, lookback, store, clock
):
    for number in range(20):
        remember(store, clock, number, md5(number))
    lookback.start()
    for number in range(20):
        add(items, md5(number))
        lookback.wake()
    wait_until(lambda: len(found(store)) == 20)


def test_a_look_back_over_everything_is_kept_when_another_process_was_faster(
    items, block, lookbacks, store, clock
):
    screening = remember(store, clock, 1, md5(1), revision=0)
    add(items, md5(1))
    store.write(lambda one: module._advance(one, 0, store.revision())).result()
    add(items, md5(2))
    thorough = lookbacks().run(everything=True)
    next(thorough)
    list(lookbacks().run())
    list(thorough)
    assert [one.subject for one in found(store)] == [screening.upload.id]


def test_the_lag_counts_from_the_last_moment_without_a_waiting_change(
    items, block, lookback, store, clock
):
    list(lookback.run())
    assert lookback.lag_s() == 0
    clock.advance(60)
    add(items, md5(1))
    clock.advance(30)
    assert lookback.lag_s() == 90
    list(lookback.run())
    assert lookback.lag_s() == 0


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


def sightings(store):
    with store.read() as connection:
        query = "SELECT upload_id, item_id, acted, reopened FROM sighting ORDER BY id"
        rows = connection.exec_driver_sql(query).all()
    return [(int(row[0], 16), row[1], bool(row[2]), bool(row[3])) for row in rows]


def test_what_is_found_is_kept_by_item_so_that_a_correction_finds_it(
    items, block, lookback, store, clock
):
    remember(store, clock, 1, md5(1), md5(2))
    acts = items.add("block", ItemDraft((md5(1),)), actor="alice").item_id
    waits = items.add("block", ItemDraft((md5(2),), stage=Stage.SHADOW), actor="node").item_id
    list(lookback.run())
    list(lookback.run(everything=True))
    assert sightings(store) == [(1, acts, True, False), (1, waits, False, False)]


@pytest.mark.parametrize("again", [{"enabled": True}, {"active_from": None}])
def test_uploads_that_came_while_an_item_did_not_count_are_found_when_it_does(
    items, block, lookback, store, clock, again
):
    off = {"enabled": False} if "enabled" in again else {"active_from": clock().replace(year=2999)}
    item = items.add("block", ItemDraft((md5(1),), **off), actor="alice").item_id
    remember(store, clock, 1, md5(1))
    list(lookback.run())
    assert found(store) == []
    items.change("block", item, actor="bob", **again)
    list(lookback.run())
    assert [one.subject for one in found(store)] == [f"{1:032x}"]
