"""How a command can end. Scripts rely on these: codes may be added, never changed."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes; docs/cli.md explains them."""

    OK = 0
    PROBLEM = 1
    BAD_INPUT = 2
    FAIL_ON = 3
    FAULTS = 4
    UNAVAILABLE = 5
    INTERRUPTED = 130
    READER_GONE = 141  # As shells report it: 128 + SIGPIPE.
