"""Several files at once, in the order in which they were named."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

AHEAD = 2
"""Files begun for each thread before one is asked for: none idles, and few are held in memory."""

T = TypeVar("T")
R = TypeVar("R")


def in_parallel(threads: int, function: Callable[[T], R], work: Iterable[T]) -> Iterator[R]:
    """Do the work in threads, answers in the same order, never far ahead of who takes them.

    Raises what the function raised, when its turn comes; what was begun is then finished first.
    """
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for one in work:
            waiting.append(pool.submit(function, one))
            if len(waiting) >= AHEAD * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
