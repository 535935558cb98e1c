"""The media logic that a decoding child runs: bytes in, pictures or a refusal out.

No walls here and no NumPy; `sandbox.py` is what the node calls. Each file goes to exactly one
decoder, chosen by its first bytes, and is never guessed at by Pillow.
"""

import time
from io import BytesIO

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    ImagePalette,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from tocsin.decoding import frames, pixels
from tocsin.decoding.base import Limits
from tocsin.decoding.magic import identify
from tocsin.decoding.wire import Pictures, Refusal, Shape

try:
    import pi_heif
except ImportError:  # the extra `heic` is not installed
    pi_heif = None

_PLUGINS = {
    "jpeg": JpegImagePlugin.JpegImageFile.format,
    "png": PngImagePlugin.PngImageFile.format,
    "webp": WebPImagePlugin.WebPImageFile.format,
    "gif": GifImagePlugin.GifImageFile.format,
    "avif": AvifImagePlugin.AvifImageFile.format,
    "tiff": TiffImagePlugin.TiffImageFile.format,
    "bmp": BmpImagePlugin.BmpImageFile.format,
    "heic": "HEIF",
}
"""Our format names and Pillow's; naming the modules here also loads them before the walls."""

_LOADED_AHEAD = (ImageCms, ImagePalette, MpoImagePlugin)
"""What Pillow imports only when a file first needs it, too late behind the walls."""

_SHORT_SIDE = 512
"""JPEG is decoded no smaller than this: below it PDQ hashes drift (docs/decisions/0003)."""

AvifImagePlugin.DEFAULT_MAX_THREADS = 1
if pi_heif is not None:
    pi_heif.register_heif_opener(decode_threads=0, thumbnails=False, depth_images=False)


def read(data: bytes, limits: Limits, *, exact: bool = False) -> Pictures | Refusal:
    """Decode a file. Never raises for bad media."""
    form = identify(data)
    if isinstance(form, Refusal):
        return form
    if len(data) > limits.file_bytes:
        return Refusal("too_large", f"{len(data)} bytes; the limit is {limits.file_bytes}")
    if form == "heic" and pi_heif is None:
        return Refusal("unknown_format", "HEIC is decoded only with the extra `heic` installed")
    try:
        return _decode(data, form, limits, exact=exact)
    except MemoryError:
        return Refusal("too_much_memory", f"decoding took more than {limits.memory_bytes} bytes")
    except (Image.DecompressionBombError, _TooManyPixels):
        return Refusal("too_many_pixels", f"more than {limits.pixels} pixels in one frame")
    except UnidentifiedImageError:
        return Refusal("broken", f"the file starts like {form}, but its header is not that")
    except Exception as error:  # noqa: BLE001 - Pillow's plugins raise nearly everything on bad data
        return Refusal("broken", f"the {form} data is broken: {error}")


class _TooManyPixels(Exception):
    pass


def _decode(data: bytes, form: str, limits: Limits, *, exact: bool) -> Pictures:
    until = time.process_time() + limits.cpu_s / 2
    shapes: list[Shape] = []
    planes: list[bytes] = []
    with Image.open(BytesIO(data), formats=(_PLUGINS[form],)) as im:

        def load() -> None:
            _check_size(im, limits)
            im.load()

        declared = im.size
        if form == "jpeg" and not exact:
            _check_size(im, limits)
            im.draft("L", (_SHORT_SIDE, _SHORT_SIDE))
        total = frames.count(im, form, data, limits.frames)
        for frame in frames.chosen(im, form, min(total, limits.frames), load, until):
            native = declared if form == "jpeg" else im.size
            turn = pixels.orientation(im)
            for ground, flat in pixels.flattened(im, colour=exact):
                shown = pixels.upright(flat if exact else pixels.reduced(flat), turn)
                shapes.append(_shape(frame + ground, shown, native, turned=turn >= 5))
                planes.append(shown.tobytes())
    return Pictures(form, total, tuple(shapes), tuple(planes))


def _shape(name: str, shown: Image.Image, native: tuple[int, int], *, turned: bool) -> Shape:
    width, height = native[::-1] if turned else native
    channels = 3 if shown.mode == "RGB" else 1
    return Shape(name, shown.height, shown.width, channels, height, width)


def _check_size(im: Image.Image, limits: Limits) -> None:
    if im.width * im.height > limits.pixels:
        raise _TooManyPixels
