"""The breaker on a real road: a benign flood is cut off, stored, told, and undone by a person."""

from sqlalchemy import select

from clocks import FakeClock
from tocsin.model import Stage, Verdict
from tocsin.recording import tables
from tocsin.trust.breaker import Breaker
from trusting import CONFIRMED, photo

DAY_S = 86_400


def refused(screen, breaker, numbers):
    """Screen copies of one picture, each from an account of its own; count what was refused."""
    count = 0
    for number in numbers:
        screening = screen(number, photo(1, flips=number % 5))
        breaker.seen([screening])
        count += screening.judgement.verdict is Verdict.REFUSE
    return count


def enforced(receive, standing, clock: FakeClock) -> int:
    """Have a wrongly listed picture pass every check and be confirmed, as an attack would."""
    item = receive()
    clock.advance(DAY_S)
    for opinion in CONFIRMED:
        standing.opinion(item, opinion)
    return item


def test_a_flood_is_cut_off_in_the_database_for_every_process(
    receive, standing, screen, store, clock, items
):
    item = enforced(receive, standing, clock)
    told = []
    breaker = Breaker(standing.tripped, tell=[told.append])
    assert refused(screen, breaker, range(100)) == 21
    assert items.get("followed", item).stage is Stage.ADVISORY
    assert [trip.item_id for trip in told] == [item]
    with store.read() as connection:
        (row,) = connection.execute(select(tables.trips)).all()
    assert (row.item_id, row.matches, row.cleared_at) == (item, 21, None)


def test_a_person_who_clears_it_stops_the_breaker_for_a_day(
    receive, standing, screen, clock, followed
):
    item = enforced(receive, standing, clock)
    breaker = Breaker(standing.tripped)
    refused(screen, breaker, range(30))
    standing.cleared(item, actor="alice")
    breaker.confirmed(followed.id, item, clock())
    assert refused(screen, breaker, range(100, 200)) == 100


def test_a_second_process_that_counts_anew_spares_what_a_person_cleared(
    receive, standing, screen, clock
):
    item = enforced(receive, standing, clock)
    standing.cleared(item, actor="alice")
    assert refused(screen, Breaker(standing.tripped), range(60)) == 60
