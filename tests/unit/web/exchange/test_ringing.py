"""The hub tells all what each may read, and lets nobody who stalls hold up the others."""

import asyncio
import json

import pytest

from exchanges import Running, an_item
from tocsin.entries.envelope import key_id
from tocsin.entries.parties import Role
from tocsin.entries.statements import GroupSaid, KeySaid
from tocsin.errors import Unavailable
from tocsin.operating.bell import Ring
from tocsin.web.exchange import ringing
from tocsin.web.exchange.ringing import MAX_PENDING, Hub, Line, counts, written
from tocsin.web.problems import TooMany
from waiting import WAIT_S

LEAF = bytes([1, 16, 9, 0]) + bytes(160)
URGENT = bytes([1, 16, 9, 1]) + bytes(160)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    one = Running(tmp_path_factory.mktemp("exchange") / "x")
    one.alice, one.dana = one.join("alice"), one.join("dana")
    one.exchange.say(GroupSaid(audience="closed", members=("alice",))).result()
    yield one
    one.close()


@pytest.fixture
def hub(running):
    return Hub(running.exchange)


def line_of(person, cut=lambda: None):
    key = key_id(person.key.public_key().public_bytes_raw()).hex()
    return Line(key, person.name, cut)


def a_ring(*contents, old=10, leaves=None):
    leaves = leaves or (LEAF,) * len(contents)
    return Ring(old, old + len(leaves), b"note", tuple(leaves), tuple(contents))


def told(piece):
    """Read what a line was told: each ring's data."""
    events = [event for event in piece.decode().split("\n\n") if event.startswith("event: ring")]
    return [json.loads(event.partition("data: ")[2]) for event in events]


def hears(hub, lines, *rings):
    """Let the hub tell these rings, and return what each line heard."""

    async def listen():
        for line in lines:
            hub.join(line)
        for ring in rings:
            hub.ring(ring)
        return [told(await line.next()) for line in lines]

    return asyncio.run(listen())


def test_each_line_is_told_what_its_member_may_read(running, hub):
    ring = a_ring(("public", b"a"), ("members", b"b"), ("closed", b"c"))
    alice, dana = hears(hub, [line_of(running.alice), line_of(running.dana)], ring)
    assert alice[0]["contents"] == ["YQ==", "Yg==", "Yw=="]
    assert dana[0]["contents"] == ["YQ==", "Yg==", ""]


def test_all_who_read_the_same_get_the_very_same_bytes(running, hub):
    lines = [line_of(running.alice), line_of(running.dana)]

    async def listen():
        for line in lines:
            hub.join(line)
        hub.ring(a_ring(("members", b"b")))
        return [await line.next() for line in lines]

    one, other = asyncio.run(listen())
    assert one is other


def test_a_key_that_was_revoked_reads_no_contents_and_its_line_ends(tmp_path):
    running = Running(tmp_path / "x")
    alice = running.join("alice")
    hub, line = Hub(running.exchange), line_of(alice)
    public = alice.key.public_key().public_bytes_raw().hex()
    running.exchange.say(KeySaid(action="revoke", member="alice", key=public)).result()
    assert not counts(running.exchange.register(), line.key)

    async def listen():
        hub.join(line)
        hub.ring(a_ring(("members", b"secret")))
        hub.start(asyncio.get_running_loop())
        heard = told(await line.next())
        end = await asyncio.wait_for(line.next(), WAIT_S)
        hub.close()
        return heard, end

    heard, end = asyncio.run(listen())
    running.close()
    assert (heard[0]["contents"], end) == ([""], b"")


def test_an_event_has_the_size_as_its_id_and_is_one_line_of_data():
    lines = written(a_ring(("members", b"x\n"), old=6), [b"x\n"]).decode().split("\n")
    assert lines[:2] == ["event: ring", "id: 7"]
    assert lines[2].startswith("data: {")
    assert lines[3:] == ["", ""]


def test_a_ring_of_many_entries_says_only_how_many(running, hub):
    ((heard,),) = hears(hub, [line_of(running.alice)], a_ring(*[("members", b"x")] * 257))
    assert heard == {"old": 10, "size": 267, "checkpoint": "note"}


def test_contents_that_are_too_much_are_left_to_be_fetched_the_urgent_ones_last(running, hub):
    contents = [("members", bytes(40_000)), ("members", bytes(40_000)), ("members", b"small")]
    ring = a_ring(*contents, leaves=(LEAF, URGENT, LEAF))
    ((heard,),) = hears(hub, [line_of(running.alice)], ring)
    assert [len(one) > 0 for one in heard["contents"]] == [False, True, True]


def test_rings_that_come_while_others_are_told_are_joined(running, hub):
    rings = [a_ring(("members", bytes([65 + n])), old=10 + n) for n in range(5)]
    line = line_of(running.alice)

    async def listen():
        hub.join(line)
        for ring in rings:
            hub.ring(ring)
        heard = told(await line.next())
        while heard[-1]["size"] < 15:
            heard += told(await line.next())
        return heard

    heard = asyncio.run(listen())
    assert [(one["old"], one["size"]) for one in heard] == [(10, 11), (11, 15)]
    assert heard[1]["contents"] == ["Qg==", "Qw==", "RA==", "RQ=="]


def test_a_line_that_is_not_read_is_cut_and_the_next_one_is_told(running, hub, monkeypatch):
    monkeypatch.setattr(ringing, "BUSY", 1.0)
    cut = []
    slow, quick = line_of(running.alice, lambda: cut.append(1)), line_of(running.dana)

    async def listen():
        hub.join(slow)
        hub.join(quick)
        heard = 0
        for number in range(MAX_PENDING + 1):
            hub.ring(a_ring(("members", b"x"), old=number))
            heard += len(told(await quick.next()))
            while hub._pause is not None:
                await asyncio.sleep(0)
        return heard, await slow.next()

    assert asyncio.run(listen()) == (MAX_PENDING + 1, b"")
    assert (cut, hub.cut) == ([1], 1)


def test_a_follower_that_takes_nothing_for_long_is_hung_up_on(running, hub, monkeypatch):
    monkeypatch.setattr(ringing, "SEND_S", 0.0)
    cut = asyncio.Event()
    line = line_of(running.alice, lambda: (cut.set(), hub.leave(line)))  # As a stream does.

    async def listen():
        hub.start(asyncio.get_running_loop())
        hub.join(line)
        line.sending_since = asyncio.get_running_loop().time()
        await asyncio.wait_for(cut.wait(), WAIT_S)
        hub.close()

    asyncio.run(listen())
    assert hub.cut == 1


def test_every_line_hears_that_we_live(running, hub, monkeypatch):
    monkeypatch.setattr(ringing, "BEAT_S", 1)
    line = line_of(running.alice)

    async def listen():
        hub.start(asyncio.get_running_loop())
        hub.join(line)
        beat = await asyncio.wait_for(line.next(), WAIT_S)
        hub.close()
        return beat

    assert asyncio.run(listen()) == b": %d\n\n" % running.exchange.register().size


def test_lines_are_counted_for_all_and_for_each_member(running, hub, monkeypatch):
    monkeypatch.setattr(ringing, "MAX_LINES_OF_ONE", 2)
    monkeypatch.setattr(ringing, "MAX_LINES", 3)
    lines = [line_of(running.alice) for _ in range(2)]
    for line in lines:
        hub.join(line)
    with pytest.raises(TooMany):
        hub.join(line_of(running.alice))
    hub.join(line_of(running.dana))
    with pytest.raises(Unavailable):
        hub.join(line_of(running.dana))
    hub.leave(lines[0])
    hub.leave(lines[0])
    hub.join(line_of(running.alice))
    assert len(hub) == 3


def test_a_hub_that_is_closed_ends_all_lines_and_takes_no_more(running, hub):
    line = line_of(running.alice)
    hub.join(line)
    hub.close()
    assert asyncio.run(line.next()) == b""
    with pytest.raises(Unavailable):
        hub.join(line_of(running.alice))


def test_a_hub_that_is_closed_does_not_wait_for_a_follower_that_stalls(running, hub):
    cut = []
    line = line_of(running.alice, lambda: cut.append(1))
    hub.join(line)
    line.sending_since = 1.0
    hub.close()
    assert cut == [1]


def test_a_leaf_of_a_later_version_is_told_like_any_other(running, hub):
    ring = a_ring(("members", b"x"), leaves=(b"\x02" + bytes(163),))
    ((heard,),) = hears(hub, [line_of(running.alice)], ring)
    assert heard["contents"] == ["eA=="]


def test_what_the_exchange_rings_reaches_the_lines(tmp_path):
    running = Running(tmp_path / "x")
    alice = running.join("alice", Role.CONTRIBUTOR)
    hub, line = Hub(running.exchange), line_of(alice)

    async def listen():
        leave = running.exchange.bell.subscribe(hub.start(asyncio.get_running_loop()))
        hub.join(line)
        await asyncio.to_thread(alice.say, an_item())
        heard = told(await asyncio.wait_for(line.next(), WAIT_S))
        leave()
        hub.close()
        return heard

    (heard,) = asyncio.run(listen())
    running.close()
    assert (heard["old"], heard["size"], len(heard["leaves"])) == (2, 3, 1)
