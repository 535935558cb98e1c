import pytest

from tocsin.app import now
from tocsin.lists.items import ItemDraft, Items
from tocsin.model import Stage
from tocsin.recording.store import Store
from tocsin.trust.breaker import Trip
from tocsin.trust.rule import TrustRule
from tocsin.trust.standing import Received, Standing
from trusting import BOB, ISSUER, Stance, photo, says

DEFAULT = TrustRule()


@pytest.fixture
def store(data, known):
    opened = Store(f"sqlite:///{data / 'tocsin.db'}")
    yield opened
    opened.close()


@pytest.fixture
def standing(store):
    return Standing(store, now, lambda _: DEFAULT)


@pytest.fixture
def item(store, standing, known):
    """An item that dana asserted at an exchange, which waits in shadow."""
    signals = (photo(1),)
    draft = ItemDraft(signals, stage=Stage.SHADOW, issuer="dana")
    number = Items(store, now).add(known, draft, actor="node").item_id
    standing.received(Received(number, "north", ISSUER, signals))
    return number


def stage(tocsin, item):
    return tocsin("signals", "show", "known", item, "--json").lines[0]["stage"]


def test_what_waits_is_shown_with_what_it_waits_for(tocsin, item):
    (line,) = tocsin("trust", "waiting", "--json").lines
    assert (line["item"], line["list"], line["exchange"]) == (item, "known", "north")
    assert (line["issuer"], line["stage"]) == ("dana", "shadow")
    assert "waiting" in [one["code"] for one in line["reasons"]]
    assert line["due_at"] > line["since"]
    assert "waiting, no_quorum" in tocsin("trust", "waiting").out


def test_a_page_of_what_waits_follows_the_one_before(tocsin, item):
    assert "--after" in tocsin("trust", "waiting", "--limit=1").err
    assert tocsin("trust", "waiting", f"--after={item}").out == "no item waits\n"


def test_all_the_evidence_is_shown(tocsin, item, standing):
    standing.opinion(item, says(BOB, Stance.CONFIRM))
    (line,) = tocsin("trust", "show", item, "--json").lines
    assert line["opinions"][0].items() >= {"member": "bob", "says": "confirm"}.items()
    assert (line["structure"]["outcome"], line["benign"]["outcome"]) == ("sound", "sound")
    assert line.items() >= {"matches_in_shadow": 0, "pinned": None, "tripped": False}.items()
    shown = tocsin("trust", "show", item).out
    assert "in shadow until" in shown
    assert "bob" in shown


def test_a_stage_set_by_hand_holds_until_it_is_let_go(tocsin, item):
    (line,) = tocsin("trust", "pin", item, "enforced", "--json").lines
    assert (line["stage"], line["reasons"][0]["code"]) == ("enforced", "pinned")
    assert stage(tocsin, item) == "enforced"
    assert "item 1 is shadow" in tocsin("trust", "unpin", item).out
    assert stage(tocsin, item) == "shadow"


def test_who_set_a_stage_is_on_record(tocsin, item):
    tocsin("trust", "pin", item, "advisory")
    (event,) = tocsin("events", "--tag=list:item:staged", "--json").lines
    assert (event["actor"], event["body"]["to"]) == ("cli", "advisory")


def test_a_stage_that_is_none_is_refused(tocsin, item):
    assert tocsin("trust", "pin", item, "loud").code == 2


@pytest.mark.parametrize("command", [["trust", "clear"], ["signals", "confirm", "known"]])
def test_what_the_breaker_held_back_acts_again(tocsin, item, standing, command):
    standing.pin(item, Stage.ENFORCED, actor="alice")
    clear_the_pardon(standing)
    standing.tripped(Trip(item, 1, "dana", 21, now()))
    assert stage(tocsin, item) == "advisory"
    assert tocsin(*command, item).code == 0
    assert stage(tocsin, item) == "enforced"


def clear_the_pardon(standing):
    """Forget that whoever set the stage spared the item for a day."""
    delete = "DELETE FROM trip"
    standing._store.write(lambda one: one.exec_driver_sql(delete) and None).result()


def test_a_dispute_is_shown_and_taken_back_by_confirming(tocsin, item):
    (line,) = tocsin("signals", "dispute", "known", item, "--reason=news", "--json").lines
    assert line == {"item": item, "told": 0}
    assert tocsin("signals", "show", "known", item, "--json").lines[0]["disputed"] is True
    assert "shadow, disputed" in tocsin("lists", "show", "known").out
    assert "0 exchanges will be told" in tocsin("signals", "confirm", "known", item).out
    assert tocsin("signals", "show", "known", item, "--json").lines[0]["disputed"] is False


def test_a_review_says_what_it_did(tocsin, item):
    (line,) = tocsin("trust", "review", "--all", "--json").lines
    assert line == {"seen": 1, "moved": 0, "reopened": 0}
    assert "0 items reviewed" in tocsin("trust", "review").out


@pytest.mark.parametrize("command", [["show"], ["pin"], ["unpin"], ["clear"]])
def test_an_item_that_is_not_there_is_named(tocsin, known, command):
    more = ["shadow"] if command == ["pin"] else []
    answer = tocsin("trust", *command, 99, *more)
    assert answer.code == 1
    assert "item 99" in answer.err


def test_who_asserted_an_item_is_shown_with_its_list(tocsin, item):
    (line,) = tocsin("lists", "show", "known", "--json").lines[1:]
    assert (line["issuer"], line["stage"], line["disputed"]) == ("dana", "shadow", False)
    assert "dana" in tocsin("lists", "show", "known").out
