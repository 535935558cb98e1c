"""Which container a file is, from its first bytes alone, before any C code sees it.

Names and MIME types lie, and a polyglot is several things at once; what counts is the one decoder
that will be handed the file. Everything but the eight formats of `wire.FORMATS` is refused here:
Pillow knows some forty more, most of them without fuzzing, and one (EPS) starts a program.
"""

from tocsin.decoding.wire import Refusal

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00\x08\x00\x00\x00", "tiff"),
    (b"MM\x00+\x00\x08\x00\x00", "tiff"),
)

_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_SHARED_BRANDS = {b"mif1", b"msf1"}
"""Major brands that say only "HEIF family"; the compatible brands say which codec."""

_BMP_HEADERS = {12, 16, 40, 52, 56, 64, 108, 124}
"""Sizes of the bitmap headers that exist, in bytes."""

_WEBP_CHUNKS = {b"VP8 ", b"VP8L", b"VP8X"}

_REFUSED = (
    (b"%!PS", "a PostScript document"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript document"),
    (b"%PDF", "a PDF document"),
    (b"8BPS", "a Photoshop document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x00\x00\x01\x00", "an icon"),
    (b"<svg", "an SVG drawing"),
    (b"<?xml", "an XML document"),
)

HEAD_BYTES = 512
"""How far into a file the formats are told apart."""


def identify(data: bytes) -> str | Refusal:
    """The format of a file, one of `wire.FORMATS`, or why it is not decoded."""
    if not data:
        return Refusal("empty", "the file has no bytes")
    head = data[:HEAD_BYTES]
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            return name
    if head.startswith(b"\xff\xd8\xff") and 0xC0 <= head[3:4].ljust(1, b"\0")[0] <= 0xFE:
        return "jpeg"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP" and head[12:16] in _WEBP_CHUNKS:
        return "webp"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "bmp"
    if head[4:8] == b"ftyp":
        return _heif_family(head)
    return Refusal("unknown_format", f"{_guess(head)} is not decoded here")


def _heif_family(head: bytes) -> str | Refusal:
    end = min(int.from_bytes(head[:4], "big"), len(head))
    major = head[8:12]
    brands = {major} | {head[at : at + 4] for at in range(16, end - 3, 4)}
    if major in _AVIF_BRANDS or (major in _SHARED_BRANDS and brands & _AVIF_BRANDS):
        return "avif"
    if major in _HEIC_BRANDS or (major in _SHARED_BRANDS and brands & _HEIC_BRANDS):
        return "heic"
    return Refusal("unknown_format", "a video, or another relative of MP4, is not decoded here")


def _guess(head: bytes) -> str:
    start = head.lstrip()[:8]
    return next((name for magic, name in _REFUSED if start.startswith(magic)), "an unknown format")
