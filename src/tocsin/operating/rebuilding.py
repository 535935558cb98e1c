"""Bringing contents and register to where the log is: at each start, and after any loss.

The log is the truth. What it says is put back; what it only commits to cannot be, and is missing.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from tocsin.entries.applying import apply
from tocsin.entries.envelope import EntryType, Envelope
from tocsin.entries.judging import Barred, judge
from tocsin.entries.register import Register
from tocsin.entries.statements import Statement, parse
from tocsin.errors import Damaged
from tocsin.exchange.tree import Tree
from tocsin.operating import snapshot
from tocsin.operating.admission import Tally
from tocsin.operating.contents import Contents, Stored, split

GOVERNING = frozenset(
    {
        EntryType.MEMBER,
        EntryType.KEY,
        EntryType.GROUP,
        EntryType.RULE,
        EntryType.APPROVE,
        EntryType.ERASE,
        EntryType.INCIDENT,
    }
)
"""Entries whose content the register cannot do without."""

_CHUNK = 4096
_log = structlog.get_logger("tocsin.exchange")


def restore_contents(contents: Contents, tree: Tree) -> None:
    """Drop what never reached the log, and put a row back for each entry that has none.

    Raises Damaged where the contents are those of another log.
    """
    if contents.size > tree.size:
        contents.cut(tree.size)
    last = contents.at(tree.size - 1) if tree.size else None
    if last is not None:
        (leaf,) = tree.entries(tree.size - 1, tree.size)
        if leaf != last.leaf:
            raise Damaged(
                "the contents do not belong to this log; were they restored from another?"
            )
        return
    _refill(contents, tree)


def restore_register(path: Path, contents: Contents, tree: Tree) -> Register:
    """Return the register at the log's size: as it was written down, and replayed from there on.

    Raises Damaged where contents are missing without which nobody can tell who is a member.
    """
    register = snapshot.read_for(path, tree) or Register(tree.head.origin)
    for stored in _rows(contents, register.size, tree.size):
        _replay(register, contents, stored)
    if register.size != tree.size:
        raise Damaged(f"the contents end at {register.size}, the log at {tree.size}")
    return register


def restore_tally(contents: Contents, register: Register, now: datetime) -> tuple[Tally, datetime]:
    """Count what members submitted today, and return that with the time of the latest entry."""
    day = Tally(now.date())
    latest = datetime.fromtimestamp(0, UTC)
    for end in range(register.size, 0, -_CHUNK):
        rows = contents.range(max(end - _CHUNK, 0), end)
        for stored in reversed(rows):
            envelope = stored.envelope
            latest = max(latest, envelope.received_at)
            # A clock that was set back may have left yesterday's entries between today's.
            if envelope.received_at.date() < day.day - timedelta(days=1):
                return day, latest
            owner = register.issuer_of(envelope)
            if envelope.received_at.date() == day.day and owner is not None:
                day.add(owner.id, envelope.type)
    return day, latest


def _refill(contents: Contents, tree: Tree) -> None:
    """Put back the rows from the last one that is there."""
    start, missing = contents.size, []
    for position, leaf in enumerate(tree.entries(start, tree.size), start):
        missing.append(Stored(position, leaf, None, None))
        if len(missing) == _CHUNK:
            contents.put(missing)
            missing = []
    if missing:
        contents.put(missing)
    if tree.size > start:
        _log.error("contents are missing", first=start, last=tree.size - 1)


def _rows(contents: Contents, start: int, end: int) -> Iterator[Stored]:
    for at in range(start, end, _CHUNK):
        yield from contents.range(at, min(at + _CHUNK, end))


def _replay(register: Register, contents: Contents, stored: Stored) -> None:
    envelope = stored.envelope
    statement = _statement(stored)
    if statement is None and envelope.type in GOVERNING:
        raise Damaged(
            f"the content of entry {stored.position} is lost, and the register needs it",
            advice="Restore payloads.db or register.json from a backup; see docs/exchange.md.",
        )

    def lookup(index: int) -> Envelope | None:
        found = contents.at(index)
        return None if found is None else found.envelope

    judgement = judge(register, stored.position, envelope, statement, lookup)
    if isinstance(judgement, Barred):
        raise Damaged(f"entry {stored.position} should not be in the log: {judgement.reason}")
    apply(register, stored.position, envelope, statement, judgement)


def _statement(stored: Stored) -> Statement | None:
    return None if stored.content is None else parse(split(stored.content)[1])
