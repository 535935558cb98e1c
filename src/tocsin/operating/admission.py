"""Whether entries are let into the log: each is judged by the register as it will be at its index.

What every reader judges again is in `entries/judging.py`. Here is what only the exchange can know
or promise: that a content opens its leaf, that what is said about an item stays within the item's
audience, that nobody takes more than the daily share, and that a repeated submission is one entry.
"""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from typing import Any

from tocsin.entries.applying import apply
from tocsin.entries.envelope import EntryType, Envelope, Parcel
from tocsin.entries.judging import Barred, judge
from tocsin.entries.register import Register
from tocsin.entries.statements import (
    Approve,
    Assert,
    Erase,
    MemberSaid,
    Opinion,
    Retract,
    Statement,
    Supersede,
    parse,
)
from tocsin.errors import Conflict, InvalidInput, Refused, TocsinError
from tocsin.operating.audiences import audience_of, may_read
from tocsin.operating.contents import Stored, join

_CONFLICTS = frozenset({"replayed", "gap", "exists", "twice", "no_request", "not_open"})
_REFUSED = frozenset(
    {
        "unknown_key",
        "revoked_key",
        "suspended",
        "not_permitted",
        "wrong_audience",
        "not_own",
        "own_item",
        "own_request",
        "roles_clash",
        "unapproved",
        "needed",
        "unfounded",
    }
)
"""What codes of a judgement mean for the one who submitted. All others: correct the statement."""


INCIDENTS_PER_DAY = 200
"""Entries about incidents that one member may make in a day. Each incident stays, with all its
words, in every register: a stolen key must not make them so large that nobody can write them."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """Where an entry stands in the log, and its leaf as it stands there."""

    index: int
    leaf: bytes


@dataclass(slots=True)
class Tally:
    """How much each member submitted on one day, UTC: entries of any kind, and some by theirs."""

    day: date = date.min
    entries: dict[str, int] = field(default_factory=dict)
    asserts: dict[str, int] = field(default_factory=dict)
    incidents: dict[str, int] = field(default_factory=dict)

    def at(self, day: date) -> "Tally":
        """Return a copy for a day, empty if that is another one."""
        if day != self.day:
            return Tally(day)
        return Tally(day, dict(self.entries), dict(self.asserts), dict(self.incidents))

    def add(self, member: str, type: int) -> None:
        """Count one entry."""
        self.entries[member] = self.entries.get(member, 0) + 1
        if type == EntryType.ASSERT:
            self.asserts[member] = self.asserts.get(member, 0) + 1
        if type == EntryType.INCIDENT:
            self.incidents[member] = self.incidents.get(member, 0) + 1


class Admission:
    """One batch. `register`, `rows` and `tally` are what will be once it is in the log."""

    def __init__(
        self,
        register: Register,
        find: Callable[[Sequence[bytes]], dict[bytes, Stored]],
        at_index: Callable[[int], Stored | None],
        *,
        tally: Tally,
        entries_per_day: int,
        at: datetime,
    ) -> None:
        self.old = register.size
        self.at = at
        self.register = draft_of(register)
        self.rows: list[Stored] = []
        self.tally = tally.at(at.date())
        self.erasures: list[int] = []
        self.governs = False
        self._fresh: dict[bytes, Stored] = {}
        self._entries_per_day = entries_per_day
        self._find = find
        self._at_index = at_index

    def admit(self, parcels: Sequence[Parcel], member: str) -> list[Admitted]:
        """Admit all entries of one call or none of them.

        Raises InvalidInput, Refused and Conflict with a stable `code`.
        """
        before = (self.register, len(self.rows), self.tally, len(self.erasures), self.governs)
        if len(parcels) > 1:
            self.register = draft_of(self.register)
            self.tally = self.tally.at(self.tally.day)
        try:
            known = self._known([one.envelope.commitment for one in parcels])
            return [
                self._again(known[one.envelope.commitment], member)
                if one.envelope.commitment in known
                else self._admit(one, member)
                for one in parcels
            ]
        except TocsinError:
            self.register, rows, self.tally, erasures, self.governs = before
            for row in self.rows[rows:]:
                del self._fresh[row.envelope.commitment]
            del self.rows[rows:], self.erasures[erasures:]
            raise

    def _known(self, commitments: Sequence[bytes]) -> dict[bytes, Stored]:
        """Find what is in the log, or in this batch, already."""
        found = {
            key: one for key, one in self._find(commitments).items() if one.position < self.old
        }
        return found | {one: self._fresh[one] for one in commitments if one in self._fresh}

    def _again(self, stored: Stored, member: str) -> Admitted:
        """Answer a repeated submission as the first one."""
        owner = self.register.issuer_of(stored.envelope)
        if owner is None or owner.id != member:
            raise Refused("this content was submitted by another member", code="not_own")
        return Admitted(stored.position, stored.leaf)

    def _admit(self, parcel: Parcel, member: str) -> Admitted:
        index = self.register.size
        envelope = parcel.envelope.received(self.at)
        if not envelope.opens(parcel.nonce, parcel.payload):
            raise InvalidInput("the leaf does not commit to this payload", code="not_opened")
        statement = _parse(parcel.payload)
        self._check_issuer(envelope, statement, member)
        judgement = judge(self.register, index, envelope, statement, self._lookup)
        if isinstance(judgement, Barred):
            raise _error(judgement)
        if judgement.issuer != member:
            raise Refused(f"this is an entry of {judgement.issuer}", code="not_own")
        self._check_audience(statement, member)
        self._check_share(member, envelope.type)
        audience = audience_of(statement, self.register)
        apply(self.register, index, envelope, statement, judgement)
        self._note(statement, envelope)
        self.tally.add(member, envelope.type)
        content = join(parcel.nonce, parcel.payload)
        row = Stored(index, envelope.encode(), audience, content)
        self.rows.append(row)
        self._fresh[envelope.commitment] = row
        return Admitted(index, row.leaf)

    def _check_issuer(self, envelope: Envelope, statement: Statement, member: str) -> None:
        """Refuse a key of somebody else, and a signature that does not verify."""
        owner = self.register.issuer_of(envelope)
        if owner is not None and owner.id != member:
            raise Refused(f"the entry names a key that is not {member}'s", code="not_own")
        public = self.register.public_key(envelope)
        if self.register.size == 0 and isinstance(statement, MemberSaid) and statement.key:
            public = bytes.fromhex(statement.key)
        if public is None:
            raise Refused("no member has this key", code="unknown_key")
        if not envelope.is_signed_by(public, self.register.origin):
            raise Refused("the signature of the entry does not verify", code="bad_signature")

    def _check_audience(self, statement: Statement, member: str) -> None:
        """What is said about an entry is for those who read that entry: nobody more, nobody less.

        Where the audience of an old entry was lost, its issuer must still be able to withdraw it.
        """
        if not isinstance(statement, Opinion | Retract | Supersede | Approve):
            return
        about = self._stored(statement.of)
        if about is None or about.audience is None:
            return
        reads = may_read(self.register, about.audience, member)
        if not reads or about.audience != statement.audience:
            raise Refused(
                f"what is said about entry {statement.of} has that entry's audience",
                code="wrong_audience",
            )

    def _check_share(self, member: str, type: int) -> None:
        most = self.register.rules.asserts_per_day
        if type == EntryType.ASSERT and self.tally.asserts.get(member, 0) >= most:
            raise Refused(f"{member} has asserted {most} items today", code="daily_cap")
        most = INCIDENTS_PER_DAY
        if type == EntryType.INCIDENT and self.tally.incidents.get(member, 0) >= most:
            raise Refused(f"{member} has spoken of incidents {most} times today", code="daily_cap")
        if self.tally.entries.get(member, 0) >= self._entries_per_day:
            raise Refused(
                f"{member} has made {self._entries_per_day} entries today", code="daily_cap"
            )

    def _note(self, statement: Statement, envelope: Envelope) -> None:
        if isinstance(statement, Erase):
            self.erasures.append(statement.of)
        content = isinstance(statement, Assert | Opinion | Retract | Supersede)
        self.governs = self.governs or not (content or envelope.type == EntryType.ERASED)

    def _lookup(self, index: int) -> Envelope | None:
        found = self._stored(index)
        return None if found is None else found.envelope

    def _stored(self, index: int) -> Stored | None:
        if index >= self.old:
            at = index - self.old
            return self.rows[at] if at < len(self.rows) else None
        return self._at_index(index)


def draft_of(register: Register) -> Register:
    """Return a copy that can be changed; what its tables hold never changes in place."""
    tables: dict[str, Any] = {
        one.name: copy(table)
        for one in fields(register)
        if isinstance(table := getattr(register, one.name), dict | set | list)
    }
    return replace(register, **tables)


def _parse(payload: bytes) -> Statement:
    try:
        return parse(payload)
    except InvalidInput as error:
        raise InvalidInput(str(error), advice=error.advice, code="malformed") from error


def _error(barred: Barred) -> TocsinError:
    if barred.code in _CONFLICTS:
        return Conflict(barred.reason, code=barred.code)
    kind = Refused if barred.code in _REFUSED else InvalidInput
    return kind(barred.reason, code=barred.code)
