"""Fixtures of the log: one that is checked as a whole after each test."""

import pytest

from logs import WatchedLog


@pytest.fixture
def watched(tmp_path):
    """A log just created; after the test all of it is verified again."""
    watched = WatchedLog(tmp_path)
    yield watched
    watched.check()
    watched.close()
