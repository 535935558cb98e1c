"""The tail: rows that no segment holds yet, in memory, scanned flat."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tocsin.matching.hamming import scan
from tocsin.matching.part import Part
from tocsin.model import CODE_BYTES, Codes

T = TypeVar("T", bound=np.generic)

_FIRST_ROOM = 1024


class Tail(Part):
    """Rows in the order in which they came, in arrays that have room for more.

    Extending makes a new tail on the same arrays: rows are written behind the end of the old one,
    where nobody looks. So only the newest tail may be extended, under the index's lock. Tails on
    the same arrays share the marks of the dead.
    """

    def __init__(
        self,
        codes: Codes | None = None,
        keys: NDArray[np.uint64] | None = None,
        dead: NDArray[np.bool_] | None = None,
        rows: int = 0,
    ) -> None:
        """Take the first `rows` of these arrays, or begin new ones."""
        self._codes = np.empty((_FIRST_ROOM, CODE_BYTES), np.uint8) if codes is None else codes
        self._keys = np.empty(_FIRST_ROOM, np.uint64) if keys is None else keys
        self._dead = np.empty(_FIRST_ROOM, np.bool_) if dead is None else dead
        super().__init__(self._codes[:rows], self._keys[:rows], self._dead[:rows])

    @property
    def highest_key(self) -> int:
        """The largest key of all rows, or -1 without rows."""
        return int(self._keys[: len(self)].max()) if len(self) else -1

    @property
    def nbytes(self) -> int:
        """Memory taken, in bytes."""
        return self._codes.nbytes + self._keys.nbytes + self._dead.nbytes

    def rows_of(self, keys: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Which of the keys have a row that is not dead, and the numbers of those rows."""
        mine = self._keys[: len(self)].view(np.int64)
        rows = np.flatnonzero(np.isin(mine, keys) & ~self.dead)
        return np.isin(keys, mine[rows]), rows

    def bury(self, keys: NDArray[np.int64]) -> None:
        """Mark the rows of these keys dead. Keys without a row here change nothing."""
        rows = self.rows_of(keys)[1]
        self.dead[rows] = True
        self.buried += rows.size

    def extended(self, keys: NDArray[np.int64], codes: Codes) -> "Tail":
        """A tail with these rows at its end. Their keys must not have a row that is not dead."""
        first, rows = len(self), len(self) + keys.size
        tail = Tail(
            _with_room(self._codes, first, rows),
            _with_room(self._keys, first, rows),
            _with_room(self._dead, first, rows),
            rows,
        )
        tail.codes[first:] = codes
        tail._keys[first:rows] = keys
        tail.dead[first:] = False
        tail.buried = self.buried
        return tail

    def search(self, codes: Codes, radius: int) -> NDArray[np.int64]:
        """Every living row within the radius of each code: query number, distance and key."""
        return scan(codes, self.address, radius)


def _with_room(values: NDArray[T], used: int, rows: int) -> NDArray[T]:
    """The array itself if it is long enough, else a copy of its used part, with room for twice."""
    if rows <= len(values):
        return values
    larger = np.empty((2 * rows, *values.shape[1:]), values.dtype)
    larger[:used] = values[:used]
    return larger
