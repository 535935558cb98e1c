"""Events are read as they come, in whatever pieces, and never without end."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import Damaged
from tocsin.sharing.events import MAX_EVENT_BYTES, Event, events

STREAM = b': hello\n\nevent: ring\nid: 7\ndata: {"a":1}\n\n: 8\n\ndata: x\ndata:y\n\n'
READ = [Event(), Event("ring", b'{"a":1}'), Event(), Event("message", b"x\ny")]


def test_events_and_comments_are_told_apart():
    assert list(events([STREAM])) == READ


@given(st.lists(st.integers(0, len(STREAM)), max_size=10))
def test_it_does_not_matter_how_a_stream_is_cut_up(cuts):
    edges = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[a:b] for a, b in itertools.pairwise(edges)]
    assert list(events(pieces)) == READ


def test_lines_may_end_as_those_of_windows_do():
    assert list(events([STREAM.replace(b"\n", b"\r\n")])) == READ


def test_what_is_not_finished_is_not_told():
    assert list(events([b"event: ring\ndata: {}\n"])) == []


def test_an_event_without_data_and_unknown_fields_are_passed_over():
    assert list(events([b"event: ring\n\nretry: 5\nfoo\n\ndata: x\n\n"])) == [
        Event("message", b"x")
    ]


@pytest.mark.parametrize(
    "piece", [b"x" * 65536, b"data: " + b"x" * 1000 + b"\n", b"event: " + b"y" * 1000 + b"\n"]
)
def test_a_stream_that_never_ends_an_event_is_given_up(piece):
    with pytest.raises(Damaged):
        list(events(piece for _ in range(MAX_EVENT_BYTES // len(piece) + 2)))


def test_signs_of_life_may_go_on_for_ever():
    assert sum(1 for _ in events(b": 1\n\n" for _ in range(300_000))) == 300_000
