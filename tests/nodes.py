"""A real node behind a real port, for tests: in a thread of the test's own process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tocsin.app import Node, build
from tocsin.config import load
from tocsin.keys import Scope
from tocsin.web.server import Service
from waiting import WAIT_S


@dataclass(frozen=True)
class Running:
    """A node that answers at `url`, and its metrics at `metrics`."""

    node: Node
    url: str
    metrics: str

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def token(self, *scopes: Scope) -> str:
        """Make a key, by default one that may do everything."""
        return self.node.keys.create("test", scopes or [Scope.ADMIN], actor="alice").token

    def client(self, *scopes: Scope) -> httpx.Client:
        """Be a program with such a key."""
        return httpx.Client(base_url=self.url, headers=bearer(self.token(*scopes)), timeout=WAIT_S)

    def stranger(self) -> httpx.Client:
        """Be a program without a key."""
        return httpx.Client(base_url=self.url, timeout=WAIT_S)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@contextmanager
def running(folder: Path, **settings: Any) -> Iterator[Running]:
    """Build a node in a folder and serve it until the block ends."""
    chosen = load({}, **{"data": folder, "port": 0, "metrics_port": 0, **settings})
    addresses: list[str] = []
    answers = threading.Event()

    def announce(*given: str) -> None:
        addresses.extend(given)
        answers.set()

    with build(chosen) as node:
        service = Service(node, announce)
        thread = threading.Thread(target=service.run, daemon=True)
        thread.start()
        try:
            assert answers.wait(WAIT_S)
            yield Running(node, *addresses)
        finally:
            service.stop()
            thread.join(WAIT_S)
            assert not thread.is_alive()
