"""Which frames of an animation are looked at, and getting there in bounded time.

GIF, WebP and animated PNG build each frame on the one before, so that the last of 100,000 frames
costs 100,000 decodings. The middle and the last frame are therefore those of the part that lies
within the frame cap and the time cap.
"""

import time
from collections.abc import Callable, Iterator

from PIL import Image

_SEQUENTIAL = {"gif", "webp", "png"}
_SINGLE = {"jpeg", "bmp", "heic"}
"""Formats with one picture to look at: further ones in a JPEG or HEIC file (depth maps, previews,
bursts) are not shown by viewers."""

_GIF_TRAILER, _GIF_EXTENSION, _GIF_IMAGE = 0x3B, 0x21, 0x2C


def count(im: Image.Image, form: str, data: bytes, cap: int) -> int:
    """How many frames the file has, at least 1; past the cap, GIF and TIFF are not counted on."""
    if form in _SINGLE:
        return 1
    if form == "gif":
        return max(1, gif_frames(data, cap + 1))
    if form == "tiff":
        return _tiff_pages(im, cap + 1)
    return max(1, int(getattr(im, "n_frames", 1)))


def chosen(
    im: Image.Image, form: str, end: int, load: Callable[[], object], until: float
) -> Iterator[str]:
    """Bring `im` to the first, middle and last of its `end` frames in turn, naming each.

    `load` decodes the present frame once `im` stands on it. `until` is a reading of
    `time.process_time`; frames behind it are left out, and the last one reached counts as last.
    """
    load()
    yield "image" if end == 1 else "first frame"
    middle, last = end // 2, end - 1
    if 0 < middle < last:
        if _advance(im, form, middle, load, until):
            yield "middle frame"
        else:
            last = im.tell()
    if last > 0:
        _advance(im, form, last, load, until)
        yield "last frame"


def gif_frames(data: bytes, enough: int) -> int:
    """Count images of a GIF by its blocks (GIF89a, section 12), up to `enough`; decodes nothing."""
    at = 13 + _colour_table_bytes(data, 10)
    images = 0
    size = len(data)
    while at < size and data[at] != _GIF_TRAILER and images < enough:
        if data[at] == _GIF_EXTENSION:
            at += 2
        elif data[at] == _GIF_IMAGE:
            images += 1
            at += 11 + _colour_table_bytes(data, at + 9)
        else:
            at += 1  # filler between blocks, which decoders skip
            continue
        while at < size and data[at]:
            at += data[at] + 1
        at += 1
    return images


def _colour_table_bytes(data: bytes, at: int) -> int:
    flags = data[at] if at < len(data) else 0
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _tiff_pages(im: Image.Image, enough: int) -> int:
    pages = 1
    try:
        while pages < enough:
            im.seek(pages)
            pages += 1
    except EOFError:
        pass
    im.seek(0)
    return pages


def _advance(
    im: Image.Image, form: str, frame: int, load: Callable[[], object], until: float
) -> bool:
    """Go forward to a frame and load it; False where the file or the time ended before."""
    steps = range(im.tell() + 1, frame + 1) if form in _SEQUENTIAL else (frame,)
    for step in steps:
        if time.process_time() > until:
            return False
        try:
            im.seek(step)
        except EOFError:
            return False
        load()
    return True
