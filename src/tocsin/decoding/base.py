"""What a decoder is, what it may spend, and the walls it stands behind.

Standard library only when run: the zygote imports this file and stays lean without NumPy.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tocsin.model import Decoded, Undecodable


class Decoder(Protocol):
    """Turns a file into planes. Safe to call from many threads at once."""

    def decode(self, data: bytes, *, exact: bool = False) -> "Decoded | Undecodable":
        """Read a file; bad media is an outcome, never an exception.

        By default the planes are luma, shape (height, width), and may be reduced: the short side
        stays at or above 512 for JPEG and 1024 for the other formats, or native where it is
        smaller. With `exact` they have every pixel: (height, width) for grey sources and
        (height, width, 3) RGB for all others. Raises Unavailable when too busy to take the file.
        """


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost. Beyond it the outcome is Undecodable with the reason.

    `file_bytes`: size of the file. `pixels`: width times height, of one frame. `frames`: how deep
    into an animation the middle and last frame are looked for. `memory_bytes`: address space of
    the child. `cpu_s` and `wall_s`: seconds of computing and of waiting until the child is killed.
    `queue_s`: seconds to wait for a free child before giving up on the node, not on the file.
    """

    file_bytes: int = 128 << 20
    pixels: int = 90_000_000
    frames: int = 1_000
    memory_bytes: int = 1 << 30
    cpu_s: int = 5
    wall_s: float = 15.0
    queue_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Wall:
    """One layer around the decoder: whether it stands on this machine, as tried at start."""

    name: str
    stands: bool
    detail: str
