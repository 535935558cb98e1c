"""What is kept of every entry: its type and its issuer's key, 17 bytes.

Opinions, retractions and erasures are judged by the entry that they are about, which may lie far
back. Whole leaves would take ten times the room; nothing else of them is asked for.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable

from sqlalchemy import Connection, select

from tocsin.entries.envelope import KEY_ID_BYTES, NOTHING, Envelope
from tocsin.recording import shared

BLOCK = 256
"""Entries in one row of the database."""

CACHED_BLOCKS = 1024
"""Blocks kept in memory: 4 MB."""

_ROW = 1 + KEY_ID_BYTES
_TYPE = slice(1, 2)
_KEY = slice(20, 20 + KEY_ID_BYTES)
"""Where type and key id stand in a leaf (docs/spec/exchange-record.md)."""

_MALFORMED = bytes(_ROW)

Load = Callable[[int], bytes]
"""Reads a block from the database, empty where there is none yet."""


def stored_block(connection: Connection, exchange_id: int, number: int) -> bytes:
    """Read a block from the database, empty where there is none yet."""
    block = shared.leaves.c
    at = (block.exchange_id == exchange_id) & (block.block == number)
    return connection.execute(select(block.data).where(at)).scalar() or b""


def brief(leaf: bytes, *, malformed: bool) -> bytes:
    """Return what is kept of a leaf: zeros for what is none."""
    return _MALFORMED if malformed else leaf[_TYPE] + leaf[_KEY]


class Leaves:
    """What is kept of the entries below `size`. Owned by one thread."""

    def __init__(self, size: int, load: Load) -> None:
        self.size = size
        self._load = load
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def extend(self, briefs: Iterable[bytes]) -> dict[int, bytes]:
        """Add what is kept of the next entries; return the blocks that changed, by number."""
        data = b"".join(briefs)
        block, used = divmod(self.size, BLOCK)
        data = self._block(block)[: used * _ROW] + data if used else data
        step = BLOCK * _ROW
        changed = {block + at // step: data[at : at + step] for at in range(0, len(data), step)}
        for number, content in changed.items():
            self._keep(number, content)
        self.size = block * BLOCK + len(data) // _ROW
        return changed

    def find(self, index: int) -> Envelope | None:
        """Return the entry at an index with its type and key id alone; None where there is none."""
        if not 0 <= index < self.size:
            return None
        block, place = divmod(index, BLOCK)
        row = self._block(block)[place * _ROW : (place + 1) * _ROW]
        if row == _MALFORMED:
            return None
        return Envelope(row[0], 0, 0, 0, 0, row[1:], NOTHING, NOTHING, bytes(64))

    def key_of(self, index: int) -> bytes | None:
        """Return the id of the key that signed the entry at an index."""
        found = self.find(index)
        return None if found is None else found.key_id

    def _block(self, number: int) -> bytes:
        if number in self._blocks:
            self._blocks.move_to_end(number)
        else:
            self._keep(number, self._load(number))
        return self._blocks[number]

    def _keep(self, number: int, content: bytes) -> None:
        self._blocks[number] = content
        if len(self._blocks) > CACHED_BLOCKS:
            self._blocks.popitem(last=False)
