"""A log: takes entries, and answers with their index once they are committed and published.

One thread, the sequencer, does all the writing. An answer is a promise: the entry is durable, under
a signed checkpoint, and readers can fetch it.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import Future

from tocsin.exchange.checkpoint import SignedCheckpoint
from tocsin.exchange.committing import Parts, commit, tidy
from tocsin.exchange.errors import ExchangeError, Malformed, Overtaken, Refused, Unavailable
from tocsin.exchange.pool import Pool, Submission
from tocsin.exchange.recovering import recover
from tocsin.exchange.tree import Tree

TEND_S = 1.0
"""How often a log in trouble tries to recover by itself."""


class Log:
    """A log open for writing. Thread-safe. Construction recovers it and raises as `recover`."""

    def __init__(self, parts: Parts, seen: Sequence[SignedCheckpoint] = ()) -> None:
        self._parts = parts
        # Both owned by the sequencer; others only read the references.
        self._head = recover(parts, seen)
        self._trouble: BaseException | None = None
        self._pool = Pool()
        self._sequencer = threading.Thread(target=self._run, name="sequencer", daemon=True)
        self._sequencer.start()

    @property
    def head(self) -> SignedCheckpoint:
        """The latest committed checkpoint."""
        return self._head.signed

    @property
    def trouble(self) -> BaseException | None:
        """What the log has to recover from before it takes entries; None while all is well."""
        return self._trouble

    def tree(self) -> Tree:
        """Return the tree of the latest checkpoint, for proofs. Raises as `Tree` does."""
        return Tree(self._parts.storage, self._head.checkpoint)

    def append(self, *entries: bytes) -> "Future[int]":
        """Append entries next to each other; the future ends with the index of the first.

        The future raises Unavailable if nothing was appended, Uncertain if that is not known,
        Overtaken or Refused if this writer has to stop. Raises Malformed, Overloaded, Unavailable.
        """
        return self._pool.put(entries)

    def close(self) -> None:
        """Commit what waits, then stop. May be called twice."""
        self._pool.close()
        self._sequencer.join()

    def _run(self) -> None:
        """Top loop of the sequencer."""
        while not self._pool.exhausted:
            batch = self._pool.take(TEND_S)
            try:
                self._tend()
                if batch:
                    self._serve(batch)
            except (Malformed, Unavailable) as error:
                _fail(batch, error)  # Concerns this batch alone.
            except BaseException as error:  # noqa: BLE001 - top loop; each waiter is told
                self._trouble = error
                _fail(batch, error)

    def _tend(self) -> None:
        """Recover if something went wrong. Raises Unavailable while that does not work.

        A writer that was overtaken, or refused by the signer, has lost and never tries again.
        """
        if self._trouble is None:
            return
        for error in (self._trouble, self._trouble.__cause__):
            if isinstance(error, Overtaken | Refused):
                raise error
        try:
            self._head = recover(self._parts)
        except ExchangeError as error:
            self._trouble = error
            raise Unavailable(f"the log cannot recover: {error}", advice=error.advice) from error
        self._trouble = None

    def _serve(self, batch: list[Submission]) -> None:
        """Commit one batch and answer it."""
        index = self._head.checkpoint.size
        entries = [entry for one in batch for entry in one.entries]
        self._head = commit(self._parts, self._head, entries)
        tidy(self._parts, self._head)
        for one in batch:
            one.future.set_result(index)
            index += len(one.entries)


def _fail(batch: list[Submission], error: BaseException) -> None:
    for one in batch:
        if not one.future.done():
            one.future.set_exception(error)
