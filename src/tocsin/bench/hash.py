"""PDQ of a photo, beside `pdqhash`: the kernel alone, or from the JPEG file on.

The kernel is measured on luma, which is what the road hashes; `pdqhash` gets the same luma as three
equal channels, as it takes nothing else, and both are measured on colour besides. From the file on,
ours is Pillow's decode of the luma at a fraction of the size and the peer a full decode to RGB,
each followed by its hash: what one does without and with our road, both without a sandbox.
"""

import platform
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import pdqhash
import PIL
from numpy.typing import NDArray
from PIL import Image

from tocsin.errors import InvalidInput
from tocsin.hashing.pdq import Pdq, pdq, pdq_native
from tocsin.model import Plane
from tocsin.sample import picture

SHORT_SIDE = 512
"""Pixels that a JPEG keeps on its short side when it is decoded at a fraction, as on the road."""

_QUALITIES = (85, 90, 95)
_TURNS = 3
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}

Figure = float | int | str
Pixels = NDArray[np.uint8]


def run(
    size: int, *, decode: bool, images: int = 3, corpus: Path | None = None
) -> dict[str, Figure]:
    """Measure pictures whose long side is `size` pixels; times are medians in milliseconds.

    Pictures are drawn by code, or taken from the folder `corpus` and scaled. Raises InvalidInput.
    """
    pictures = _drawn(size, images) if corpus is None else _taken(corpus, size, images)
    rows = [_from_file(one, turn) if decode else _kernel(one) for turn, one in enumerate(pictures)]
    if not rows:
        raise InvalidInput(f"there are no pictures to measure in {corpus}")
    result: dict[str, Figure] = {"size_px": size}
    for key in rows[0]:
        values = [row[key] for row in rows]
        result[key] = max(values) if key.endswith("_max") else round(statistics.median(values), 4)
    result["ratio"] = round(float(result["peer_ms"]) / float(result["ours_ms"]), 1)
    return result | {
        "images": len(rows),
        "peer": f"pdqhash {pdqhash.__version__}",
        "pillow": PIL.__version__,
        "machine": f"{platform.machine()} {platform.python_version()}",
    }


def _kernel(image: Image.Image) -> dict[str, float]:
    colour = np.asarray(image.convert("RGB"))
    luma = np.asarray(image.convert("L"))
    as_colour = np.repeat(luma[:, :, None], 3, axis=2)
    return {
        "ours_ms": _timed(partial(pdq, luma)),
        "peer_ms": _timed(partial(pdqhash.compute, as_colour)),
        "bits_differing_max": max(_apart(luma, as_colour), _apart(colour, colour)),
        "ours_colour_ms": _timed(partial(pdq, colour)),
        "peer_colour_ms": _timed(partial(pdqhash.compute, colour)),
    }


def _from_file(image: Image.Image, turn: int) -> dict[str, float]:
    file = BytesIO()
    image.convert("RGB").save(file, "JPEG", quality=_QUALITIES[turn % len(_QUALITIES)])
    data = file.getvalue()
    return {
        "ours_ms": _timed(partial(_ours, data)),
        "peer_ms": _timed(partial(_peer, data)),
        "bits_differing_max": _distance(_ours(data).codes[0], _packed(_peer(data)[0])),
        "file_kb": len(data) / 1000,
    }


def _ours(data: bytes) -> Pdq:
    with Image.open(BytesIO(data)) as image:
        width, height = image.size
        image.draft("L", (SHORT_SIDE, SHORT_SIDE))
        return pdq_native(Plane("image", np.asarray(image), height, width))


def _peer(data: bytes) -> tuple[Pixels, int]:
    with Image.open(BytesIO(data)) as image:
        bits, quality = pdqhash.compute(np.asarray(image.convert("RGB")))
    return bits, int(quality)


def _apart(pixels: Pixels, as_colour: Pixels) -> int:
    """Return the most bits by which any of the eight forms differs from the peer's."""
    theirs, _ = pdqhash.compute_dihedral(as_colour)
    ours = pdq(pixels).codes
    return max(_distance(code, _packed(bits)) for code, bits in zip(ours, theirs, strict=True))


def _packed(bits: Pixels) -> Pixels:
    return np.packbits(bits.astype(np.uint8))


def _distance(one: Pixels, other: Pixels) -> int:
    return int(np.bitwise_count(one ^ other).sum())


def _timed(work: Callable[[], object]) -> float:
    """Return the median time of a few turns in milliseconds, after one that does not count."""
    work()
    times = []
    for _ in range(_TURNS):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1000


def _drawn(size: int, images: int) -> Iterator[Image.Image]:
    for number in range(images):
        yield picture(number, (size, size * 3 // 4))


def _taken(corpus: Path, size: int, images: int) -> Iterator[Image.Image]:
    files = sorted(one for one in corpus.iterdir() if one.suffix.lower() in _SUFFIXES)
    for path in files[:images]:
        with Image.open(path) as image:
            factor = size / max(image.size)
            sides = (round(image.width * factor), round(image.height * factor))
            yield image.convert("RGB").resize(sides, Image.Resampling.LANCZOS)
