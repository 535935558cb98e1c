"""The contents of entries: what their leaves commit to, each for its audience, until erased.

A row stands at its entry's index in the log. It is stored, durable, just before the entry is
appended; a row beyond the log's end belongs to an append that came to nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tocsin.entries.envelope import NONCE_BYTES, Envelope
from tocsin.operating.database import Database

SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
    position INTEGER PRIMARY KEY,
    leaf BLOB NOT NULL,
    commitment BLOB NOT NULL UNIQUE,
    audience TEXT,
    content BLOB
);
CREATE TABLE IF NOT EXISTS invitation (
    token BLOB PRIMARY KEY,
    terms TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    key BLOB
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS errand (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    payload BLOB NOT NULL,
    asked_at INTEGER NOT NULL,
    outcome TEXT
);
"""
"""All tables of the file; `invitations.py` and `errands.py` own the last two.

entry.audience: who reads it, see `audiences.py`; NULL where that was lost. entry.content: nonce and
payload; NULL where it was erased or lost.
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """One row. `audience` is None where it was lost, `content` where it was erased or lost."""

    position: int
    leaf: bytes
    audience: str | None
    content: bytes | None

    @property
    def envelope(self) -> Envelope:
        """The leaf, read."""
        return Envelope.parse(self.leaf)


def join(nonce: bytes, payload: bytes) -> bytes:
    """Return a content as it is stored and served."""
    return nonce + payload


def split(content: bytes) -> tuple[bytes, bytes]:
    """Return the nonce and the payload of a content."""
    return content[:NONCE_BYTES], content[NONCE_BYTES:]


class Contents:
    """The table of contents. Thread-safe. Everything raises Unavailable and Damaged."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def size(self) -> int:
        """How many rows there would be if none were missing."""
        ((last,),) = self._database.rows("SELECT max(position) FROM entry")
        return 0 if last is None else _number(last) + 1

    def put(self, rows: Iterable[Stored]) -> None:
        """Store rows, durable on return, in place of what stood there."""
        values = [
            (one.position, one.leaf, one.envelope.commitment, one.audience, one.content)
            for one in rows
        ]
        with self._database.write() as connection:
            connection.executemany("INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?)", values)

    def cut(self, size: int) -> None:
        """Remove all rows from `size` on."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM entry WHERE position >= ?", (size,))

    def at(self, position: int) -> Stored | None:
        """Return one row; None where there is none."""
        found = self.range(position, position + 1)
        return found[0] if found else None

    def range(self, start: int, end: int) -> list[Stored]:
        """Return the rows [start, end) in order; missing ones are left out."""
        rows = self._database.rows(
            "SELECT position, leaf, audience, content FROM entry "
            "WHERE position >= ? AND position < ? ORDER BY position",
            (start, end),
        )
        return [_stored(row) for row in rows]

    def find(self, commitments: Sequence[bytes]) -> dict[bytes, Stored]:
        """Return the rows that have these commitments, by commitment."""
        found = {}
        for commitment in commitments:
            for row in self._database.rows(
                "SELECT position, leaf, audience, content FROM entry WHERE commitment = ?",
                (commitment,),
            ):
                found[commitment] = _stored(row)
        return found

    def erase(self, positions: Sequence[int]) -> bool:
        """Destroy contents; False if they may still stand in the write-ahead log."""
        with self._database.write() as connection:
            connection.executemany(
                "UPDATE entry SET content = NULL WHERE position = ?", [(one,) for one in positions]
            )
        return self._database.truncate()

    def has(self, position: int) -> bool:
        """Whether there is a content at this position."""
        query = "SELECT 1 FROM entry WHERE position = ? AND content IS NOT NULL"
        return bool(self._database.rows(query, (position,)))


def open_contents(path: Path) -> Database:
    """Open the file, making it if need be. Raises Unavailable, Damaged."""
    return Database(path, SCHEMA)


def _stored(row: Sequence[object]) -> Stored:
    position, leaf, audience, content = row
    return Stored(
        _number(position),
        _bytes(leaf),
        None if audience is None else str(audience),
        None if content is None else _bytes(content),
    )


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{value!r} is not a number")
    return value


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError(f"{value!r} is not bytes")
    return value
