"""The kernels' compiler: its code takes more memory than a node's own, and is rarely needed.

numba has LLVM with it. Loading the kernels, even compiled ones, leaves 70 MB of its machine code in
a process that will hardly compile again. Those pages are unchanged copies of a file: given back,
they are read again should anybody call them. Kernels compiled to a library at set-up were
considered: they would need a C compiler or a linker on every machine.
"""

import ctypes
import mmap
import re
from contextlib import suppress
from pathlib import Path

import numpy as np

from tocsin.hashing.pdq import pdq
from tocsin.matching.building import load_kernels as load_building

_LIBRARY = "libllvmlite"
_MAPS = Path("/proc/self/smaps")
_READ_ONLY = re.compile(r"([0-9a-f]+)-([0-9a-f]+) r-[x-]p .*")
_BORDER = re.compile(r"^(?=[0-9a-f]+-[0-9a-f]+ )", re.MULTILINE)
_UNCHANGED = re.compile(r"^Anonymous: +0 kB$", re.MULTILINE)
_RESIDENT = re.compile(r"^Rss: +(\d+) kB$", re.MULTILINE)


def load_kernels() -> None:
    """Have every kernel loaded, so that nothing has to wait for it later."""
    # A blank picture takes both ways, the fast one and the reference's.
    pdq(np.zeros((64, 64), np.uint8))
    load_building()


def set_aside() -> int:
    """Give back the memory of the compiler's code; return how many bytes that were (Linux)."""
    given = 0
    with suppress(OSError):
        for address, length, resident in _unchanged(_MAPS.read_text()):
            if not _madvise(address, length, mmap.MADV_DONTNEED):
                given += resident
    return given


def _unchanged(maps: str) -> list[tuple[int, int, int]]:
    """Find the library's mappings without a changed page: address, length and resident bytes.

    A page that the loader wrote to is in no file, and would be lost.
    """
    found = []
    for mapping in _BORDER.split(maps):
        header, resident = _READ_ONLY.match(mapping), _RESIDENT.search(mapping)
        if header and resident and _LIBRARY in header[0] and _UNCHANGED.search(mapping):
            first, last = int(header[1], 16), int(header[2], 16)
            found.append((first, last - first, int(resident[1]) << 10))
    return found


def _madvise(address: int, length: int, advice: int) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    return int(libc.madvise(ctypes.c_void_p(address), ctypes.c_size_t(length), advice))
