"""Catching up: bundles and contents fetched in parallel, checked on every core, given in order."""

import gc
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from tocsin.errors import Unavailable
from tocsin.exchange.tiles import BUNDLE, WIDTH, tile_at
from tocsin.exchange.tree import Tree
from tocsin.sharing.checkers import Checkers
from tocsin.sharing.place import Place
from tocsin.sharing.replaying import Checked
from tocsin.sharing.view import View

FETCHES = 8
"""Bundles on their way at once."""

PAGE_BUNDLES = 16
"""Bundles that are checked and applied together: 4,096 entries, one transaction."""

PAGE_BYTES = 4 << 20
"""Bytes after which a page ends, were it of one bundle: members may write 32 KB an entry."""

PAGES_AHEAD = 3
"""Pages that are being checked while one is applied: bounds the memory."""

_YOUNG = 200_000
"""Objects between two passes of the garbage collector during a catch-up. A page makes a hundred
thousand without a cycle among them; at the usual 700 a third of the time went into looking."""

_Bundle = tuple[list[bytes], list[bytes]]


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A page that is being checked."""

    start: int
    leaves: list[bytes]
    contents: list[bytes]
    findings: "Future[bytes]"

    def checked(self) -> Checked:
        return Checked(self.start, self.leaves, self.contents, self.findings.result())


def catch_up(
    place: Place, view: View, tree: Tree, checkers: Checkers, *, page_bundles: int = PAGE_BUNDLES
) -> Generator[Checked]:
    """Yield the entries of a tree from the view's size on, checked, in pages.

    Each leaf was hashed into the signed root before. Raises Unavailable, and as `Tree` does.
    """
    start, end = view.size, tree.size
    bundles = range(start // WIDTH, -(-end // WIDTH))
    waiting: deque[_Waiting] = deque()
    with _seldom_collected(), ThreadPoolExecutor(FETCHES, "bundles") as pool:
        fetched = _fetched(pool, place, tree, bundles)
        at = start
        for leaves, contents in _pages(fetched, start % WIDTH, page_bundles):
            findings = checkers.check(view.batch(leaves, contents))
            waiting.append(_Waiting(at, leaves, contents, findings))
            at += len(leaves)
            if len(waiting) > PAGES_AHEAD:
                yield waiting.popleft().checked()
        while waiting:
            yield waiting.popleft().checked()


def _pages(bundles: Iterator[_Bundle], skip: int, most: int) -> Iterator[_Bundle]:
    """Join bundles into pages, of so many at most; the first few entries are known already."""
    leaves, contents = list[bytes](), list[bytes]()
    count = size = 0
    for bundle, given in bundles:
        leaves += bundle[skip:]
        contents += given[skip:]
        # Leaves count too: whoever has the log's key can sign longer ones than there are.
        skip, count, size = 0, count + 1, size + sum(map(len, given)) + sum(map(len, bundle))
        if count == most or size > PAGE_BYTES:
            yield leaves, contents
            leaves, contents, count, size = [], [], 0, 0
    if leaves:
        yield leaves, contents


def _fetched(
    pool: ThreadPoolExecutor, place: Place, tree: Tree, bundles: range
) -> Iterator[_Bundle]:
    """Fetch bundles in parallel, and give them in order."""
    under_way: deque[Future[_Bundle]] = deque()
    try:
        for number in bundles:
            under_way.append(pool.submit(_fetch, place, tree, number))
            if len(under_way) > FETCHES:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        for future in under_way:
            future.cancel()


@contextmanager
def _seldom_collected() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(max(_YOUNG, before[0]), *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _fetch(place: Place, tree: Tree, number: int) -> _Bundle:
    leaves = tree.bundle(number)
    contents = list(place.payloads(number, tile_at(BUNDLE, number, tree.size).width))
    if len(contents) != len(leaves):
        raise Unavailable(f"{len(contents)} payloads were given for {len(leaves)} entries")
    return leaves, contents
