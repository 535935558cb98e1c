"""What a verdict rests on is stored with it, so that it can be found again."""

import pytest
from sqlalchemy import select

from samples import NOW, a_judgement, a_screening, an_action, an_upload
from signals import md5
from tocsin.lists.items import ItemDraft, Items
from tocsin.lists.rules import ListDraft, Rules
from tocsin.recording import screenings, tables


@pytest.fixture
def two_items(store, clock):
    Rules(store, clock).create(ListDraft("block"), actor="alice")
    drafts = [ItemDraft((md5(number),)) for number in range(2)]
    return [one.item_id for one in Items(store, clock).add_many("block", drafts, actor="alice")]


def stored(store):
    query = select(tables.sightings).order_by(tables.sightings.c.item_id)
    with store.read() as connection:
        rows = connection.execute(query).all()
    return [(row.item_id, row.upload_id, row.at, row.acted, row.reopened) for row in rows]


@pytest.mark.parametrize("actions", [(), (an_action(),)])
def test_what_acted_and_what_lay_in_shadow_is_stored_with_the_screening(store, two_items, actions):
    acted, shadow = two_items
    judgement = a_judgement()
    judgement = type(judgement)(
        judgement.verdict, judgement.reasons, 0.5, rests_on=(acted,), in_shadow=(shadow,)
    )
    screening = a_screening(judgement=judgement)
    screenings.record(
        store, screening, actions, actor="api", keep_seen=False, keep_name=False
    ).result()
    upload = an_upload().id
    assert stored(store) == [(acted, upload, NOW, True, False), (shadow, upload, NOW, False, False)]


def test_an_upload_that_rests_on_nothing_leaves_no_trace(store):
    screenings.record(
        store, a_screening(hits=()), (), actor="api", keep_seen=False, keep_name=False
    ).result()
    assert stored(store) == []
