"""A follower hears of each commit while it listens, and of the log's size when it begins."""

import threading
from contextlib import suppress

import httpx
import pytest

from exchanges import an_item
from served import now, serving
from tocsin.entries.requests import sign
from tocsin.entries.statements import KeySaid
from tocsin.errors import InvalidInput, Refused, Unavailable
from waiting import WAIT_S, wait_until


def listening(remote, since):
    """Listen in a thread; return what was heard, and a wait for the next ring."""
    heard, more = [], threading.Semaphore(0)

    def listen():
        with suppress(Unavailable):  # The exchange ends it.
            for ring in remote.rings(since, threading.Event()):
                heard.append(ring)
                more.release()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    return heard, lambda: more.acquire(timeout=WAIT_S), thread


def open_lines(served):
    (line,) = [
        one
        for one in httpx.get(served.metrics, timeout=WAIT_S).text.splitlines()
        if one.startswith("tocsin_exchange_listening ")
    ]
    return float(line.split()[1])


def test_a_follower_is_told_at_once_that_it_lags_behind(served, remote):
    ring = next(remote.rings(0, threading.Event()))
    assert ring.size == served.exchange.head.checkpoint.size
    assert (ring.old, ring.leaves, ring.contents) == (0, (), ())
    assert ring.checkpoint == served.exchange.head.note


def test_a_ring_carries_the_new_leaves_with_what_the_follower_may_read(served, alice, dana, remote):
    heard, wait, _ = listening(served.remote(dana), 0)
    assert wait()
    (first,) = alice.say(an_item(0, at=now()))  # Behind all that still rang when dana began.
    wait_until(lambda: heard and heard[-1].size > first)
    parcels = alice.chain(an_item(1, at=now()), an_item(2, at=now()))
    indices = remote.submit(parcels)
    wait_until(lambda: heard[-1].size > indices[-1])
    ring = heard[-1]
    assert (ring.old, ring.size) == (indices[0], indices[-1] + 1)
    assert ring.contents == tuple(one.nonce + one.payload for one in parcels)
    assert ring.leaves[0][-64:] == parcels[0].envelope.signature


def test_a_follower_that_is_ahead_of_the_log_is_told_its_true_size(served, remote):
    size = served.exchange.head.checkpoint.size
    ring = next(remote.rings(size + 1000, threading.Event()))
    assert (ring.old, ring.size) == (size, size)


def test_the_id_of_the_last_event_resumes_a_stream(served, alice, stranger):
    size = served.exchange.head.checkpoint.size
    headers = sign("GET", f"{served.url}/v1/bell", key=alice.key, at=now(), nonce="r" * 20)
    with stranger.stream("GET", "/v1/bell", headers=headers | {"last-event-id": str(size)}) as one:
        assert next(one.iter_raw()) == b": listening\n\n"


def test_a_line_is_let_go_when_its_follower_hangs_up(tmp_path):
    with serving(tmp_path / "x") as served:  # Of its own: lines of other tests may just be ending.
        remote = served.remote(served.join("alice"))
        _, wait, thread = listening(remote, 0)
        assert wait()
        assert open_lines(served) == 1
        remote.close()
        thread.join(WAIT_S)
        wait_until(lambda: open_lines(served) == 0)


def test_only_members_listen(served):
    with pytest.raises(Refused) as caught:
        next(served.remote().rings(0, threading.Event()))
    assert caught.value.code == "unsigned"


@pytest.mark.parametrize("query", ["since=-1", "since=x", "since=1&until=2", f"since={2**63}"])
def test_a_size_that_is_none_is_refused(served, alice, query):
    remote = served.remote(alice)
    with pytest.raises(InvalidInput):
        remote._ask("GET", f"/v1/bell?{query}")


def test_the_line_of_a_key_that_is_revoked_ends(served, alice):
    remote = served.remote(alice)
    _, wait, thread = listening(remote, 0)
    assert wait()
    public = alice.key.public_key().public_bytes_raw().hex()
    served.exchange.say(KeySaid(action="revoke", member=alice.name, key=public)).result()
    thread.join(WAIT_S)
    assert not thread.is_alive()
