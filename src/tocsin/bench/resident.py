"""How much memory this process takes while something runs (Linux, proc(5))."""

import mmap
import re
import threading
from pathlib import Path

from tocsin.closing import Closing

EVERY_S = 0.02

_SELF = Path("/proc/self")
_PEAK_AGAIN = "5"
_MAPPING = re.compile(r"[0-9a-f]+-[0-9a-f]+ ")


def resident_mib() -> int:
    """Return what this process has in memory now, its program and libraries included."""
    return _status("VmRSS")


def peak_mib() -> int:
    """Return the most that it ever had, or had since `forget_peak`."""
    return _status("VmHWM")


def forget_peak() -> None:
    """Begin to look for the peak anew."""
    (_SELF / "clear_refs").write_text(_PEAK_AGAIN)


def beside_mib(process: int, folder: Path) -> int:
    """Return what a process has in memory now beside the files of a folder that it has mapped."""
    total, counts = 0, False
    for line in Path(f"/proc/{process}/smaps").read_text().splitlines():
        if _MAPPING.match(line):
            counts = str(folder) not in line
        elif counts and line.startswith("Rss:"):
            total += int(line.split()[1])
    return total >> 10


class Watch(Closing):
    """Watches memory that belongs to no file: neither programs nor mapped indices are in it.

    `grown_mib` is by how much it grew at the most, looked at every 20 ms.
    """

    def __init__(self) -> None:
        self._first = self._most = _anonymous_bytes()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        self._thread.join()

    @property
    def grown_mib(self) -> int:
        """By how much it grew at the most."""
        return (self._most - self._first) >> 20

    def _look(self) -> None:
        while not self._stop.wait(EVERY_S):
            self._most = max(self._most, _anonymous_bytes())


def _anonymous_bytes() -> int:
    _, resident, of_files, *_ = (_SELF / "statm").read_text().split()
    return (int(resident) - int(of_files)) * mmap.PAGESIZE


def _status(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB$", (_SELF / "status").read_text(), re.MULTILINE)
    return int(found[1]) >> 10 if found else 0
