"""An exchange behind a real port, in a thread of the test process, and who talks to it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchanges import Person, Running
from tocsin.sharing.remote import Remote
from tocsin.web.exchange.guard import Limits
from tocsin.web.exchange.server import Service, open_port
from waiting import WAIT_S


def now():
    return datetime.now(UTC)


@dataclass(frozen=True)
class Served:
    """An exchange that answers at `url`."""

    running: Running
    url: str
    metrics: str

    @property
    def exchange(self):
        return self.running.exchange

    @property
    def port(self):
        return int(self.url.rpartition(":")[2])

    def join(self, name, *roles, **more) -> Person:
        return self.running.join(name, *roles, **more)

    def remote(self, person=None, **more) -> Remote:
        """Be a member, or with None a stranger."""
        return Remote(self.url, person and person.key, local=True, **more)

    def client(self) -> httpx.Client:
        """Be a program that signs nothing by itself."""
        return httpx.Client(base_url=self.url, timeout=WAIT_S, trust_env=False)

    def say(self, *pieces, wait_s=2.0) -> bytes:
        """Send bytes as they are and return all that comes back until the end, or a pause."""
        got = b""
        with closing(socket.create_connection(("127.0.0.1", self.port), timeout=10)) as one:
            one.settimeout(wait_s)
            try:
                for piece in pieces:
                    one.sendall(piece)
                while piece := one.recv(65536):
                    got += piece
            except OSError:
                pass
        return got


@contextmanager
def serving(folder, *, limits=None, clock=now, url="", **settings) -> Iterator[Served]:
    """Make an exchange in a folder and serve it until the block ends. `url`: its address."""
    listening = open_port("127.0.0.1", 0)
    url = url or f"http://127.0.0.1:{listening.getsockname()[1]}"
    running = Running(folder, clock=clock, url=url, **settings)
    addresses: list[str] = []
    answers = threading.Event()

    def announce(*given: str) -> None:
        addresses.extend(given)
        answers.set()

    service = Service(
        running.exchange, listening, announce, limits=limits or Limits(), metrics_port=0
    )
    thread = threading.Thread(target=service.run, daemon=True)
    thread.start()
    try:
        assert answers.wait(WAIT_S)
        yield Served(running, *addresses)
    finally:
        service.stop()
        thread.join(WAIT_S)
        running.close()
        assert not thread.is_alive()


def clock_ahead(**span):
    """A clock that is wrong."""
    return lambda: now() + timedelta(**span)


def a_key():
    return Ed25519PrivateKey.generate()
