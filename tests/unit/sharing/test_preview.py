"""A preview says what lists would have matched, and nothing acts on it."""

import pytest

from exchanges import an_item
from seen import remember
from signals import pdq
from tocsin.entries.statements import SignalSaid
from tocsin.lists.indices import Indices
from tocsin.sharing.preview import Previewer


@pytest.fixture
def previewer(store, rules, running, tmp_path):
    with Indices(store, rules, tmp_path / "index", merge=False) as indices:
        yield Previewer(store, indices, running.clock)


def said(number):
    one = pdq(number)
    return an_item(number, signals=(SignalSaid(type="pdq", value=one.text, quality=90),))


def test_uploads_that_a_list_would_have_matched_are_counted(
    store, running, following, previewer, items
):
    remember(store, running.clock, 1, pdq(1, flips=20))
    remember(store, running.clock, 2, pdq(2))
    remember(store, running.clock, 3, pdq(1, flips=3), pdq(9))
    running.alice.say(said(1), said(5))
    following.catch_up("hub")
    preview = previewer.preview(following.dossier.lists("hub"))
    assert (preview.uploads, preview.matched, preview.items) == (3, 2, ((1, 2),))


def test_a_preview_looks_back_only_so_many_days(store, running, following, previewer):
    remember(store, running.clock, 1, pdq(1))
    running.clock.move(days=10)
    running.alice.say(said(1))
    following.catch_up("hub")
    assert previewer.preview(["hub"], days=5).uploads == 0
    assert previewer.preview(["hub"], days=15).matched == 1


def test_a_preview_of_no_list_matches_nothing(store, running, previewer):
    remember(store, running.clock, 1, pdq(1))
    assert previewer.preview([]).matched == 0
