"""The line between exchange and member is cut and mended, by a proxy that each byte goes through.

Passed if lists stay as they are while it is cut, and all that was said meanwhile, on both sides,
arrives once after it was mended, by itself.
"""

import contextlib
import selectors
import socket
import threading

import pytest

from exchanges import ORIGIN, an_item
from served import now, serving
from shares import PlainTrust, policy_of
from tocsin.entries.parties import Role
from tocsin.errors import NotFound
from tocsin.lists.items import Items
from tocsin.sharing import line as lines
from tocsin.sharing.following import Following
from tocsin.sharing.remote import Remote
from waiting import wait_until


class Proxy:
    """Passes bytes on in both directions, until it is cut; can cut after some bytes, too."""

    def __init__(self) -> None:
        self.target = 0
        self.left: int | None = None
        self._cut = threading.Event()
        self._counting = threading.Lock()  # Guards `left`.
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._pairs: set[socket.socket] = set()
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """End all that is under way, and let nothing through."""
        self._cut.set()
        for one in list(self._pairs):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def mend(self, left: int | None = None) -> None:
        """Let all through again, or only so many bytes."""
        with self._counting:
            self.left = left
        self._cut.clear()

    def close(self) -> None:
        self.cut()
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                if self._cut.is_set():
                    near.close()
                else:
                    threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        with contextlib.suppress(OSError), near:
            far = socket.create_connection(("127.0.0.1", self.target))
            self._pairs |= {near, far}
            with far, selectors.DefaultSelector() as ready:
                ready.register(near, selectors.EVENT_READ, far)
                ready.register(far, selectors.EVENT_READ, near)
                while not self._cut.is_set() and self._pass_on(ready):
                    pass
            self._pairs -= {near, far}

    def _pass_on(self, ready: selectors.DefaultSelector) -> bool:
        for key, _ in ready.select(0.2):
            data = key.fileobj.recv(65536)
            if not data:
                return False
            data = self._count(data)
            if not data:
                return False
            key.data.sendall(data)
        return True

    def _count(self, data: bytes) -> bytes:
        """Return what of it may still pass."""
        with self._counting:
            if self.left is not None:
                data = data[: max(self.left, 0)]
                self.left -= len(data)
            return data


@pytest.fixture
def proxy():
    proxy = Proxy()
    yield proxy
    proxy.close()


@pytest.fixture
def served(tmp_path, proxy):
    """An exchange that is reached through the proxy alone."""
    with serving(tmp_path / "exchange", url=proxy.url) as served:
        proxy.target = served.port
        yield served


@pytest.fixture
def node(served, proxy, sqlite_store, tmp_path, monkeypatch):
    """A node that follows through the proxy, and tries again soon."""
    monkeypatch.setattr(lines, "FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(lines, "LONGEST_WAIT_S", 0.2)
    monkeypatch.setattr(lines, "POST_S", 0.1)
    dana = served.join("dana", Role.CONTRIBUTOR)
    following = Following(
        sqlite_store,
        PlainTrust(),
        now,
        tmp_path / "keys",
        connect=lambda _, key: Remote(proxy.url, key, local=True),
        changed=lambda: None,
        processes=1,
    )
    about = {"origin": ORIGIN, "url": proxy.url, "policy": policy_of(served.running)}
    following.add("hub", member="dana", key=dana.key, actor="cli", **about)
    following.start()
    yield following
    following.close()


def standing(node):
    (one,) = node.status()
    return one.standing


def notes(store):
    """What is on the list of the exchange; nothing while there is no such list."""
    try:
        return sorted(one.note for one in Items(store, now).page("hub"))
    except NotFound:
        return []


def an_item_now(number):
    return an_item(number, at=now())


def test_what_was_said_while_the_line_was_cut_arrives_after_it(served, proxy, node, sqlite_store):
    alice = served.join("alice", Role.CONTRIBUTOR)
    alice.say(an_item_now(1))
    wait_until(lambda: standing(node) == "following")
    wait_until(lambda: notes(sqlite_store) == ["item number 1"])
    proxy.cut()
    wait_until(lambda: standing(node) == "unreachable")
    alice.say(*(an_item_now(number) for number in range(2, 6)))
    assert notes(sqlite_store) == ["item number 1"]
    (status,) = node.status()
    assert status.age_s is not None
    proxy.mend()
    wait_until(lambda: len(notes(sqlite_store)) == 5)
    wait_until(lambda: standing(node) == "following")
    assert (status.frozen, status.faults) == ("", {})


def test_what_a_member_says_while_it_is_cut_off_is_said_once_after_it(served, proxy, node):
    wait_until(lambda: standing(node) == "following")
    proxy.cut()
    publisher = node.publisher("hub")
    publisher.put([an_item_now(number) for number in range(3)])
    size = served.exchange.register().size
    proxy.mend()
    wait_until(lambda: served.exchange.register().size == size + 3)
    wait_until(lambda: node.status()[0].waiting == 0)
    assert served.exchange.position("dana").sequence == 3


@pytest.mark.parametrize("passed", [1, 100, 700, 3000])
def test_a_line_that_breaks_in_the_middle_of_an_answer_does_no_harm(
    served, proxy, node, sqlite_store, passed
):
    alice = served.join("alice", Role.CONTRIBUTOR)
    alice.say(*(an_item_now(number) for number in range(20)))
    proxy.cut()
    alice.say(*(an_item_now(number) for number in range(20, 40)))
    proxy.mend(left=passed)
    wait_until(lambda: proxy.left <= 0)
    proxy.cut()
    proxy.mend()
    wait_until(lambda: len(notes(sqlite_store)) == 40)
    (status,) = node.status()
    assert (status.frozen, status.suspect, status.faults) == ("", "", {})


def test_the_line_can_break_again_and_again(served, proxy, node, sqlite_store):
    alice = served.join("alice", Role.CONTRIBUTOR)
    for number in range(8):
        alice.say(an_item_now(number))
        proxy.cut()
        alice.say(an_item_now(100 + number))
        proxy.mend()
    wait_until(lambda: len(notes(sqlite_store)) == 16)
    assert node.status()[0].frozen == ""
