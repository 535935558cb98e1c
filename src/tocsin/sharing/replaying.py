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
from tocsin.entries.judging import Barred, Judgement, Lookup, judge
from tocsin.entries.register import Register
from tocsin.entries.statements import Statement
from tocsin.sharing.verifying import Finding, read

MAX_AHEAD = timedelta(minutes=5)
"""How far the exchange's clock may be before ours. Beyond it an entry comes from the future."""

SUSPICIOUS = frozenset(
    {
        "bad_signature",
        "unfounded",
        "unknown_key",
        "replayed",
        "gap",
        "withheld",
        "not_opening",
        "malformed",
    }
)
"""Faults that an honest exchange never lets into its log."""

FROM_THE_FUTURE = "from_the_future"

_FAULTS = {
    Finding.MALFORMED: "the leaf is malformed, or of a later version",
    Finding.UNKNOWN_KEY: "no member has this key",
    Finding.BAD_SIGNATURE: "the issuer's signature does not verify",
    Finding.NOT_OPENING: "the content is not the one that was committed to",
    Finding.UNREADABLE: "the content cannot be read",
}
_CONTENT = frozenset({EntryType.ASSERT, EntryType.OPINION, EntryType.SUPERSEDE})
_NOBODY = frozenset({"unknown_key", "unfounded"})


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
class Early(Fault):
    """An entry that may have its effect when it is read again, once our clock has come so far."""

    received_at: datetime


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
        if finding == Finding.MALFORMED:
            pass_over(register, index)
            yield Fault(index, "malformed", _FAULTS[Finding.MALFORMED])
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
    judgement = judge(register, index, envelope, statement, lookup)
    judgement = _found(envelope, Finding(finding), judgement, limit_ms)
    apply(register, index, envelope, statement, judgement)
    if isinstance(judgement, Barred):
        if judgement.code == FROM_THE_FUTURE:
            return Early(index, judgement.code, judgement.reason, envelope.received_at)
        return Fault(index, judgement.code, judgement.reason)
    return Told(index, judgement.issuer, envelope, statement)


def _found(envelope: Envelope, finding: Finding, judgement: Judgement, limit_ms: int) -> Judgement:
    """Add what an entry shows by itself to what the register says of it.

    What its leaf decides comes first. So readers of different contents agree on whose chain goes
    on, and a key that was revoked moves none. A content that is not the one committed to is as good
    as none: who is given a wrong one for a revocation must not take it for one without effect.
    """
    code = judgement.code if isinstance(judgement, Barred) else ""
    if code in _NOBODY:
        return judgement
    unfit = finding in {Finding.NOT_OPENING, Finding.UNREADABLE} and not code
    missing = finding is Finding.UNREADABLE and code == "withheld"
    if finding is Finding.BAD_SIGNATURE or unfit or missing:
        return Barred(finding.name.lower(), _FAULTS[finding])
    # Our clock must not decide on the register, or two nodes would never agree again.
    if not code and envelope.received_ms > limit_ms and envelope.type in _CONTENT:
        return Barred(FROM_THE_FUTURE, "it was received at a time that has not come yet")
    return judgement
