"""A flood acts at most as often as its limit, whatever way it comes, and then a person decides."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samples import NOW, a_hit, a_rule, an_upload
from tocsin.deciding import decide
from tocsin.errors import Unavailable
from tocsin.model import ListKind, Screening, Stage, Verdict
from tocsin.trust.breaker import Breaker
from tocsin.trust.flood import Figures, FloodCounter, Limit

REFUSING = a_rule(verdict=Verdict.REFUSE)
HIT = a_hit(REFUSING, item_id=7)
KEY = (1, 7)


class Node:
    """The part of the road that a breaker stands at, with all that it refused and demoted."""

    def __init__(self, figures=None, demoted=True, tell=()):
        self.trips, self.refused, self.demotes = [], 0, demoted
        self.breaker = Breaker(self.demote, figures=figures, tell=tell)

    def demote(self, trip):
        self.trips.append(trip)
        if isinstance(self.demotes, Exception):
            raise self.demotes
        return self.demotes

    def screen(self, number, *hits, source="", at=NOW, record=True):
        upload = an_upload(id=f"{number:032x}", source=source)
        found = decide(upload, hits, now=NOW, draw=0.0)
        tempered = self.breaker.temper(upload, hits, found, at)
        if tempered is not hits:
            found = decide(upload, tempered, now=NOW, draw=0.0)
        screening = Screening(upload.id, at, upload, (), tempered, found, 1)
        self.refused += found.verdict is Verdict.REFUSE
        if record:
            self.breaker.seen([screening])
        return screening


def seconds(count):
    return NOW + timedelta(seconds=count)


def test_a_flood_acts_twenty_times_and_the_next_is_held():
    node = Node()
    verdicts = [node.screen(number, HIT).judgement.verdict for number in range(30)]
    assert verdicts == [Verdict.REFUSE] * 20 + [Verdict.HOLD] * 10
    (trip,) = node.trips
    assert (trip.item_id, trip.list_id, trip.issuer, trip.matches) == (7, 1, "", 21)


@given(
    times=st.lists(st.floats(0, 590), min_size=1, max_size=80).map(sorted),
    accounts=st.integers(11, 40),
)
def test_within_ten_minutes_no_more_than_twenty_act_once_eleven_accounts_came(times, accounts):
    node = Node()
    for number, time in enumerate(times):
        hit = replace(HIT, stage=Stage.ADVISORY) if node.trips else HIT
        node.screen(number, hit, source=f"account {number % accounts}", at=seconds(time))
    assert node.refused == min(20, len(times))
    assert len(node.trips) <= 1


def test_a_batch_that_is_judged_before_any_of_it_is_recorded_acts_no_more():
    node = Node()
    screenings = [node.screen(number, HIT, record=False) for number in range(500)]
    node.breaker.seen(screenings)
    assert (node.refused, len(node.trips)) == (20, 1)


def test_many_threads_act_no_more():
    node = Node()
    start = threading.Barrier(8)

    def work(thread):
        start.wait()
        for number in range(50):
            node.screen(thread * 1000 + number, HIT)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert node.refused == 20


@pytest.mark.parametrize(
    ("matches", "accounts", "gap_s", "trips"),
    [
        *((20, 20, 1, 0), (21, 21, 1, 1), (21, 11, 1, 1), (100, 10, 1, 0)),
        *((21, 21, 30, 1), (21, 21, 31, 0)),  # 20 gaps of 31 s are more than ten minutes
    ],
)
def test_it_takes_over_twenty_from_over_ten_accounts_in_ten_minutes(
    matches, accounts, gap_s, trips
):
    node = Node()
    for number in range(matches):
        at, source = seconds(number * gap_s), f"account {number % accounts}"
        node.screen(number, HIT, source=source, at=at)
    assert len(node.trips) == trips


def test_without_sources_each_upload_counts_as_an_account_of_its_own():
    node = Node()
    for number in range(21):
        node.screen(number, HIT)
    assert len(node.trips) == 1


def test_an_upload_that_is_counted_twice_counts_once():
    node = Node()
    for _ in range(30):
        node.screen(1, HIT)
    assert node.trips == []


@pytest.mark.parametrize(("others", "trips"), [(989, 0), (990, 1), (10_989, 1), (10_990, 0)])
def test_a_share_above_one_in_a_thousand_trips_once_a_thousand_were_screened(others, trips):
    node = Node()
    for number in range(others):
        node.screen(number)
    for number in range(11):  # too far apart to be a flood of ten minutes
        node.screen(100_000 + number, HIT, at=seconds(100 * number))
    assert len(node.trips) == trips


def test_a_share_is_counted_anew_every_day():
    node = Node()
    for number in range(2000):
        node.screen(number, *[HIT] * (number < 10), at=seconds(100 * number * (number < 10)))
    node.screen(3000, HIT, at=NOW + timedelta(days=1))
    assert node.trips == []


@pytest.mark.parametrize(
    "hit",
    [
        replace(HIT, stage=Stage.ADVISORY),
        replace(HIT, stage=Stage.SHADOW),
        a_hit(a_rule(kind=ListKind.ALLOW)),
        a_hit(REFUSING, distance=60),
    ],
)
def test_what_does_not_act_in_full_is_not_counted(hit):
    node = Node()
    for number in range(50):
        node.screen(number, hit)
    assert node.trips == []


def test_an_issuer_whose_many_items_flood_together_is_demoted_as_a_whole():
    few = Figures(issuer=Limit(matches=5, accounts=2, share=1.0, share_matches=10**6))
    node = Node(few)
    for number in range(8):
        node.screen(number, replace(HIT, item_id=number, issuer="dana"))
    (trip,) = node.trips
    assert (trip.item_id, trip.issuer, trip.list_id) == (None, "dana", 1)
    assert node.refused == 5


def test_a_confirming_decision_spares_the_item_for_a_day():
    node = Node()
    for number in range(20):
        node.screen(number, HIT)
    node.breaker.confirmed(*KEY, NOW)
    for number in range(20, 60):
        node.screen(number, HIT)
    assert (node.trips, node.refused) == ([], 60)
    for number in range(60, 90):
        node.screen(number, HIT, at=NOW + timedelta(days=2))
    assert len(node.trips) == 1


def test_what_another_process_knows_to_be_confirmed_is_spared_here_too():
    node = Node(demoted=False)
    for number in range(50):
        node.screen(number, HIT)
    assert (len(node.trips), node.refused) == (1, 49)


def test_a_trip_that_cannot_be_stored_is_tried_again_and_fails_no_screening():
    node = Node(demoted=Unavailable("the database is gone"))
    for number in range(25):
        node.screen(number, HIT)
    assert "gone" in node.breaker.problem
    node.demotes = True
    node.screen(25)
    assert (node.breaker.problem, node.refused) == ("", 20)
    before = len(node.trips)
    node.screen(26)
    assert len(node.trips) == before


def test_all_who_listen_are_told_even_if_one_of_them_fails():
    told = []

    def fail(trip):
        raise RuntimeError("no line")

    node = Node(tell=(fail, told.append))
    for number in range(21):
        node.screen(number, HIT)
    assert told == node.trips
    assert "no line" in node.breaker.problem


def test_uploads_without_a_hit_leave_nothing_behind():
    node = Node()
    upload = an_upload()
    found = decide(upload, (), now=NOW, draw=0.0)
    hits = ()
    assert node.breaker.temper(upload, hits, found, NOW) is hits
    assert not node.breaker._counter._windows


def test_memory_is_bounded_whatever_comes():
    counter = FloodCounter(Figures(tracked=100))
    limit = Figures().item
    for number in range(5000):
        counter.match((1, number), limit, f"upload {number}", f"account {number}", 0.0)
        counter.match((1, -1), limit, f"upload {number}", f"account {number}", 0.0)
        counter.spare((2, number), 0.0)
    window = counter._windows[1, -1]
    assert (len(counter._windows), len(counter._spared)) == (100, 100)
    assert (len(window.uploads), len(window.accounts)) == (21, 11)
