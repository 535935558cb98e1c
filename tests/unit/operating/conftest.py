"""Fixtures of the exchange as its operator runs it."""

import pytest

from exchanges import Running


@pytest.fixture
def running(tmp_path):
    """An exchange of one operator, on disk."""
    running = Running(tmp_path / "exchange")
    yield running
    running.close()


@pytest.fixture
def alice(running):
    """A platform that may assert items."""
    return running.join("alice")
