"""The one place where errors of the log become Tocsin's own: `exchange` knows nothing of those."""

from collections.abc import Iterator
from contextlib import contextmanager

from tocsin.errors import (
    Conflict,
    Damaged,
    InvalidInput,
    NotFound,
    TocsinError,
    Unavailable,
)
from tocsin.exchange import errors as log

KINDS: tuple[tuple[type[log.ExchangeError], type[TocsinError], str], ...] = (
    (log.Malformed, InvalidInput, "malformed"),
    (log.Absent, NotFound, "absent"),
    (log.Overtaken, Conflict, "overtaken"),
    (log.Refused, Conflict, "refused"),
    (log.Overloaded, Unavailable, "overloaded"),
    (log.Uncertain, Unavailable, "uncertain"),
    (log.Unavailable, Unavailable, "unavailable"),
    (log.Damaged, Damaged, "damaged"),
    (log.Unverified, Damaged, "unverified"),
)
"""Every error of the log, with what it becomes and its stable code; the first that fits counts."""


def translate(error: log.ExchangeError) -> TocsinError:
    """Return the error of ours that says the same."""
    for kind, ours, code in KINDS:
        if isinstance(error, kind):
            return ours(str(error), advice=error.advice, code=code)
    return TocsinError(str(error), advice=error.advice)


@contextmanager
def translated() -> Iterator[None]:
    """Raise the log's errors as Tocsin's own."""
    try:
        yield
    except log.ExchangeError as error:
        raise translate(error) from error
