"""Media files for tests, made by code: good ones through Pillow, bad ones byte by byte."""

import struct
import zlib
from io import BytesIO

import numpy as np
from PIL import Image

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)

ORIENTATION = 0x0112
"""The EXIF tag."""

TURNS = {
    1: lambda pixels: pixels,
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.transpose(1, 0, 2),
    6: lambda pixels: np.rot90(pixels),
    7: lambda pixels: pixels[::-1, ::-1].transpose(1, 0, 2),
    8: lambda pixels: np.rot90(pixels, -1),
}
"""How a camera held in each EXIF orientation stores the pixels of an upright picture."""


TIFF_TAGS = {"width": 256, "height": 257, "bits": 258, "rows_in_a_strip": 278}


def encoded(im: Image.Image, form: str, **options: object) -> bytes:
    file = BytesIO()
    im.save(file, form, **options)
    return file.getvalue()


def quarters(width: int = 64, height: int = 32, mode: str = "RGB") -> Image.Image:
    """Red, green, blue and white quarters: any turn of it can be told from any other."""
    im = Image.new("RGB", (width, height), WHITE)
    for colour, x, y in ((RED, 0, 0), (GREEN, 1, 0), (BLUE, 0, 1)):
        left, top = x * width // 2, y * height // 2
        im.paste(colour, (left, top, left + width // 2, top + height // 2))
    return im.convert(mode)


def turned(im: Image.Image, turn: int) -> Image.Image:
    """The picture as a camera held that way stores it."""
    return Image.fromarray(np.ascontiguousarray(TURNS[turn](np.asarray(im))))


def colours(count: int, size: tuple[int, int] = (8, 8)) -> list[Image.Image]:
    """Frames of one colour each, all different."""
    return [Image.new("RGB", size, (frame * 7 % 256, frame // 37, 90)) for frame in range(count)]


def animated(form: str, count: int) -> bytes:
    first, *rest = colours(count)
    lossless = {"lossless": True} if form == "WEBP" else {}
    return encoded(first, form, save_all=True, append_images=rest, **lossless)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes, depth: int = 8, colour: int = 2) -> bytes:
    """A PNG with the header and the chunks given, whether they fit together or not."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = (png_chunk(b"IHDR", header), *chunks, png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def gif(frames: int) -> bytes:
    """A GIF of 1 x 1 pixel with very many frames, which Pillow would take long to write."""
    header = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"\x21\xf9\x04\x04\x01\0\0\0\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0)
    return header + (frame + b"\x02\x02\x44\x01\0") * frames + b";"


def tiff_claiming(data: bytes, **claims: int) -> bytes:
    """A TIFF with some tags of one value, named as in `TIFF_TAGS`, overwritten."""
    wanted = {TIFF_TAGS[name]: value for name, value in claims.items()}
    lying = bytearray(data)
    entries = struct.unpack_from("<I", lying, 4)[0] + 2
    count = struct.unpack_from("<H", lying, entries - 2)[0]
    for at in range(entries, entries + 12 * count, 12):
        tag = struct.unpack_from("<H", lying, at)[0]
        if tag in wanted:
            struct.pack_into("<HHII", lying, at, tag, 4, 1, wanted[tag])
    return bytes(lying)
