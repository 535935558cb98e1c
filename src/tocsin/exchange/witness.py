"""The core of a witness (C2SP tlog-witness 1.0.0): cosigns what extends all it has seen.

No HTTP here: a request body goes in, an outcome with its status comes out. Trust: a witness can
refuse to sign and so keep a quorum from being reached; it cannot change a log, and holding its key
lets one cosign a fork only where the log's own key is in the same hands.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import ClassVar

from tocsin.exchange.advance import Advance, decode_advance
from tocsin.exchange.checkpoint import Checkpoint, SignedCheckpoint, open_checkpoint
from tocsin.exchange.errors import Absent, Forged, Malformed, Overtaken, Unverified
from tocsin.exchange.keys import Algorithm, PublicKey, SigningKey, Verifier
from tocsin.exchange.locking import Locks
from tocsin.exchange.merkle import EMPTY_ROOT, check_consistency
from tocsin.exchange.note import Note, open_note, sign_note


@dataclass(frozen=True, slots=True)
class Cosigned:
    """The checkpoint extends all that was seen: the cosignature lines, already on record."""

    status: ClassVar[int] = 200
    lines: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """The proof does not start where this witness is: at `size`, to be answered as its body.

    Also for another root at a size that was cosigned, which is evidence of a fork.
    """

    status: ClassVar[int] = 409
    content_type: ClassVar[str] = "text/x.tlog.size"
    size: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """Not cosigned: 400 malformed, 403 no trusted signature, 404 unknown log, 422 bad proof."""

    status: int
    reason: str


Outcome = Cosigned | Conflict | Rejected


class Witness:
    """A witness of the logs it was given keys for. Thread-safe.

    The record of a log is its latest checkpoint with the witness's own cosignature under it, as it
    is to be served at `monitoring_path`. It is durable before the cosignature is returned, and
    changed by compare-and-swap: of two requests at once, one gets 409.
    """

    def __init__(
        self,
        key: SigningKey,
        logs: Mapping[str, Sequence[PublicKey]],
        *,
        locks: Locks,
        clock: Callable[[], datetime],
    ) -> None:
        if key.verifier.algorithm is not Algorithm.COSIGNATURE:
            raise Malformed("a witness signs with a cosigner's key, of type 0x04")
        self._key = key
        self._logs = logs
        self._locks = locks
        self._clock = clock

    @property
    def verifier(self) -> PublicKey:
        """The public key of the cosignatures."""
        return self._key.verifier

    def latest(self, origin: str) -> bytes:
        """Return the latest cosigned checkpoint of a log. Raises Absent, Unavailable."""
        return self._locks.read(origin)

    def add_checkpoint(self, body: bytes) -> Outcome:
        """Answer one add-checkpoint request.

        Raises Unavailable, and Malformed or Unverified where the record itself was altered: then
        nothing is said.
        """
        # 1. The form, and which log it speaks of.
        try:
            advance = decode_advance(body)
            origin = Checkpoint.parse(Note.parse(advance.checkpoint).text).origin
        except Malformed as error:
            return Rejected(400, str(error))
        if origin not in self._logs:
            return Rejected(404, f"this witness does not know the log {origin}")
        # 2. The log's own signature.
        try:
            offered = open_checkpoint(advance.checkpoint, self._logs[origin])
        except Unverified as error:
            return Rejected(403, str(error))
        if advance.old_size > offered.checkpoint.size:
            return Rejected(400, "the old size is larger than that of the checkpoint")
        # 3. Where this witness is, and whether the checkpoint extends that.
        known = self._known(origin)
        conflict = _compare(advance, offered.checkpoint, known)
        if conflict is not None:
            return conflict
        # 4. Record first, then say.
        return self._record(origin, offered, known)

    def _known(self, origin: str) -> "_Known":
        try:
            note = self._locks.read(origin)
        except Absent:
            return _Known(Checkpoint(origin, 0, EMPTY_ROOT), None, None)
        signed = open_checkpoint(note, [*self._logs[origin], self.verifier])
        times = [one.at for one in signed.verified if one.key == self.verifier]
        return _Known(signed.checkpoint, note, times[0] if times else None)

    def _record(self, origin: str, offered: SignedCheckpoint, known: "_Known") -> Outcome:
        # A clock that was set back must not make this cosignature look older than the last one.
        at = max(self._clock(), known.at) if known.at else self._clock()
        text = offered.checkpoint.text
        cosigned = sign_note(text, [self._key], at).signatures
        # Only what was verified is kept: a stranger's lines are not ours to hand on.
        logs = tuple(one.signature for one in offered.verified)
        note = Note(text, (*logs, *cosigned)).encode()
        try:
            if known.note is None:
                self._locks.create(origin, note)
            else:
                self._locks.swap(origin, known.note, note)
        except Overtaken:
            return Conflict(self._known(origin).head.size)
        return Cosigned("".join(one.line for one in cosigned))


@dataclass(frozen=True, slots=True)
class _Known:
    """What is on record: None where the log was never cosigned."""

    head: Checkpoint
    note: bytes | None
    at: datetime | None


def monitoring_path(origin: str) -> str:
    """Return where a witness serves its latest checkpoint of a log, under its monitoring prefix."""
    return f"{sha256(origin.encode()).hexdigest()}/checkpoint"


def add_cosignatures(note: bytes, lines: str, witnesses: Iterable[Verifier]) -> bytes:
    """Return the note with the lines of a witness's answer that verify under a trusted key.

    For the one who asked: a line that does not verify would spoil the note for everybody. Raises
    Malformed, Forged, and Unverified if no trusted key has signed.
    """
    asked = Note.parse(note)
    _, verified = open_note(f"{asked.text}\n{lines}".encode(), witnesses)
    return asked.add(one.signature for one in verified).encode()


def _compare(advance: Advance, offered: Checkpoint, known: _Known) -> Outcome | None:
    """Return why the checkpoint cannot be cosigned, None if nothing stands against it."""
    old = known.head
    if advance.old_size != old.size:
        return Conflict(old.size)
    if offered.size == old.size and offered.root != old.root:
        return Conflict(old.size)
    try:
        check_consistency(old.size, old.root, offered.size, offered.root, advance.proof)
    except Forged as error:
        return Rejected(422, str(error))
    return None
