import pytest

from signals import md5, pdq
from tocsin.errors import NotFound
from tocsin.lists.items import ItemDraft
from tocsin.lists.rules import ListDraft
from tocsin.recording.events import Tag
from tocsin.web.batches import GROUP, screen_batch


@pytest.fixture
def road(served):
    return served.node.road


@pytest.fixture
def listed(served, seed):
    """A hash that is on a list, and the name of the list."""
    name, signal = f"batches-{seed}", md5(seed)
    served.node.rules.create(ListDraft(name), actor="alice")
    served.node.items.add(name, ItemDraft((signal,)), actor="alice")
    return signal, name


def unknown(seed, count):
    return [(md5(seed * 10**6 + number),) for number in range(1, count + 1)]


def places(screened):
    return sorted(place for _, group in screened for place in group)


@pytest.mark.parametrize("count", [1, GROUP - 1, GROUP, GROUP + 1, 5 * GROUP + 3])
def test_every_hash_is_in_exactly_one_screening(road, seed, count):
    assert places(screen_batch(road, unknown(seed, count), actor="dana")) == list(range(count))


def test_hashes_that_nobody_knows_share_a_screening(road, seed):
    screened = screen_batch(road, unknown(seed, 2 * GROUP), actor="dana")
    assert [len(group) for _, group in screened] == [GROUP, GROUP]


def test_a_known_hash_has_a_screening_of_its_own(road, listed, seed):
    signal, name = listed
    hashes = unknown(seed, 3 * GROUP)
    hashes[GROUP + 5] = (signal,)
    screened = screen_batch(road, hashes, actor="dana")
    (hit,) = [(one, group) for one, group in screened if one.hits]
    assert hit[1] == [GROUP + 5]
    assert (hit[0].hits[0].rule.name, hit[0].hits[0].view) == (name, f"hash {GROUP + 5}")


def test_the_same_known_hash_is_found_as_often_as_it_comes(road, listed, seed):
    signal, _ = listed
    screened = screen_batch(road, [(signal,)] * 5 + unknown(seed, 3), actor="dana")
    assert [group for one, group in screened if one.hits] == [[n] for n in range(5)]


def test_hashes_near_one_another_are_all_found(served, road, seed):
    name = f"near-{seed}"
    served.node.rules.create(ListDraft(name), actor="alice")
    served.node.items.add(name, ItemDraft((pdq(seed),)), actor="alice")
    screened = screen_batch(road, [(pdq(seed, flips),) for flips in (0, 7, 31, 32)], actor="dana")
    distances = [[hit.distance for hit in one.hits] for one, _ in screened]
    assert distances == [[0], [7], [31], []]


def test_each_screening_is_recorded_once(served, road, listed, seed):
    signal, _ = listed
    screened = screen_batch(road, [(signal,), *unknown(seed, 2 * GROUP)], actor="dana")
    for screening, _ in screened:
        tags = [one.event.tag for one in served.node.history.page(subject=screening.id)]
        assert tags == [Tag.SCREENED]


def test_a_look_back_names_the_hash_that_was_added_later(served, road, seed):
    name, hashes = f"later-{seed}", unknown(seed, GROUP)
    served.node.rules.create(ListDraft(name), actor="alice")
    ((screening, _),) = screen_batch(road, hashes, actor="dana")
    served.node.items.add(name, ItemDraft(hashes[40]), actor="alice")
    list(served.node.lookback.run())
    found = served.node.history.page(subject=screening.id, tags=[Tag.LOOKBACK_MATCHED])
    assert [hit["view"] for one in found for hit in one.event.body["hits"]] == ["hash 40"]


def test_a_list_that_does_not_exist_is_an_error(road, seed):
    with pytest.raises(NotFound):
        screen_batch(road, unknown(seed, 3), actor="dana", only=["nowhere"])
