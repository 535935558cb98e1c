"""What was intended is carried out: at least once, with patience, and never forgotten."""

import itertools
import os
import signal
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from samples import an_action
from tocsin import dispatching
from tocsin.acting.base import Delivered, Failed
from tocsin.dispatching import MAX_ATTEMPTS, Dispatcher, delay_s
from tocsin.errors import NotFound, Unavailable
from tocsin.model import Action
from tocsin.recording import actions, tables
from tocsin.recording.actions import ActionState
from tocsin.recording.events import Tag
from tocsin.recording.store import Store
from waiting import wait_until

DONE = Delivered("done")
LATER = Failed("not now", permanent=False)
NEVER = Failed("go away", permanent=True)


class Scripted:
    """A connector that answers from a script, its last line for ever."""

    def __init__(self, *outcomes, name="webhook"):
        self.name = name
        self.seen: list[Action] = []
        self._outcomes = itertools.chain(outcomes, itertools.repeat(outcomes[-1]))

    def deliver(self, action):
        self.seen.append(action)
        outcome = next(self._outcomes)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


@pytest.fixture
def dispatcher_of(store, clock):
    """Build dispatchers and close them; workers are started by the tests that want them."""
    built = []

    def build(*connectors, **more):
        built.append(Dispatcher(store, connectors, clock, jitter=lambda: 0.0, **more))
        return built[-1]

    yield build
    for one in built:
        one.close()


def intend(store, clock, *some):
    store.write(lambda connection: actions.intend_in(connection, some, clock())).result()


def state(store, action_id="a" * 32):
    with store.read() as connection:
        return actions.read(connection, action_id)


def tags(store):
    with store.read() as connection:
        rows = connection.execute(select(tables.events.c.tag).order_by(tables.events.c.id))
        return list(rows.scalars())


def test_what_is_due_is_delivered_and_its_outcome_stored(store, clock, dispatcher_of):
    intend(store, clock, an_action())
    connector = Scripted(DONE)
    assert dispatcher_of(connector).run_due() == 1
    assert [one.id for one in connector.seen] == ["a" * 32]
    assert (state(store).state, state(store).outcome) == (ActionState.DONE, "done")
    assert state(store).next_at == clock()
    assert tags(store) == [Tag.ACTION_INTENDED, Tag.ACTION_DONE]


def test_the_intent_is_stored_as_sending_before_it_is_delivered(store, clock, dispatcher_of):
    intend(store, clock, an_action())
    during = []

    class Looking(Scripted):
        def deliver(self, action):
            during.append(state(store).state)
            return super().deliver(action)

    dispatcher_of(Looking(DONE)).run_due()
    assert during == [ActionState.SENDING]


def test_nothing_is_delivered_twice_once_done(store, clock, dispatcher_of):
    intend(store, clock, an_action())
    connector = Scripted(DONE)
    dispatcher = dispatcher_of(connector)
    dispatcher.run_due()
    clock.advance(1e7)
    assert dispatcher.run_due() == 0
    assert len(connector.seen) == 1


def test_each_action_goes_to_its_own_connector(store, clock, dispatcher_of):
    mail, hook = Scripted(DONE, name="mail"), Scripted(DONE)
    intend(store, clock, an_action("1"), an_action("2", connector="mail"))
    dispatcher_of(mail, hook).run_due()
    assert [one.id for one in mail.seen] == ["2"]
    assert [one.id for one in hook.seen] == ["1"]


def test_a_failure_of_the_moment_waits_and_then_succeeds(store, clock, dispatcher_of):
    intend(store, clock, an_action())
    dispatcher = dispatcher_of(Scripted(LATER, DONE))
    dispatcher.run_due()
    assert (state(store).state, state(store).outcome) == (ActionState.FAILED, "not now")
    clock.advance(4.9)
    assert dispatcher.run_due() == 0
    clock.advance(0.1)
    assert dispatcher.run_due() == 1
    assert state(store).state is ActionState.DONE


def test_a_permanent_failure_is_dead_at_once(store, clock, dispatcher_of):
    intend(store, clock, an_action())
    dispatcher = dispatcher_of(Scripted(NEVER))
    dispatcher.run_due()
    (dead,) = dispatcher.dead()
    assert (dead.action.id, dead.outcome) == ("a" * 32, "go away")


def test_an_action_is_given_up_after_the_last_attempt_and_not_before(store, clock, dispatcher_of):
    intend(store, clock, an_action())
    connector = Scripted(LATER)
    dispatcher = dispatcher_of(connector)
    for _ in range(MAX_ATTEMPTS):
        assert dispatcher.dead() == ()
        dispatcher.run_due()
        clock.advance(dispatching.LONGEST_DELAY_S)
    assert len(dispatcher.dead()) == 1
    assert [one.attempts for one in connector.seen] == list(range(1, MAX_ATTEMPTS + 1))


def test_an_action_for_an_unknown_connector_is_dead_with_the_reason(store, clock, dispatcher_of):
    intend(store, clock, an_action(connector="pigeon"))
    dispatcher = dispatcher_of(Scripted(DONE))
    dispatcher.run_due()
    assert "no connector pigeon" in dispatcher.dead()[0].outcome


def test_a_connector_that_breaks_stops_neither_itself_nor_others(store, clock, dispatcher_of):
    intend(store, clock, an_action("1"), an_action("2"))
    dispatcher = dispatcher_of(Scripted(ZeroDivisionError("oops"), DONE))
    assert dispatcher.run_due() == 2
    assert sorted(state(store, one).state for one in "12") == ["done", "failed"]


def test_a_dead_action_can_be_put_back_and_succeeds(store, clock, dispatcher_of):
    intend(store, clock, an_action())
    dispatcher = dispatcher_of(Scripted(NEVER, DONE))
    dispatcher.run_due()
    dispatcher.retry("a" * 32, actor="alice")
    dispatcher.run_due()
    assert dispatcher.dead() == ()
    assert tags(store)[-2:] == [Tag.ACTION_RETRIED, Tag.ACTION_DONE]


def test_retrying_what_does_not_exist_is_not_found(dispatcher_of):
    with pytest.raises(NotFound):
        dispatcher_of().retry("0" * 32, actor="charlie")


def test_what_kills_its_sender_again_and_again_is_given_up(store, clock, dispatcher_of):
    intend(store, clock, an_action())
    for _ in range(MAX_ATTEMPTS):
        now = clock.advance(dispatching.LEASE_S)
        store.write(lambda c, now=now: actions.take_in(c, now, now)).result()
    connector = Scripted(DONE)
    dispatcher = dispatcher_of(connector)
    dispatcher.run_due()
    assert connector.seen == []
    assert "died" in dispatcher.dead()[0].outcome


def test_counts_tell_what_stands_where(store, clock, dispatcher_of):
    intend(store, clock, an_action("1"), an_action("2"), an_action("3"))
    dispatcher = dispatcher_of(Scripted(DONE, NEVER, LATER))
    dispatcher.run_due()
    counts = dispatcher.counts()
    assert {counts[one] for one in ("done", "dead", "failed")} == {1}


def test_threads_deliver_what_they_are_woken_for_each_action_once(store, clock, dispatcher_of):
    arrived = threading.Semaphore(0)

    class Counting(Scripted):
        def deliver(self, action):
            arrived.release()
            return super().deliver(action)

    connector = Counting(DONE)
    dispatcher = dispatcher_of(connector)
    dispatcher.start()
    intend(store, clock, *(an_action(f"{number:032x}") for number in range(40)))
    dispatcher.wake()
    assert all(arrived.acquire(timeout=30) for _ in range(40))
    dispatcher.close()
    assert len({one.id for one in connector.seen}) == len(connector.seen) == 40
    assert dispatcher.counts()[ActionState.DONE] == 40


def test_intents_of_another_process_are_found_without_being_woken(store, clock, dispatcher_of):
    arrived = threading.Event()
    dispatcher = dispatcher_of(Told(arrived))
    dispatcher.start()
    intend(store, clock, an_action())
    assert arrived.wait(30)


class Told(Scripted):
    """A connector that says when it was asked."""

    def __init__(self, event):
        super().__init__(DONE)
        self._event = event

    def deliver(self, action):
        self._event.set()
        return super().deliver(action)


class Flaky:
    """A store that does not answer until it is mended; then it is the real one."""

    def __init__(self, store):
        self._store = store
        self.mended = False

    def read(self):
        if not self.mended:
            raise Unavailable("the database is gone")
        return self._store.read()

    def write(self, job):
        return self._store.write(job)


def test_a_database_that_is_gone_for_a_while_does_not_end_the_threads(store, clock, monkeypatch):
    monkeypatch.setattr(dispatching, "POLL_S", 0.01)
    intend(store, clock, an_action())
    flaky, arrived = Flaky(store), threading.Event()
    dispatcher = Dispatcher(flaky, [Told(arrived)], clock, workers=1)
    dispatcher.start()
    wait_until(lambda: "gone" in dispatcher.problem)
    assert not arrived.is_set()
    flaky.mended = True
    assert arrived.wait(30)
    dispatcher.close()
    assert dispatcher.problem == ""


def test_closing_twice_or_without_starting_is_no_fault(dispatcher_of):
    dispatcher = dispatcher_of(Scripted(DONE))
    dispatcher.close()
    dispatcher.close()


def test_after_closing_nothing_more_is_taken(store, clock, dispatcher_of):
    intend(store, clock, an_action())
    dispatcher = dispatcher_of(Scripted(DONE))
    dispatcher.close()
    assert dispatcher.run_due() == 0
    assert state(store).state is ActionState.INTENDED


KILLED = """
import os, signal, sys
from datetime import UTC, datetime, timedelta
from tocsin.dispatching import Dispatcher
from tocsin.recording.store import Store

class Deadly:
    name = "webhook"
    def deliver(self, action):
        os.kill(os.getpid(), signal.SIGKILL)

now = datetime.fromisoformat(sys.argv[2])
Dispatcher(Store(sys.argv[1]), [Deadly()], lambda: now).run_due()
"""


def test_an_action_whose_sender_was_killed_is_delivered_after_the_lease(
    store, store_url, clock, dispatcher_of
):
    intend(store, clock, an_action())
    command = [sys.executable, "-c", KILLED, store_url, clock().isoformat()]
    assert subprocess.run(command, env=os.environ).returncode == -signal.SIGKILL
    connector = Scripted(DONE)
    dispatcher = dispatcher_of(connector)
    assert dispatcher.run_due() == 0
    clock.advance(dispatching.LEASE_S)
    assert dispatcher.run_due() == 1
    assert [one.attempts for one in connector.seen] == [2]


def test_two_nodes_on_one_database_deliver_each_action_once(store, store_url, clock):
    intend(store, clock, *(an_action(f"{number:032x}") for number in range(30)))
    stores = [store, Store(store_url)]
    connectors = [Scripted(DONE), Scripted(DONE)]
    nodes = [Dispatcher(s, [c], clock) for s, c in zip(stores, connectors, strict=True)]
    threads = [threading.Thread(target=node.run_due) for node in nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stores[1].close()
    seen = [one.id for connector in connectors for one in connector.seen]
    assert len(seen) == len(set(seen)) == 30


@given(attempts=st.integers(1, 40), draw=st.floats(0, 1, exclude_max=True))
def test_the_delay_grows_to_an_hour_and_never_vanishes(attempts, draw):
    assert delay_s(attempts, draw) <= delay_s(attempts + 1, draw)
    assert 2.5 <= delay_s(attempts, draw) <= 3600


def test_delays_double_from_five_seconds():
    assert [delay_s(attempts, 0.0) for attempts in (1, 2, 3, 4)] == [5, 10, 20, 40]
    assert delay_s(MAX_ATTEMPTS, 0.0) == 3600


def test_jitter_takes_off_up_to_half():
    assert delay_s(1, 0.5) == 3.75
