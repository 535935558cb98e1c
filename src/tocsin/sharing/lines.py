"""The lines that this process has open, one to each exchange that it follows."""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from tocsin.errors import ConfigurationError, TocsinError, UnsafeAddress
from tocsin.sharing.line import Health, Line
from tocsin.sharing.settings import Followed

LOOK_S = 2.0
"""How soon a node that serves notices what a command changed about the exchanges it follows."""


class Lines:
    """Begins a line to whatever is to be followed, and ends it when that is over. Thread-safe.

    `wanted` reads the exchanges to be followed on the terms of now, which a command in another
    process may have changed; `mark` says of the name of one what is another once its key is;
    `open_line` makes a line that was not started.
    """

    def __init__(
        self,
        wanted: Callable[[], list[Followed]],
        mark: Callable[[str], object],
        open_line: Callable[[Followed], Line],
    ) -> None:
        self._wanted = wanted
        self._mark = mark
        self._open_line = open_line
        self._aligning = threading.RLock()
        # Changed under _aligning alone: the lines, on which terms and with which key each was
        # begun, and why some exchanges have none.
        self._lines: dict[int, Line] = {}
        self._begun: dict[int, tuple[Followed, object]] = {}
        self._barred: dict[int, str] = {}
        self._closing = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="following", daemon=True)
        self._started = False

    def start(self) -> None:
        """Follow every exchange, in threads. Raises Unavailable."""
        self._started = True
        self.align()
        self._watcher.start()

    def close(self) -> None:
        """Stop following. May be called twice."""
        self._closing.set()
        if self._watcher.is_alive():
            self._watcher.join()
        with self._aligning:
            self._started = False
            for exchange_id in list(self._begun):
                self.end(exchange_id)

    def align(self) -> None:
        """Begin what is to be followed, end what is not or on other terms. Raises Unavailable."""
        present = {one.id: one for one in self._wanted()}
        with self._aligning:
            for exchange_id, begun in list(self._begun.items()):
                now = present.get(exchange_id)
                if now is None or self._basis(now) != begun:
                    self.end(exchange_id)
            for followed in present.values():
                self.begin(followed)

    def begin(self, followed: Followed) -> None:
        """Follow one more, if this process follows at all."""
        with self._aligning:
            if not self._started or followed.id in self._begun:
                return
            # Before the key is read: one that is changed meanwhile is noticed.
            self._begun[followed.id] = self._basis(followed)
            try:
                line = self._open_line(followed)
            except (UnsafeAddress, ConfigurationError) as error:
                # Its lists go on as they are: one exchange must not keep a node from starting.
                self._barred[followed.id] = str(error)
                return
            self._lines[followed.id] = line
            line.start()

    def end(self, exchange_id: int) -> None:
        """Follow one no more."""
        with self._aligning:
            line = self._lines.pop(exchange_id, None)
            self._begun.pop(exchange_id, None)
            self._barred.pop(exchange_id, None)
        if line is not None:
            line.close()

    def restart(self, followed: Followed) -> None:
        """Have a line start from what is stored now."""
        with self._aligning:
            if followed.id in self._begun:
                self.end(followed.id)
                self.begin(followed)

    def wake(self, exchange_id: int) -> None:
        """Have a line try at once."""
        if exchange_id in self._lines:
            self._lines[exchange_id].wake()

    def health(self, exchange_id: int) -> Health | None:
        """Return how a line is; None where this process has none."""
        line = self._lines.get(exchange_id)
        return None if line is None else line.health

    def unsent(self, exchange_id: int) -> str:
        """Say why what we have to say does not go out, or nothing."""
        line = self._lines.get(exchange_id)
        return "" if line is None else line.unsent

    def barred(self, exchange_id: int) -> str:
        """Say why there can be no line to an exchange, or nothing."""
        return self._barred.get(exchange_id, "")

    def _basis(self, followed: Followed) -> tuple[Followed, object]:
        return replace(followed, round=0), self._mark(followed.name)

    def _watch(self) -> None:
        """Top loop of the watcher: what cannot be read now is read next time."""
        while not self._closing.wait(LOOK_S):
            with suppress(TocsinError):
                self.align()
