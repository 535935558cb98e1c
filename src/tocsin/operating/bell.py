"""The bell: told of each commit, it tells whoever subscribed. A doorbell; the log is the truth."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog

_log = structlog.get_logger("tocsin.exchange")


@dataclass(frozen=True, slots=True)
class Ring:
    """One commit: the log grew from `old` to `size` entries under `checkpoint`, a signed note.

    `leaves` are the new leaves. `contents` has for each of them its audience and its content (nonce
    and payload), which is to be handed only to those for whom `Exchange.may_read(audience, member)`
    holds; b"" where there is none. Equal audiences are equal strings.
    """

    old: int
    size: int
    checkpoint: bytes
    leaves: tuple[bytes, ...]
    contents: tuple[tuple[str, bytes], ...]

    @property
    def audiences(self) -> frozenset[str]:
        """All audiences that it speaks to."""
        return frozenset(audience for audience, _ in self.contents)


Listener = Callable[[Ring], None]


class Bell:
    """Thread-safe. Listeners are called one after the other, in order, by the admitting thread.

    A listener must only hand the ring on (`loop.call_soon_threadsafe`, a queue): while it works,
    nobody is admitted.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Owned by _lock; a tuple, so that ringing works on one that does not change.
        self._listeners: tuple[Listener, ...] = ()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` for each ring from now on; return what ends that."""
        with self._lock:
            self._listeners = (*self._listeners, listener)
        return lambda: self._leave(listener)

    def ring(self, ring: Ring) -> None:
        """Tell all. What a listener raises is its own affair."""
        with self._lock:
            listeners = self._listeners
        for listener in listeners:
            try:
                listener(ring)
            except Exception:  # noqa: BLE001 - one must not keep the others from theirs
                _log.exception("listener failed", size=ring.size)

    def _leave(self, listener: Listener) -> None:
        with self._lock:
            self._listeners = tuple(one for one in self._listeners if one is not listener)
