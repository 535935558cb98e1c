"""Media files for tests, made by code: good ones through Pillow, bad ones byte by byte."""

import struct
import zlib
from io import BytesIO

from PIL import Image

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)

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


def tiff_claiming(side: int) -> bytes:
    """A TIFF of a few bytes that says it is `side` pixels wide and high."""
    data = bytearray(encoded(Image.new("L", (8, 8)), "TIFF"))
    entries = struct.unpack_from("<I", data, 4)[0] + 2
    for at in range(entries, entries + 12 * struct.unpack_from("<H", data, entries - 2)[0], 12):
        tag = struct.unpack_from("<H", data, at)[0]
        if tag in (256, 257, 278):  # width, height, rows in a strip
            struct.pack_into("<HHII", data, at, tag, 4, 1, side)
    return bytes(data)
