"""From adding a signal to matching it, in a node with many signals and other look-ups under way.

The clock runs from the call of `Items.add`, durable commit included, until a look-up of the new
hash finds it; the look-up is part of the time. Meanwhile a thread of the same process looks up
other hashes, up to a thousand a second: three times what HMA answers at its best.
"""

import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from tocsin.app import Node, build
from tocsin.bench.filling import LIST, fill
from tocsin.config import load
from tocsin.lists.items import ItemDraft
from tocsin.model import CODE_BYTES, Signal, SignalType, View
from tocsin.recording.store import Store

SWITCH_S = 0.0005
"""How long a thread may hold the interpreter: what `tocsin serve` sets for itself."""

ADDS = 300
LOOKING_PER_S = 1000
"""Most look-ups of other hashes in a second meanwhile; the figures say how many there were."""

_DISK = Path("/var/tmp")  # noqa: S108 - unlike /tmp never in memory; the folder in it is private
_WARM_UP = 20

Figure = float | int | str


def run(
    signals: int, *, adds: int = ADDS, looking_per_s: int = LOOKING_PER_S, folder: Path = _DISK
) -> dict[str, Figure]:
    """Add signals one after the other, and wait for each to match; times are in milliseconds.

    Raises Unavailable.
    """
    with tempfile.TemporaryDirectory(prefix="tocsin-fresh-", dir=folder) as name:
        data = Path(name)
        store = Store(f"sqlite:///{data / 'tocsin.db'}")
        fill(store, data / "index", signals)
        store.close()
        sys.setswitchinterval(SWITCH_S)
        with build(load({}, data=data)) as node, _Crowd(node, looking_per_s) as crowd:
            took_s = [_add_to_match_s(node) for _ in range(_WARM_UP + adds)][_WARM_UP:]
            looked_up_per_s = crowd.per_s()
    steps = statistics.quantiles(took_s, n=100)
    return {
        "add_to_match_ms_p50": round(1000 * steps[49], 2),
        "add_to_match_ms_p99": round(1000 * steps[98], 2),
        "signals": signals,
        "adds": adds,
        "other_lookups_per_s": round(looked_up_per_s),
        "machine": f"{platform.machine()} {platform.python_version()} {os.cpu_count()} cores",
    }


class _Crowd:
    """A thread that looks up hashes nobody knows until the block ends."""

    def __init__(self, node: Node, per_s: int) -> None:
        self._node = node
        self._pause_s = 1 / per_s
        self._ended = threading.Event()
        self._count = 0
        self._began = time.perf_counter()
        self._thread = threading.Thread(target=self._look_up)

    def __enter__(self) -> "_Crowd":
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._ended.set()
        self._thread.join()

    def per_s(self) -> float:
        """How many look-ups there were in a second."""
        return self._count / (time.perf_counter() - self._began)

    def _look_up(self) -> None:
        while not self._ended.wait(self._pause_s):
            self._node.recogniser.recognise([_view()])
            self._count += 1


def _add_to_match_s(node: Node) -> float:
    view = _view()
    began = time.perf_counter()
    node.items.add(LIST, ItemDraft((view.signal,)), actor="bench")
    while not node.recogniser.recognise([view]).hits:
        pass
    return time.perf_counter() - began


def _view() -> View:
    return View("given", Signal(SignalType.PDQ, os.urandom(CODE_BYTES)))
