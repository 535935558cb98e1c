"""Actions change their state one step at a time, each conditional on the state that was read."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from samples import an_action
from tocsin.errors import Conflict, NotFound
from tocsin.recording import actions, tables
from tocsin.recording.actions import ActionState
from tocsin.recording.events import Tag
from tocsin.recording.store import Store

LEASE = timedelta(seconds=60)


def intend(store, clock, *some):
    store.write(lambda connection: actions.intend_in(connection, some, clock())).result()


def take(store, now, timeout_s=None):
    job = store.write(lambda connection: actions.take_in(connection, now, now + LEASE))
    return job.result(timeout_s)


def settle(store, clock, taken, state, **more):
    values = {"now": clock(), "next_at": clock() + LEASE, "outcome": "said"} | more
    return store.write(lambda c: actions.settle_in(c, taken, state, **values)).result()


def retry(store, clock, action_id):
    return store.write(lambda c: actions.retry_in(c, action_id, clock(), "alice")).result()


def stored(store, action_id="a" * 32):
    with store.read() as connection:
        return actions.read(connection, action_id)


def events(store):
    with store.read() as connection:
        return connection.execute(select(tables.events).order_by(tables.events.c.id)).all()


def test_an_intended_action_reads_back_as_it_was(store, clock):
    action = an_action(text="Zürich \0 🔔", nested={"list": [1, None]})
    intend(store, clock, action)
    found = stored(store)
    assert found.action == action
    assert (found.state, found.next_at) == (ActionState.INTENDED, clock())


def test_each_intent_has_its_event(store, clock):
    intend(store, clock, an_action("1"), an_action("2"))
    assert [(one.tag, one.subject, one.body["action"]) for one in events(store)] == [
        (Tag.ACTION_INTENDED, an_action().upload_id, "1"),
        (Tag.ACTION_INTENDED, an_action().upload_id, "2"),
    ]


def test_intending_the_same_action_again_changes_nothing(store, clock):
    intend(store, clock, an_action())
    (taken,) = take(store, clock())
    settle(store, clock, taken, ActionState.DONE)
    intend(store, clock, an_action(), an_action("2"))
    assert stored(store).state is ActionState.DONE
    assert [one.tag for one in events(store)].count(Tag.ACTION_INTENDED) == 2


def test_two_stores_that_intend_the_same_actions_at_once_store_each_once(store, store_url, clock):
    other = Store(store_url)
    some = [an_action(f"{number:032x}") for number in range(50)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda one: intend(one, clock, *some), [store, other] * 4))
    other.close()
    with store.read() as connection:
        assert actions.count(connection)[ActionState.INTENDED] == 50
    assert len(events(store)) == 50


def test_taking_counts_the_attempt_and_sets_the_lease(store, clock):
    intend(store, clock, an_action())
    (taken,) = take(store, clock())
    assert (taken.state, taken.action.attempts) == (ActionState.SENDING, 1)
    assert taken == stored(store)
    assert taken.next_at == clock() + LEASE


def test_nothing_is_taken_before_it_is_due(store, clock):
    intend(store, clock, an_action())
    assert take(store, clock() - timedelta(microseconds=1)) == ()


def test_the_longest_due_action_is_taken_first(store, clock):
    for name in ("1", "2", "3"):
        intend(store, clock, an_action(name))
        clock.advance(-1)
    order = [take(store, clock() + LEASE)[0].action.id for _ in range(3)]
    assert order == ["3", "2", "1"]


def test_what_one_takes_no_other_takes(store, store_url, clock):
    intend(store, clock, *(an_action(f"{number:032x}") for number in range(40)))
    other = Store(store_url)
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda n: take((store, other)[n % 2], clock()), range(80)))
    other.close()
    ids = [one.action.id for some in taken for one in some]
    assert sorted(ids) == sorted(set(ids))
    while more := take(store, clock()):  # One that lost a race takes nothing and looks again.
        ids += [one.action.id for one in more]
    assert len(ids) == 40


def test_what_another_is_taking_is_passed_over_without_waiting(
    postgresql_store, postgresql_url, clock
):
    intend(postgresql_store, clock, an_action("1"), an_action("2"))
    other, now = Store(postgresql_url), clock()

    def take_while_another_takes(connection):
        return actions.take_in(connection, now, now + LEASE) + take(other, now, timeout_s=20)

    first, second = postgresql_store.write(take_while_another_takes).result()
    other.close()
    assert {first.action.id, second.action.id} == {"1", "2"}


def test_what_a_dead_process_left_in_sending_is_due_again_when_the_lease_is_over(store, clock):
    intend(store, clock, an_action())
    take(store, clock())
    assert take(store, clock() + LEASE - timedelta(microseconds=1)) == ()
    (again,) = take(store, clock() + LEASE)
    assert again.action.attempts == 2


def test_whoever_lost_the_lease_cannot_settle(store, clock):
    intend(store, clock, an_action())
    (slow,) = take(store, clock())
    clock.advance(LEASE.total_seconds())
    (fast,) = take(store, clock())
    assert not settle(store, clock, slow, ActionState.DEAD)
    assert settle(store, clock, fast, ActionState.DONE)
    assert stored(store).state is ActionState.DONE
    assert Tag.ACTION_FAILED not in [one.tag for one in events(store)]


@pytest.mark.parametrize(
    ("state", "tag"),
    [
        (ActionState.DONE, Tag.ACTION_DONE),
        (ActionState.FAILED, Tag.ACTION_FAILED),
        (ActionState.DEAD, Tag.ACTION_FAILED),
    ],
)
def test_settling_stores_the_outcome_and_its_event(store, clock, state, tag):
    intend(store, clock, an_action())
    (taken,) = take(store, clock())
    settle(store, clock, taken, state, outcome="the receiver\0 answered")
    assert (stored(store).state, stored(store).outcome) == (state, "the receiver answered")
    last = events(store)[-1]
    assert last.tag == tag
    assert last.body == {
        "action": taken.action.id,
        "connector": "webhook",
        "attempts": 1,
        "outcome": "the receiver answered",
        "state": state,
    }


def test_an_endless_outcome_is_cut(store, clock):
    intend(store, clock, an_action())
    (taken,) = take(store, clock())
    settle(store, clock, taken, ActionState.FAILED, outcome="x" * 100_000)
    assert len(stored(store).outcome) == actions.MAX_OUTCOME_CHARS


@pytest.mark.parametrize("state", [ActionState.DONE, ActionState.DEAD])
def test_what_is_settled_for_good_is_not_taken_again(store, clock, state):
    intend(store, clock, an_action())
    (taken,) = take(store, clock())
    settle(store, clock, taken, state)
    assert take(store, clock() + timedelta(days=365)) == ()


@pytest.mark.parametrize("state", [ActionState.DEAD, ActionState.FAILED])
def test_retrying_puts_it_back_with_all_attempts_before_it(store, clock, state):
    intend(store, clock, an_action())
    (taken,) = take(store, clock())
    settle(store, clock, taken, state)
    retry(store, clock, taken.action.id)
    (again,) = take(store, clock())
    assert again.action.attempts == 1
    assert [(one.tag, one.actor) for one in events(store)][-1] == (Tag.ACTION_RETRIED, "alice")


def test_what_is_under_way_or_done_cannot_be_retried(store, clock):
    intend(store, clock, an_action())
    (taken,) = take(store, clock())
    with pytest.raises(Conflict, match="sending"):
        retry(store, clock, taken.action.id)
    settle(store, clock, taken, ActionState.DONE)
    with pytest.raises(Conflict, match="done"):
        retry(store, clock, taken.action.id)


def test_an_unknown_action_is_not_found(store, clock):
    with pytest.raises(NotFound):
        retry(store, clock, "0" * 32)


def test_a_refused_retry_leaves_no_event(store, clock):
    with pytest.raises(NotFound):
        retry(store, clock, "0" * 32)
    assert events(store) == []


def test_all_states_are_counted_even_the_empty_ones(store, clock):
    intend(store, clock, an_action("1"), an_action("2"))
    take(store, clock())
    with store.read() as connection:
        counts = actions.count(connection)
    assert counts == dict.fromkeys(ActionState, 0) | {"intended": 1, "sending": 1}
