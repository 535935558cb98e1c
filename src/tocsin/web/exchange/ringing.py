"""The bell's lines: one stream of server-sent events for each follower that listens.

A ring is a doorbell. Whoever misses one fetches what it lacks from the log, so a follower that does
not keep up is hung up on rather than waited for: queues are short, and nobody is replayed to.

Each ring is written once for each set of audiences, and all who read the same get the same bytes.
When commits come faster than all can be told, the rings in between are joined into one.
"""

import asyncio
import base64
import json
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from tocsin.entries.envelope import Envelope
from tocsin.entries.register import Register
from tocsin.errors import InvalidInput, Unavailable
from tocsin.operating.bell import Ring
from tocsin.web.problems import TooMany

MAX_LEAVES = 256
"""A ring of more entries says only how many: followers fetch them from the log."""

MAX_CONTENT_BYTES = 64 << 10
"""What a ring carries of contents. Urgent ones go first; the others are fetched."""

MAX_PENDING = 64
"""Rings that may wait for one follower before it is hung up on."""

BEAT_S = 10
"""A follower hears of us at least this often."""

SEND_S = 15
"""How long a follower may read nothing of what was written to it."""

MAX_LINES = 20_000
MAX_LINES_OF_ONE = 32
"""Streams open at a time: of all, and of one member."""

BUSY = 0.5
"""Share of the time that telling all may take; what remains is for other requests."""


class Source(Protocol):
    """What is asked of an exchange here."""

    def register(self) -> Register:
        """Return the register as it is now, not to be changed."""

    def may_read(self, audience: str, member: str | None) -> bool:
        """Whether a member reads what is stored for an audience."""


class Line:
    """One follower's stream. Used by the event loop's thread alone."""

    def __init__(self, key: str, member: str, cut: Callable[[], None]) -> None:
        self.key, self.member = key, member
        self.sending_since = 0.0
        self._cut = cut
        self._pieces: deque[bytes] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._ended = False

    def put(self, piece: bytes) -> bool:
        """Queue bytes; False when too many are queued, and the follower has been hung up on."""
        if len(self._pieces) >= MAX_PENDING:
            self.cut()
            return False
        self._pieces.append(piece)
        self._wake()
        return True

    def end(self) -> None:
        """Let `next` return nothing more."""
        self._ended = True
        self._pieces.clear()
        self._wake()

    def cut(self) -> None:
        """Hang up at once, whatever was not read yet."""
        self.end()
        self._cut()

    async def next(self) -> bytes:
        """Return all that is queued, once there is any; nothing at the end."""
        while not self._pieces:
            if self._ended:
                return b""
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        piece = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        return piece

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Hub:
    """All lines. Used by the event loop's thread alone, `listen` aside."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lines: dict[Line, None] = {}
        self._of_member: Counter[str] = Counter()
        self._waiting: list[Ring] = []
        self._pause: asyncio.TimerHandle | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._closed = False
        self.rung = 0
        self.cut = 0
        """Lines that were hung up on here; one that the kernel gave up looks like any other end."""

    def __len__(self) -> int:
        return len(self._lines)

    def start(self, loop: asyncio.AbstractEventLoop) -> Callable[[Ring], None]:
        """Begin to tell, and return what the bell calls, from any thread."""
        self._ticking = loop.create_task(self._tick())

        def listen(ring: Ring) -> None:
            loop.call_soon_threadsafe(self.ring, ring)

        return listen

    def close(self) -> None:
        """End all lines, in order where the follower reads."""
        self._closed = True
        for line in self._lines:
            line.cut() if line.sending_since else line.end()
        for one in (self._ticking, self._pause):
            if one is not None:
                one.cancel()

    def join(self, line: Line) -> None:
        """Add a line. Raises TooMany, Unavailable."""
        if self._closed or len(self._lines) >= MAX_LINES:
            raise Unavailable("the bell has no line free at this moment")
        if self._of_member[line.member] >= MAX_LINES_OF_ONE:
            raise TooMany(f"{line.member} has {MAX_LINES_OF_ONE} lines already", wait_s=BEAT_S)
        self._lines[line] = None
        self._of_member[line.member] += 1

    def leave(self, line: Line) -> None:
        """Forget a line."""
        if line in self._lines:
            del self._lines[line]
            self._of_member -= Counter([line.member])  # and forgets who has none left

    def ring(self, ring: Ring) -> None:
        """Tell all, at once, or as soon as the last ring has been told for long enough."""
        self._waiting.append(ring)
        if self._pause is None:
            self._tell()

    def _tell(self) -> None:
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        began = loop.time()
        ring, self._waiting = _joined(self._waiting), []
        self.rung += 1
        pieces = _Pieces(ring, self._source)
        for line in list(self._lines):
            self._put(line, pieces.of(line))
        # Behind the steps of all who were woken just now, and their writes: how long it took.
        self._pause = loop.call_later(0, lambda: loop.call_soon(self._told, began))

    def _told(self, began: float) -> None:
        loop = asyncio.get_running_loop()
        took = loop.time() - began
        self._pause = loop.call_later(took * (1 / BUSY - 1), self._again)

    def _again(self) -> None:
        self._pause = None
        if self._waiting:
            self._tell()

    async def _tick(self) -> None:
        """Each second: a sign of life to a tenth of the lines, and an end to those that stall."""
        loop = asyncio.get_running_loop()
        turn = 0
        while True:
            await asyncio.sleep(1)
            turn += 1
            register = self._source.register()
            beat = b": %d\n\n" % register.size
            for number, line in enumerate(list(self._lines)):
                due = (number + turn) % BEAT_S == 0
                self._look_at(line, loop.time(), register, beat if due else b"")

    def _look_at(self, line: Line, now: float, register: Register, beat: bytes) -> None:
        if line.sending_since and now - line.sending_since > SEND_S:
            self.cut += 1
            line.cut()
        elif not counts(register, line.key):
            line.end()
        elif beat:
            self._put(line, beat)

    def _put(self, line: Line, piece: bytes) -> None:
        self.cut += not line.put(piece)


class _Pieces:
    """One ring, written once for all who may read the same of it."""

    def __init__(self, ring: Ring, source: Source) -> None:
        self._ring = ring
        self._source = source
        self._register = source.register()
        self._audiences = sorted({one for one, content in ring.contents if content})
        self._chosen = _chosen(ring)
        self._by_line: dict[tuple[str, str], bytes] = {}
        self._by_audiences: dict[frozenset[str], bytes] = {}

    def of(self, line: Line) -> bytes:
        """Return what a line is told."""
        who = (line.key, line.member)
        if who not in self._by_line:
            read = self._readable(line)
            if read not in self._by_audiences:
                self._by_audiences[read] = self._written(read)
            self._by_line[who] = self._by_audiences[read]
        return self._by_line[who]

    def _readable(self, line: Line) -> frozenset[str]:
        if not self._audiences or not counts(self._register, line.key):
            return frozenset()
        may_read = self._source.may_read
        return frozenset(one for one in self._audiences if may_read(one, line.member))

    def _written(self, audiences: frozenset[str]) -> bytes:
        contents = [
            content if index in self._chosen and audience in audiences else b""
            for index, (audience, content) in enumerate(self._ring.contents)
        ]
        return written(self._ring, contents)


def written(ring: Ring, contents: Sequence[bytes] = ()) -> bytes:
    """Write a ring as one event, of which the id is the size of the log."""
    data: dict[str, object] = {
        "old": ring.old,
        "size": ring.size,
        "checkpoint": ring.checkpoint.decode(),
    }
    if 0 < len(ring.leaves) <= MAX_LEAVES:
        data["leaves"] = [_base64(leaf) for leaf in ring.leaves]
        data["contents"] = [_base64(content) for content in contents]
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    return f"event: ring\nid: {ring.size}\ndata: {text}\n\n".encode()


def counts(register: Register, key: str) -> bool:
    """Whether a key, by its id in hex, would count for the next entry."""
    owner = register.owners.get(key)
    return owner is not None and register.members[owner].keys[key].counts_at(register.size)


def _joined(rings: Sequence[Ring]) -> Ring:
    """Make one ring of several that follow one another."""
    if len(rings) == 1:
        return rings[0]
    leaves = tuple(leaf for ring in rings for leaf in ring.leaves)
    contents = tuple(content for ring in rings for content in ring.contents)
    return Ring(rings[0].old, rings[-1].size, rings[-1].checkpoint, leaves, contents)


def _chosen(ring: Ring) -> frozenset[int]:
    """Choose which contents a ring carries: urgent ones first, as long as there is room."""
    return frozenset(_fitting(ring)) if len(ring.leaves) <= MAX_LEAVES else frozenset()


def _fitting(ring: Ring) -> Iterator[int]:
    room = MAX_CONTENT_BYTES
    order = sorted(range(len(ring.contents)), key=lambda index: not _urgent(ring.leaves[index]))
    for index in order:
        size = len(ring.contents[index][1])
        if size <= room:
            room -= size
            yield index


def _urgent(leaf: bytes) -> bool:
    try:
        return Envelope.parse(leaf).urgent
    except InvalidInput:  # Of a later version.
        return False


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
