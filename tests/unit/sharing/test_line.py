"""A line follows by itself, comes back after an outage, and shows how it stands."""

import pytest

from exchanges import ORIGIN, URL, an_item
from shares import policy_of
from tocsin.errors import NotFound
from tocsin.sharing import line as line_module
from tocsin.sharing import lines as lines_module
from tocsin.sharing.following import Following
from tocsin.sharing.line import Line, Standing
from waiting import wait_until


@pytest.fixture
def line(following, place, running):
    followed = following.get("hub")
    line = Line(following._follower(followed, place), place, None, running.clock)
    line.start()
    yield line
    line.close()


def notes(items):
    return [one.note for one in items.page("hub")]


def test_what_is_published_arrives_without_being_asked_for(line, running, items):
    wait_until(lambda: line.health.standing is Standing.FOLLOWING)
    running.alice.say(an_item(1))
    wait_until(lambda: _listed(items) == ["item number 1"])


def test_an_exchange_that_is_away_is_shown_and_found_again(line, place, running, items):
    wait_until(lambda: line.health.standing is Standing.FOLLOWING)
    place.broken = True
    running.alice.say(an_item(1))
    place.broken = False
    wait_until(lambda: _listed(items) == ["item number 1"])


def test_a_bell_that_beats_and_never_rings_keeps_nothing_for_long(
    place, running, items, monkeypatch, request
):
    monkeypatch.setattr(line_module, "WITNESS_S", 0.1)

    def beats(since, stop, heard):
        while not stop.wait(0.01):
            heard()
        yield from ()

    monkeypatch.setattr(place, "rings", beats)
    line = request.getfixturevalue("line")
    wait_until(lambda: line.health.standing is Standing.FOLLOWING)
    running.alice.say(an_item(1))
    running.clock.move(seconds=1)
    wait_until(lambda: _listed(items) == ["item number 1"])


def test_an_outage_has_a_sentence_and_an_advice(following, place, running):
    place.broken = True
    line = Line(following._follower(following.get("hub"), place), place, None, running.clock)
    line.start()
    wait_until(lambda: line.health.standing is Standing.UNREACHABLE)
    assert (line.health.error, bool(line.health.advice)) == ("the line is cut", True)
    line.close()


def test_what_nobody_thought_of_does_not_end_the_sending(following, place, running, monkeypatch):
    monkeypatch.setattr(line_module, "POST_S", 0.01)
    tried = []

    class Publisher:
        def send(self):
            tried.append(1)
            raise OverflowError("what nobody thought of")

    line = Line(following._follower(following.get("hub"), place), place, Publisher(), running.clock)
    line.start()
    wait_until(lambda: len(tried) > 1)
    assert line.unsent == "OverflowError: what nobody thought of"
    line.close()


def test_every_exchange_is_followed_once_the_node_starts(following, running, items):
    following.start()
    wait_until(lambda: following.status()[0].standing == "following")
    running.alice.say(an_item(1))
    wait_until(lambda: _listed(items) == ["item number 1"])
    assert following.status()[0].age_s == 0
    assert following.problems() == ()


def test_what_another_process_changes_is_noticed_by_the_node_that_follows(
    following, running, items, store, place, trust, tmp_path, monkeypatch
):
    monkeypatch.setattr(lines_module, "LOOK_S", 0.01)
    more = {"connect": lambda *_: place, "changed": lambda: None, "processes": 1}
    other = Following(store, trust, running.clock, tmp_path / "keys", **more)
    following.remove("hub", actor="cli")
    other.start()
    following.add("late", origin=ORIGIN, url=URL, policy=policy_of(running), actor="cli")
    wait_until(lambda: [one.standing for one in other.status()] == ["following"])
    following.remove("late", actor="cli")
    wait_until(lambda: other.status() == [])
    other.close()


def _listed(items):
    try:
        return notes(items)
    except NotFound:
        return []
