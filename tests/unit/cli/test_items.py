import pytest

SHA256 = "ab" * 32


@pytest.fixture
def item(tocsin, known):
    """An item on the list, by its number."""
    return tocsin("lists", "add", known, "--sha256", SHA256, "--label=threat", "--json").lines[0][
        "item"
    ]


@pytest.fixture
def matches(tocsin):
    """How many signals the item's hash matches."""
    return lambda: len(tocsin("signals", "search", SHA256, "--json").lines)


def test_an_item_is_shown_with_its_signals(tocsin, known, item):
    (shown,) = tocsin("signals", "show", known, item, "--json").lines
    assert shown["signals"] == [{"type": "sha256", "signal": SHA256}]
    assert shown["labels"] == ["threat"]
    assert SHA256 in tocsin("signals", "show", known, item).out


def test_looking_at_an_item_is_recorded(tocsin, known, item):
    tocsin("signals", "show", known, item)
    (event,) = tocsin("events", "--tag=list:items:read", "--json").lines
    assert event["body"] == {"first": item, "last": item}


def test_a_disabled_item_matches_nothing_until_it_is_enabled(tocsin, known, item, matches):
    tocsin("signals", "disable", known, item)
    assert matches() == 0
    tocsin("signals", "enable", known, item)
    assert matches() == 1


def test_a_removed_item_matches_nothing_until_it_is_restored(tocsin, known, item, matches):
    tocsin("signals", "remove", known, item, "--reason=mistaken")
    assert matches() == 0
    tocsin("signals", "restore", known, item)
    assert matches() == 1


def test_why_an_item_was_removed_is_on_record(tocsin, known, item):
    tocsin("signals", "remove", known, item, "--reason=mistaken")
    (event,) = tocsin("events", "--tag=list:item:removed", "--json").lines
    assert event["body"] == {"reason": "mistaken"}


@pytest.mark.parametrize("command", ["show", "remove", "restore", "disable", "enable"])
def test_an_item_that_is_not_there_is_named(tocsin, known, command):
    answer = tocsin("signals", command, known, 99)
    assert answer.code == 1
    assert "no item 99 on list known" in answer.err
