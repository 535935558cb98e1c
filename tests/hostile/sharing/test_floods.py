"""A member that says as much as it may: the others, and this node, go on.

Passed if nobody can use up the lists that a crisis needs, and memory is bounded by bytes.
"""

from datetime import timedelta
from itertools import product
from string import ascii_uppercase

from ledger import item
from tocsin.entries.statements import Approve, IncidentSaid, MemberSaid, SignalSaid, moment
from tocsin.sharing import catching
from tocsin.sharing.entrusting import Entrusted
from tocsin.sharing.shelves import MAX_LISTS


def places(count):
    """As many territories: each makes a list."""
    codes = ("".join(pair) for pair in product(ascii_uppercase, repeat=2))
    return [next(codes) for _ in range(count)]


def test_one_member_cannot_use_up_the_lists_of_all(ledger, place, victim):
    for territory in places(MAX_LISTS + 2):
        ledger.said("tube", item(territories=(territory,), note=territory))
    other = ledger.said("chat", item(territories=("ZZ",)))
    opened = IncidentSaid(
        action="open",
        incident="halle-2026",
        kind="perpetrator-content",
        title="attack",
        reason="live",
        audience="public",
        ends_at=moment(ledger.at + timedelta(hours=24)),
    )
    asked = ledger.said("police", opened)
    ledger.said("rescue", Approve(of=asked, audience="public"))
    urgent = ledger.said("police", item(days=1, incident="halle-2026"))
    place.publish()
    assert victim.take() == "done"
    assert list(victim.faults().values()) == ["too_many_lists"] * 2
    assert {other, urgent} <= victim.stages().keys()


def test_a_member_that_was_stopped_may_still_fill_the_lists_that_there_are(ledger, place, victim):
    for territory in places(MAX_LISTS):
        ledger.said("tube", item(territories=(territory,), note=territory))
    place.publish()
    assert victim.take() == "done"
    again = ledger.said("tube", item(territories=(places(1)[0],), note="again"))
    ledger.said("tube", item(territories=("ZZ",), note="one too many"))
    place.publish()
    assert victim.take() == "done"
    assert again in victim.stages()
    assert list(victim.faults().values()) == ["too_many_lists"]


def test_pages_end_where_contents_or_leaves_are_long(ledger, place, victim, monkeypatch):
    monkeypatch.setattr(catching, "PAGE_BYTES", 100_000)
    pages = catching._pages(iter([([b"leaf"] * 256, [bytes(1000)] * 256)] * 6), 0, 16)
    assert [len(leaves) for leaves, _ in pages] == [256] * 6
    long = catching._pages(iter([([bytes(1000)] * 256, [b""] * 256)] * 6), 0, 16)
    assert [len(leaves) for leaves, _ in long] == [256] * 6
    few = catching._pages(iter([([b"leaf"] * 256, [bytes(100)] * 256)] * 6), 250, 16)
    assert [len(leaves) for leaves, _ in few] == [6 + 3 * 256, 2 * 256]


def test_an_item_of_a_hundred_long_links_is_listed_as_any_other(ledger, place, victim):
    links = [f"https://example.com/{number}/{'a' * 250}" for number in range(100)]
    signals = tuple(SignalSaid(type="url", value=link) for link in links)
    of = ledger.said("tube", item(signals=signals))
    place.publish()
    assert victim.take() == "done"
    assert list(victim.stages()) == [of]


def test_a_member_that_is_suspended_and_taken_back_again_and_again_costs_one_placing(
    ledger, place, victim, monkeypatch
):
    of = ledger.said("tube", item(note="the item"))
    place.publish()
    assert victim.take() == "done"
    placings = []
    monkeypatch.setattr(
        Entrusted, "_quarantine", lambda *_, quarantined: placings.append(quarantined)
    )
    for action in ("suspend", "reinstate") * 20:
        ledger.said("industry", MemberSaid(action=action, member="tube"))
    ledger.said("industry", MemberSaid(action="suspend", member="tube"))
    place.publish()
    assert victim.take() == "done"
    assert placings == [False, True]
    assert list(victim.stages()) == [of]
