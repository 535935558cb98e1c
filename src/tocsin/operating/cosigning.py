"""Collecting cosignatures, off the path of any entry.

A round asks all witnesses about one checkpoint: a quorum is reached on the same one or not at all.
A witness that is slow misses rounds; it never holds up the others, nor any submitter.

An idle log is not signed again: nothing new could be said. Readers see the age of what is there.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import httpx
import structlog

from tocsin.exchange.checkpoint import SignedCheckpoint
from tocsin.exchange.errors import ExchangeError
from tocsin.exchange.policy import Policy
from tocsin.exchange.storage import Storage
from tocsin.exchange.tree import Tree
from tocsin.exchange.witness import add_cosignatures
from tocsin.operating.witnessing import TIMEOUT_S, Address, addresses, ask, new_client

COSIGNED = "cosigned"
"""Where the latest checkpoint that the quorum cosigned is published, beside `checkpoint`."""

PAUSE_S = 1.0
"""Between two rounds, so that a busy log does not ask for a cosignature of every commit."""

RETRY_S = 5.0
GRACE_S = 0.5
"""How much longer a round waits for the rest once the quorum is reached."""

_log = structlog.get_logger("tocsin.exchange")


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a witness has come: the size it cosigned last, or why it did not."""

    name: str
    size: int = 0
    error: str = ""


@dataclass(slots=True)
class _Round:
    """One checkpoint, and the note with the cosignatures that have come in for it."""

    signed: SignedCheckpoint
    tree: Tree
    note: bytes
    cosigned: set[str] = field(default_factory=set)
    published: int = 0


@dataclass(frozen=True, slots=True)
class _Asking:
    """A question under way, and the round that asked it."""

    asked: _Round
    lines: "Future[str]"


class Witnesses:
    """Asks until closed. Thread-safe. `head` and `tree` are those of the log."""

    def __init__(
        self,
        policy: str,
        *,
        storage: Storage,
        head: Callable[[], SignedCheckpoint],
        tree: Callable[[], Tree],
        within_s: float,
    ) -> None:
        self._policy = Policy.parse(policy.encode())
        self._addresses = addresses(policy)
        self._storage = storage
        self._head, self._tree = head, tree
        self._within_s = within_s
        self._woken = threading.Event()
        self._closing = threading.Event()
        # All owned by the thread; others only read the references.
        self._standing = {one.name: Standing(one.name) for one in self._addresses}
        self._asking: dict[str, _Asking] = {}
        self._cosigned_size = 0
        self._behind_since: float | None = None
        self._alarmed = False
        self._pool = ThreadPoolExecutor(max(len(self._addresses), 1), "witness")
        self._thread = threading.Thread(target=self._run, name="witnesses", daemon=True)
        if self._addresses:
            self._thread.start()

    @property
    def standing(self) -> list[Standing]:
        """How far each witness has come."""
        return list(self._standing.values())

    @property
    def cosigned_size(self) -> int:
        """The size that the quorum cosigned last, since the start."""
        return self._cosigned_size

    @property
    def behind_s(self) -> float:
        """For how long there has been something that the quorum has not cosigned; 0: nothing."""
        since = self._behind_since
        return 0.0 if since is None else time.monotonic() - since

    @property
    def late(self) -> bool:
        """Whether the quorum takes longer than the operator allows."""
        return self.behind_s > self._within_s

    def wake(self) -> None:
        """Say that the log has grown."""
        self._woken.set()

    def close(self) -> None:
        """Stop asking. May be called twice."""
        self._closing.set()
        self._woken.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        """Top loop: a round after each change, and again while somebody has not cosigned."""
        with new_client() as client, self._pool:
            self._ask_until_closed(client)

    def _ask_until_closed(self, client: httpx.Client) -> None:
        while not self._closing.is_set():
            self._woken.clear()
            try:
                complete = self._ask_all(client)
            except Exception:  # noqa: BLE001 - top loop; the next round may work
                _log.exception("asking witnesses failed")
                complete = False
            if not complete:
                self._woken.wait(RETRY_S)
            self._closing.wait(PAUSE_S)
            if complete:
                self._woken.wait()

    def _ask_all(self, client: httpx.Client) -> bool:
        """Ask everybody about the latest checkpoint; return whether all have cosigned it."""
        tree, signed = self._tree(), self._head()
        if tree.head != signed.checkpoint:
            return False
        self._note_behind(signed)
        this = _Round(signed, tree, signed.note)
        for one in self._addresses:
            if one.name not in self._asking:
                known = self._standing[one.name].size
                lines = self._pool.submit(ask, client, one, signed, tree, known)
                self._asking[one.name] = _Asking(this, lines)
        until = time.monotonic() + 2 * TIMEOUT_S
        while self._is_asking(this) and time.monotonic() < until and not self._closing.is_set():
            wait([one.lines for one in self._asking.values()], GRACE_S, FIRST_COMPLETED)
            self._collect(this)
            if self._reached(this):
                until = min(until, time.monotonic() + GRACE_S)
        self._raise_alarm()
        return len(this.cosigned) == len(self._addresses)

    def _is_asking(self, this: _Round) -> bool:
        return any(one.asked is this for one in self._asking.values())

    def _collect(self, this: _Round) -> None:
        """Take in the answers that are there; those of earlier rounds tell how far somebody is."""
        for one in self._addresses:
            asking = self._asking.get(one.name)
            if asking is None or not asking.lines.done():
                continue
            del self._asking[one.name]
            size = asking.asked.signed.checkpoint.size
            try:
                note = add_cosignatures(asking.asked.note, asking.lines.result(), [one.key])
            except ExchangeError as error:
                self._fail(one, str(error))
                continue
            self._standing[one.name] = Standing(one.name, size)
            asking.asked.note = note
            asking.asked.cosigned.add(one.name)
        if self._reached(this) and len(this.cosigned) > this.published:
            self._storage.replace(COSIGNED, this.note)
            this.published = len(this.cosigned)
            self._cosigned_size = this.signed.checkpoint.size
            self._behind_since = None
            self._alarmed = False

    def _fail(self, witness: Address, reason: str) -> None:
        known = self._standing[witness.name]
        if known.error != reason:
            _log.warning("a witness did not cosign", witness=witness.name, reason=reason)
        self._standing[witness.name] = Standing(witness.name, known.size, reason)

    def _reached(self, this: _Round) -> bool:
        return bool(this.cosigned) and self._policy.satisfied(this.cosigned)

    def _note_behind(self, signed: SignedCheckpoint) -> None:
        if self._behind_since is None and signed.checkpoint.size > self._cosigned_size:
            self._behind_since = time.monotonic()

    def _raise_alarm(self) -> None:
        if self.late and not self._alarmed:
            self._alarmed = True
            _log.error("no quorum of witnesses", behind_s=round(self.behind_s))
