import select

import pytest

from tocsin.decoding.spares import Spares


class Idle:
    """Stands for a connection that nobody asks anything."""

    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True


def readable(spares: Spares) -> bool:
    poll = select.poll()
    poll.register(spares, select.POLLIN)
    return bool(poll.poll(0))


def test_the_last_one_put_is_taken_first():
    spares, first, second = Spares(), Idle(), Idle()
    spares.put(first)
    spares.put(second)
    assert [spares.take(), spares.take()] == [second, first]


def test_taking_from_none_does_not_wait():
    with pytest.raises(BlockingIOError):
        Spares().take()


def test_a_poll_sees_whether_there_is_one():
    spares = Spares()
    assert not readable(spares)
    spares.put(Idle())
    assert readable(spares)
    spares.take()
    assert not readable(spares)


def test_dismissing_closes_all():
    spares, idle = Spares(), [Idle(), Idle()]
    for one in idle:
        spares.put(one)
    spares.dismiss()
    assert all(one.closed for one in idle)
    assert not readable(spares)
