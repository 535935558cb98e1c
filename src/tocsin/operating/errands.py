"""Errands: what the operator's commands leave for an exchange that is running.

The folder is the operator's, so whoever can leave an errand could sign as the operator anyway. Each
carries its own nonce: one that was done and not yet marked so is found in the log, not done twice.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin.entries.envelope import NONCE_BYTES
from tocsin.entries.statements import Statement, parse, write
from tocsin.errors import Conflict, InvalidInput, Refused, TocsinError, Unavailable
from tocsin.operating.contents import join, split
from tocsin.operating.database import Database

KEPT = timedelta(days=1)
"""How long the outcome of an errand can be asked for."""

_KINDS: dict[str, type[TocsinError]] = {
    kind.__name__: kind for kind in (InvalidInput, Refused, Conflict, Unavailable)
}


@dataclass(frozen=True, slots=True)
class Errand:
    """One statement to be made in the operator's name, with the nonce of its entry."""

    number: int
    nonce: bytes
    statement: Statement


class Errands:
    """The table of errands. Thread-safe. Everything raises Unavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def leave(self, statements: Sequence[Statement], at: datetime) -> list[int]:
        """Leave errands, to be done one after the other; return their numbers."""
        numbers = []
        with self._database.write() as connection:
            for statement in statements:
                content = join(secrets.token_bytes(NONCE_BYTES), write(statement))
                row = (content, int(at.timestamp()))
                query = "INSERT INTO errand (payload, asked_at) VALUES (?, ?)"
                numbers.append(connection.execute(query, row).lastrowid or 0)
        return numbers

    def waiting(self) -> list[Errand]:
        """Return what is still to be done, in order."""
        rows = self._database.rows(
            "SELECT number, payload FROM errand WHERE outcome IS NULL ORDER BY number"
        )
        return [_errand(number, content) for number, content in rows]

    def done(self, number: int, outcome: int | TocsinError) -> None:
        """Note the index of the entry, or why there is none."""
        told: dict[str, object] = {"index": outcome}
        if isinstance(outcome, TocsinError):
            kind = next((name for name, one in _KINDS.items() if isinstance(outcome, one)), "")
            told = {"kind": kind, "message": str(outcome), "code": outcome.code}
        with self._database.write() as connection:
            connection.execute(
                "UPDATE errand SET outcome = ? WHERE number = ?", (json.dumps(told), number)
            )

    def outcome(self, number: int) -> int | None:
        """Return the index of the entry; None while it is not done. Raises what went wrong."""
        ((text,),) = self._database.rows("SELECT outcome FROM errand WHERE number = ?", (number,))
        if text is None:
            return None
        told = json.loads(str(text))
        if "index" in told:
            return int(told["index"])
        raise _KINDS.get(told["kind"], TocsinError)(told["message"], code=told["code"])

    def withdraw(self, number: int) -> None:
        """Take back an errand that nobody did."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM errand WHERE number = ? AND outcome IS NULL", (number,))

    def purge(self, now: datetime) -> None:
        """Forget old outcomes."""
        with self._database.write() as connection:
            connection.execute(
                "DELETE FROM errand WHERE outcome IS NOT NULL AND asked_at < ?",
                (int((now - KEPT).timestamp()),),
            )


def _errand(number: object, content: object) -> Errand:
    nonce, payload = split(content if isinstance(content, bytes) else b"")
    return Errand(int(str(number)), nonce, parse(payload))
