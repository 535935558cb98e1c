"""Waiting for what another thread or process is about to do."""

import time
from collections.abc import Callable
from typing import TypeVar

WAIT_S = 60.0
"""For how long anything is waited for: a machine under load may be held up for seconds."""

T = TypeVar("T")


def wait_until(holds: Callable[[], T]) -> T:
    """Return what holds as soon as anything does; fail after a minute."""
    deadline = time.monotonic() + WAIT_S
    while not (held := holds()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return held
