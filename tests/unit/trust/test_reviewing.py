"""What is due happens by itself, and an outage is said and survived."""

import threading

from tocsin.errors import Unavailable
from tocsin.trust import reviewing
from tocsin.trust.reviewing import Reviewer
from waiting import WAIT_S


class Moody:
    """A standing that fails the first time, and says when it has been asked twice."""

    def __init__(self):
        self.asked, self.twice = 0, threading.Event()

    def review(self):
        self.asked += 1
        if self.asked == 1:
            raise Unavailable("the database is gone")
        self.twice.set()


def test_a_review_that_failed_is_tried_again(monkeypatch):
    monkeypatch.setattr(reviewing, "PAUSE_S", 0.01)
    standing = Moody()
    reviewer = Reviewer(standing)
    reviewer.start()
    assert standing.twice.wait(WAIT_S)
    reviewer.close()
    assert reviewer.problem == ""


def test_one_that_was_never_started_can_be_closed():
    Reviewer(Moody()).close()
