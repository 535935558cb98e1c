"""The thread that reviews: what time alone brings about happens without anybody asking."""

import threading

from tocsin.errors import TocsinError
from tocsin.trust.standing import Standing

PAUSE_S = 60.0


class Reviewer:
    """Reviews now and every minute. Several processes may: a review twice changes nothing."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._forever, name="review", daemon=True)
        self.problem = ""

    def start(self) -> None:
        """Begin, in a thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop after the review under way."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def _forever(self) -> None:
        """Top loop of the thread: an outage is reported in health and tried again."""
        while not self._closing.is_set():
            try:
                self._standing.review()
                self.problem = ""
            except TocsinError as error:
                self.problem = str(error)
            self._closing.wait(PAUSE_S)
