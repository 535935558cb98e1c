"""What the sandbox adds to decoding a JPEG: the same files in this process and in walled children.

The two take turns file by file, so that whatever else the machine does falls on both. The peer is
the media logic of `decoding/image.py` without any wall: nobody should run it on strangers' files.
"""

import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle, islice

from tocsin.decoding import image
from tocsin.decoding.base import Limits
from tocsin.decoding.sandbox import Sandbox
from tocsin.sample import encode, picture

_PICTURES = 8
_PAUSE_S = 0.002
"""Between files, so that the figures are those of single requests; throughput is measured apart."""


def run(*, size: int = 640, files: int = 200) -> dict[str, float | int]:
    """Measure pictures whose long side is `size` pixels; times are in milliseconds.

    `one_shot` is a sandbox whose children are given one file each, `sandbox` the default one.
    """
    made = [encode(picture(n, (size, size * 3 // 4)), "JPEG", quality=85) for n in range(_PICTURES)]
    data = list(islice(cycle(made), files))
    bare = partial(image.read, limits=Limits())
    with Sandbox() as sandbox, Sandbox(files_per_child=1) as one_shot:
        ways: dict[str, Callable[[bytes], object]] = {
            "in_process": bare,
            "sandbox": sandbox.decode,
            "one_shot": one_shot.decode,
        }
        times = _in_turns(data, ways)
        rates = {f"{name}_files_per_s": _rate(data, way) for name, way in ways.items()}
    result: dict[str, float | int] = {"size_px": size, "files": files}
    for name, taken in times.items():
        result[f"{name}_ms_p50"] = round(statistics.median(taken), 3)
        result[f"{name}_ms_p99"] = round(statistics.quantiles(taken, n=100)[98], 3)
    for name in ("sandbox", "one_shot"):
        added = result[f"{name}_ms_p50"] - result["in_process_ms_p50"]
        result[f"{name}_added_ms_p50"] = round(added, 3)
    return result | rates


def _in_turns(
    data: list[bytes], ways: dict[str, Callable[[bytes], object]]
) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    for file in data:
        for name, decode in ways.items():
            begun = time.perf_counter()
            decode(file)
            times[name].append((time.perf_counter() - begun) * 1000)
            time.sleep(_PAUSE_S)
    return times


def _rate(data: list[bytes], decode: Callable[[bytes], object]) -> float:
    """Files a second with a thread for each core."""
    begun = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(decode, data))
    return round(len(data) / (time.perf_counter() - begun), 1)
