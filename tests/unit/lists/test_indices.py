"""The indices follow the database, and give up what was erased there."""

import pytest

from signals import erase, pdq
from tocsin.lists.indices import Indices
from tocsin.lists.items import ItemDraft


@pytest.fixture
def folder(items, block, store, rules, tmp_path, monkeypatch):
    """A folder with an index in files: the signals 0 to 19 on the list."""
    monkeypatch.setattr("tocsin.matching.index._MERGE_ROWS", 1)
    items.add_many("block", [ItemDraft((pdq(n),)) for n in range(20)], actor="alice")
    with Indices(store, rules, tmp_path / "index", merge=True) as indices:
        indices.merge()
    monkeypatch.undo()
    return tmp_path / "index"


def on_disk(folder, signal):
    files = (path for path in folder.rglob("*") if path.is_file())
    return any(signal.value in path.read_bytes() for path in files)


def test_what_is_erased_leaves_the_files_and_the_rest_is_found(
    folder, items, block, store, rules, look
):
    erase(store, items.page("block")[3].id)
    assert on_disk(folder, pdq(3))
    with Indices(store, rules, folder, merge=True) as indices:
        indices.merge()
        assert indices.sizes() == {"block/pdq": 19}
    assert [on_disk(folder, pdq(n)) for n in (2, 3, 4)] == [True, False, True]


def test_a_process_that_may_not_write_files_leaves_them_as_they_are(
    folder, items, block, store, rules
):
    erase(store, items.page("block")[3].id)
    with Indices(store, rules, folder, merge=False) as indices:
        indices.merge()
        assert indices.sizes() == {"block/pdq": 19}
    assert on_disk(folder, pdq(3))


def test_erasing_again_and_again_rests_in_between(folder, items, block, store, rules, monkeypatch):
    monkeypatch.setattr("tocsin.lists.indices.ERASING_REST", 1_000_000)
    with Indices(store, rules, folder, merge=True) as indices:
        for number in (3, 4):
            erase(store, items.page("block")[number].id)
            indices.refresh()
            indices.merge()
    assert [on_disk(folder, pdq(n)) for n in (3, 4)] == [False, True]
