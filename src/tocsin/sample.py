"""Harmless sample media, made by code: pictures, altered copies of them, and strangers.

Nothing here shows anybody or anything. The same numbers always make the same pictures, so that the
demo, the tests and the benchmarks need no media files beside them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps

SIZE = (640, 480)
_EXIF_ORIENTATION = 0x0112
_TURNED_LEFT = 8
_FALL = 1.4


@dataclass(frozen=True, slots=True)
class Sample:
    """The files that `write` made: pictures for a list, altered copies of them, and strangers."""

    known: tuple[Path, ...]
    altered: tuple[Path, ...]
    strangers: tuple[Path, ...]


def picture(number: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """Draw a picture like a photo: clouds, a slope of light, shapes, a word. RGB, (width, height).

    Clouds are noise whose amplitude falls with frequency, as it does in photos of nature (D. Field,
    "Relations between the statistics of natural images", 1987), so PDQ finds them rich enough.
    """
    random = np.random.default_rng(number)
    image = Image.fromarray(_clouds(random, size))
    draw = ImageDraw.Draw(image)
    for _ in range(int(random.integers(4, 9))):
        _shape(draw, random, size)
    font = ImageFont.load_default(size[1] // 10)
    place = (int(random.integers(0, size[0] // 2)), int(random.integers(0, size[1] - size[1] // 8)))
    draw.text(place, f"sample {number}", fill=_colour(random), font=font)
    return image


def encode(image: Image.Image, format: str, **options: object) -> bytes:
    """Encode a picture as a file of that Pillow format ("JPEG", "PNG", …)."""
    file = BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def altered(image: Image.Image) -> Iterator[tuple[str, bytes]]:
    """Yield copies as people make them, each as a file name and its bytes."""
    for name, alter in ALTERATIONS.items():
        yield name, alter(image)


def write(folder: Path, *, known: int = 4, strangers: int = 6) -> Sample:
    """Write a sample below `folder`: "known", "uploads" with altered copies and strangers.

    Copies are shared out over the known pictures. Files that are there already are written again.
    """
    originals, uploads = folder / "known", folder / "uploads"
    for one in (originals, uploads):
        one.mkdir(parents=True, exist_ok=True)
    pictures = [picture(number) for number in range(known)]
    copies = [
        (f"copy-{place % known}-{name}", alter(pictures[place % known]))
        for place, (name, alter) in enumerate(ALTERATIONS.items())
    ]
    others = [
        (f"stranger-{number}.jpg", encode(picture(1000 + number), "JPEG", quality=85))
        for number in range(strangers)
    ]
    return Sample(
        known=tuple(
            _store(originals / f"known-{number}.png", encode(one, "PNG"))
            for number, one in enumerate(pictures)
        ),
        altered=tuple(_store(uploads / name, data) for name, data in copies),
        strangers=tuple(_store(uploads / name, data) for name, data in others),
    )


def _store(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def _clouds(random: np.random.Generator, size: tuple[int, int]) -> NDArray[np.uint8]:
    width, height = size
    across, down = np.linspace(-1, 1, width)[None, :], np.linspace(-1, 1, height)[:, None]
    light = 40 * _noise(random, size) + 25 * (random.normal() * across + random.normal() * down)
    channels = [shade + light + 20 * _noise(random, size) for shade in random.integers(90, 166, 3)]
    pixels: NDArray[np.uint8] = np.clip(np.stack(channels, axis=-1), 0, 255).astype(np.uint8)
    return pixels


def _noise(random: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float64]:
    """Noise of mean 0 and deviation 1, shape (height, width)."""
    width, height = size
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(random.normal(size=(height, width))) / frequency**_FALL
    noise: NDArray[np.float64] = np.fft.irfft2(spectrum, s=(height, width))
    noise /= noise.std()
    return noise


def _shape(draw: ImageDraw.ImageDraw, random: np.random.Generator, size: tuple[int, int]) -> None:
    width, height = size
    left, top = int(random.integers(0, width * 3 // 4)), int(random.integers(0, height * 3 // 4))
    right = left + int(random.integers(width // 12, width // 3))
    bottom = top + int(random.integers(height // 12, height // 3))
    colour = _colour(random)
    if random.random() < 0.5:
        draw.ellipse((left, top, right, bottom), fill=colour)
    else:
        draw.polygon([(left, bottom), ((left + right) // 2, top), (right, bottom)], fill=colour)


def _colour(random: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(one) for one in random.integers(0, 256, 3))
    return red, green, blue


def _jpeg(image: Image.Image) -> bytes:
    return encode(image, "JPEG", quality=85)


def _small(image: Image.Image) -> bytes:
    return _jpeg(image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS))


def _exif_turned(image: Image.Image) -> bytes:
    """Store the pixels lying on their side, with the note that a viewer must turn them back."""
    exif = Image.Exif()
    exif[_EXIF_ORIENTATION] = _TURNED_LEFT
    return encode(image.transpose(Image.Transpose.ROTATE_270), "JPEG", quality=85, exif=exif)


ALTERATIONS: dict[str, Callable[[Image.Image], bytes]] = {
    "reencoded.jpg": lambda image: encode(image, "JPEG", quality=20),
    "half-size.jpg": _small,
    "mirrored.jpg": lambda image: _jpeg(ImageOps.mirror(image)),
    "turned.jpg": lambda image: _jpeg(image.transpose(Image.Transpose.ROTATE_90)),
    "bordered.jpg": lambda image: _jpeg(ImageOps.expand(image, border=4)),
    "brighter.jpg": lambda image: _jpeg(ImageEnhance.Brightness(image).enhance(1.3)),
    "palette.gif": lambda image: encode(image, "GIF"),
    "lossless.png": lambda image: encode(image, "PNG"),
    "lossy.webp": lambda image: encode(image, "WEBP", quality=60),
    "exif-turned.jpg": _exif_turned,
}
"""Every alteration by the name of the file it makes. None of them changes what a person sees."""
