"""What a segment and the tail have in common: rows with codes, keys and marks of the dead."""

import numpy as np
from numpy.typing import NDArray

from tocsin.model import Codes

Offsets = NDArray[np.uint32] | NDArray[np.uint64]


class Part:
    """Some rows of an index, which are numbered from 0. Its arrays must stay where they are.

    `offsets` are the keys less `first_key`. `dead` marks the rows that were removed, `buried` says
    how many: both belong to the index, which changes them in place under its lock. A search that
    runs meanwhile may or may not see the change.
    """

    def __init__(
        self, codes: Codes, offsets: Offsets, dead: NDArray[np.bool_], *, first_key: int = 0
    ) -> None:
        self.codes = codes
        self.dead = dead
        self.buried = 0
        self._offsets = offsets
        self._first_key = first_key
        at_codes, at_keys, at_dead = (array.ctypes.data for array in (codes, offsets, dead))
        fields = (at_codes, len(codes), at_keys, offsets.itemsize, first_key, at_dead)
        self._description = np.array(fields, np.int64)
        self.address = self._description.ctypes.data
        """Where the kernels find the description of this part (see `hamming.CODES`)."""

    def __len__(self) -> int:
        """How many rows there are, dead ones included."""
        return len(self.codes)

    @property
    def living(self) -> int:
        """How many rows can be found."""
        return len(self) - self.buried

    def keys_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The keys of rows, given by number."""
        return self._offsets[rows].astype(np.int64) + self._first_key
