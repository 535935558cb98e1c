"""Entries in their order: judged against the register, and noted in it. Pure but for `Lookup`.

Exchange, follower and auditor come to the same register, because all of them go through this:
what is not signed is passed over; what is signed takes its place in its issuer's chain, and has an
effect if it may.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from tocsin.entries.applying import apply, pass_over
from tocsin.entries.envelope import EntryType, Envelope
from tocsin.entries.judging import Barred, Lookup, judge
from tocsin.entries.register import Register
from tocsin.entries.statements import Statement
from tocsin.sharing.verifying import Finding, read

MAX_AHEAD = timedelta(minutes=5)
"""How far the exchange's clock may be before ours. Beyond it an entry comes from the future."""

PUBLIC_ONLY = frozenset({EntryType.MEMBER, EntryType.KEY, EntryType.RULE, EntryType.ERASE})
"""Types whose content everybody reads and nobody erases: without it the rest cannot be judged."""

SUSPICIOUS = frozenset({"bad_signature", "unknown_key", "replayed", "gap", "withheld", "malformed"})
"""Faults that an honest exchange never lets into its log."""

_FAULTS = {
    Finding.MALFORMED: "the leaf is malformed, or of a later version",
    Finding.UNKNOWN_KEY: "no member has this key",
    Finding.BAD_SIGNATURE: "the issuer's signature does not verify",
    Finding.NOT_OPENING: "the content is not the one that was committed to",
    Finding.UNREADABLE: "the content cannot be read",
}
_CONTENT = frozenset({EntryType.ASSERT, EntryType.OPINION, EntryType.SUPERSEDE})
_UNSIGNED = frozenset({Finding.MALFORMED, Finding.UNKNOWN_KEY, Finding.BAD_SIGNATURE})


@dataclass(frozen=True, slots=True)
class Fault:
    """Why the entry at `index` has no effect: a stable code, and a sentence for a person."""

    index: int
    code: str
    reason: str

    @property
    def suspicious(self) -> bool:
        """Whether the exchange must answer for it."""
        return self.code in SUSPICIOUS


@dataclass(frozen=True, slots=True)
class Told:
    """An entry that counts: who says what. `statement` None: not ours to read, or erased."""

    index: int
    issuer: str
    envelope: Envelope
    statement: Statement | None


Outcome = Told | Fault


@dataclass(frozen=True, slots=True)
class Checked:
    """Entries from index `start` on, each with its `Finding`."""

    start: int
    leaves: Sequence[bytes]
    contents: Sequence[bytes]
    findings: bytes

    @property
    def end(self) -> int:
        """The index after the last."""
        return self.start + len(self.leaves)


def joined(pages: Iterator[Checked], count: int) -> Iterator[Checked]:
    """Join so many pages into one each; the last may hold less."""
    while some := list(islice(pages, count)):
        leaves = [leaf for one in some for leaf in one.leaves]
        contents = [content for one in some for content in one.contents]
        findings = b"".join(one.findings for one in some)
        yield Checked(some[0].start, leaves, contents, findings)


def replay(
    register: Register, checked: Checked, lookup: Lookup, now: datetime
) -> Iterator[Outcome]:
    """Judge entries and note them in the register, one by one as the outcomes are asked for.

    `lookup` must know the entries that were asked for already.
    """
    limit_ms = int((now + MAX_AHEAD).timestamp() * 1000)
    rows = zip(checked.leaves, checked.contents, checked.findings, strict=True)
    for index, (leaf, content, finding) in enumerate(rows, start=checked.start):
        if finding in _UNSIGNED:
            pass_over(register, index)
            found = Finding(finding)
            yield Fault(index, found.name.lower(), _FAULTS[found])
        else:
            yield _take(register, index, Envelope.parse(leaf), content, finding, lookup, limit_ms)


def _take(
    register: Register,
    index: int,
    envelope: Envelope,
    content: bytes,
    finding: int,
    lookup: Lookup,
    limit_ms: int,
) -> Outcome:
    statement = read(content) if finding == Finding.GOOD else None
    fault = _fault(envelope, finding, limit_ms)
    judgement = fault or judge(register, index, envelope, statement, lookup)
    apply(register, index, envelope, statement, judgement)
    if isinstance(judgement, Barred):
        return Fault(index, judgement.code, judgement.reason)
    return Told(index, judgement.issuer, envelope, statement)


def _fault(envelope: Envelope, finding: int, limit_ms: int) -> Barred | None:
    """Say why a signed entry cannot count, whoever signed it."""
    # Our clock must not decide on the register, or two nodes would never agree again.
    if envelope.received_ms > limit_ms and envelope.type in _CONTENT:
        return Barred("from_the_future", "it was received at a time that has not come yet")
    if finding == Finding.CLOSED:
        withheld = envelope.type in PUBLIC_ONLY
        return Barred("withheld", "everybody's to read, but it was not given") if withheld else None
    if finding != Finding.GOOD:
        found = Finding(finding)
        return Barred(found.name.lower(), _FAULTS[found])
    return None
