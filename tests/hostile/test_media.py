"""Files that want to break a decoder: each ends as planes or as a reason, and nothing else happens.

The mutations are seeded, so a failure names the number that brings it back.
"""

import random
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from media import animated, colours, encoded, gif, png, png_chunk, quarters, tiff_claiming
from tocsin.decoding.base import Limits
from tocsin.decoding.samples import SAMPLES
from tocsin.decoding.sandbox import Sandbox
from tocsin.model import Decoded, Obstacle, Undecodable

PICTURE = quarters(96, 64)
TIFFS = (None, "tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits", "zstd", "lzma")
SEEDS = (
    *SAMPLES.values(),
    encoded(PICTURE, "JPEG"),
    encoded(PICTURE, "JPEG", progressive=True),
    encoded(PICTURE.convert("CMYK"), "JPEG"),
    encoded(PICTURE, "PNG"),
    encoded(PICTURE.convert("RGBA"), "PNG"),
    encoded(PICTURE.quantize(16), "PNG", transparency=3),
    encoded(PICTURE, "WEBP"),
    encoded(PICTURE, "WEBP", lossless=True),
    encoded(PICTURE.quantize(16), "GIF"),
    encoded(PICTURE.quantize(16), "BMP"),
    encoded(PICTURE, "AVIF", speed=10),
    *(encoded(PICTURE, "TIFF", compression=one) for one in TIFFS),
    *(animated(form, 4) for form in ("GIF", "WEBP", "PNG", "AVIF", "TIFF")),
)
TOKENS = (
    *(struct.pack(order + "I", value) for order in "<>" for value in (0, 1, 2**31 - 1, 2**32 - 1)),
    *(b"\xff" + bytes([marker]) for marker in (0xC0, 0xC2, 0xC4, 0xD8, 0xD9, 0xDA, 0xDB, 0xE1)),
    *(b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"acTL", b"fcTL", b"fdAT", b"eXIf", b"iCCP"),
    *(b"VP8X", b"ANMF", b"ALPH", b"ipma", b"iloc", b"hvcC", b"av1C", b"irot", b"grid", b"mdat"),
    *(b"\x21\xf9\x04", b"\x2c", b"\x00\x3b", b"II*\0", b"MM\0*", b"Exif\0\0"),
)


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(Limits(wall_s=60, cpu_s=3)) as one:
        yield one


@pytest.fixture
def patient_sandbox():
    """One that kills nobody for being slow: what runs out is memory alone."""
    with Sandbox(Limits(wall_s=120, cpu_s=100)) as one:
        yield one


def zygote_of(sandbox: Sandbox) -> int:
    return sandbox._nursery._process.pid


def mutated(number: int) -> bytes:
    """One of the seeds with one to eight faults."""
    chance = random.Random(number)
    data = bytearray(chance.choice(SEEDS))
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(data))
        length = chance.randint(1, 64)
        fault = chance.randrange(6)
        if fault == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif fault == 1:
            data[at : at + length] = chance.randbytes(length)
        elif fault == 2:
            token = chance.choice(TOKENS)
            data[at : at + len(token)] = token
        elif fault == 3:
            other = chance.choice(SEEDS)
            data[at:] = other[chance.randrange(len(other)) :]
        elif fault == 4:
            data[at:at] = data[at : at + length] * chance.randint(1, 4)
        else:
            del data[max(at, 12) :]
        data = data or bytearray(b"\0")
    return bytes(data)


def survived(sandbox: Sandbox, numbers: range) -> None:
    zygote = zygote_of(sandbox)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(sandbox.decode, map(mutated, numbers)))
    failures = [
        (number, answer)
        for number, answer in zip(numbers, answers, strict=True)
        if isinstance(answer, Undecodable)
        and answer.obstacle in (Obstacle.CRASHED, Obstacle.NO_SANDBOX)
    ]
    assert failures == []
    assert zygote_of(sandbox) == zygote


def test_mutated_files_end_as_planes_or_a_reason(sandbox):
    survived(sandbox, range(300))


@pytest.mark.slow
def test_ten_thousand_mutated_files_end_as_planes_or_a_reason(sandbox):
    survived(sandbox, range(300, 10_300))


@pytest.mark.parametrize("data", SEEDS[len(SAMPLES) :], ids=range(len(SEEDS) - len(SAMPLES)))
def test_every_truncation_ends(sandbox, data):
    for cut in range(1, len(data), max(1, len(data) // 12)):
        answer = sandbox.decode(data[:cut])
        assert isinstance(answer, Decoded | Undecodable)


def _flat_png(side: int) -> bytes:
    """A megabyte that unpacks to a picture of `side` by `side` pixels in four channels."""
    row = bytes(4 * side + 1)
    squeeze = zlib.compressobj(1)
    rows = b"".join(squeeze.compress(row) for _ in range(side)) + squeeze.flush()
    return png(side, side, png_chunk(b"IDAT", rows), colour=6)


def _vast_webp() -> bytes:
    data = bytearray(encoded(Image.new("RGBA", (8, 8), (1, 2, 3, 4)), "WEBP", exif=b"Exif\0\0"))
    data[24:30] = b"\xfe\x3f\0\xfe\x3f\0"
    return bytes(data)


def _vast_jpeg() -> bytes:
    data = bytearray(encoded(PICTURE, "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = b"\xff" * 4
    return bytes(data)


def _vast_gif() -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0, 0, 0) + gif(1)[19:]


def _vast_bmp() -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + header


@pytest.mark.parametrize(
    "bomb",
    [
        pytest.param(png(65_535, 65_535), id="png"),
        pytest.param(_vast_webp(), id="webp"),
        pytest.param(_vast_jpeg(), id="jpeg"),
        pytest.param(_vast_gif(), id="gif"),
        pytest.param(_vast_bmp(), id="bmp"),
        pytest.param(
            tiff_claiming(encoded(PICTURE, "TIFF"), width=90_000, height=90_000), id="tiff"
        ),
    ],
)
def test_a_few_bytes_that_claim_to_be_vast_are_refused(sandbox, bomb):
    assert sandbox.decode(bomb).obstacle is Obstacle.TOO_MANY_PIXELS


def test_a_picture_within_the_limit_of_pixels_is_read_or_out_of_memory(patient_sandbox):
    bomb = _flat_png(9_000)
    assert isinstance(patient_sandbox.decode(bomb), Decoded)
    assert patient_sandbox.decode(bomb, exact=True).obstacle is Obstacle.TOO_MUCH_MEMORY


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(gif(100_000), id="gif"),
        pytest.param(animated("PNG", 1_500), id="png"),
        pytest.param(animated("WEBP", 1_500), id="webp"),
        pytest.param(animated("TIFF", 1_500), id="tiff"),
    ],
)
def test_very_many_frames_end_with_three_planes(sandbox, data):
    answer = sandbox.decode(data)
    assert answer.frames > 1_000
    assert len(answer.planes) == 3


def test_an_animation_that_lies_about_its_frames_is_read_as_far_as_it_goes(sandbox):
    data = animated("PNG", 3)
    at = data.index(b"acTL")
    lying = data[: at - 4] + png_chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)) + data[at + 16 :]
    assert isinstance(sandbox.decode(lying), Decoded | Undecodable)


@pytest.mark.parametrize(
    "disguise",
    [
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n", id="EPS"),
        pytest.param(b"<svg><image href='file:///etc/passwd'/></svg>", id="SVG"),
        pytest.param(b"8BPS\0\1" + bytes(30), id="PSD"),
        pytest.param(b"\0\0\1\0\1\0\x08\x08", id="ICO"),
        pytest.param(b"#EXTM3U\nfile:///etc/passwd\n", id="playlist"),
        pytest.param(b"\x00\x00\x00\x18ftypmp42\0\0\0\0mp42isom", id="MP4"),
    ],
)
def test_what_looks_like_something_else_is_never_decoded(sandbox, disguise):
    answer = sandbox.decode(disguise + encoded(PICTURE, "JPEG"))
    assert answer.obstacle is Obstacle.UNKNOWN_FORMAT


def test_a_picture_with_another_file_behind_it_is_the_picture(sandbox):
    tail = b"PK\x03\x04" + b"%!PS" + encoded(colours(1)[0], "PNG")
    assert sandbox.decode(encoded(PICTURE, "JPEG") + tail).format == "jpeg"


@pytest.mark.parametrize("number", range(len(SEEDS)))
def test_the_head_of_each_file_on_the_tail_of_the_next_ends(sandbox, number):
    head, tail = SEEDS[number], SEEDS[(number + 1) % len(SEEDS)]
    spliced = head[: len(head) // 3] + tail[len(tail) // 3 :]
    assert isinstance(sandbox.decode(spliced), Decoded | Undecodable)
