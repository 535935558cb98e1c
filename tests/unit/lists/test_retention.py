"""What is kept for a time is gone after it."""

from seen import remember
from signals import md5
from tocsin.lists.items import ItemDraft
from tocsin.lists.retention import Retention

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
