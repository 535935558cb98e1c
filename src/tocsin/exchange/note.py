"""Signed notes: text with signatures under it (C2SP signed-note 1.0.0).

Parsing is strict: what does not encode to the same bytes again is refused, so that two readers
never see two meanings in one note.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from tocsin.exchange.errors import Malformed, Unverified
from tocsin.exchange.keys import (
    ID_BYTES,
    SigningKey,
    Verifier,
    check_name,
    decode_base64,
    encode_base64,
    table,
)

MAX_NOTE_BYTES = 1_000_000
"""As in x/mod's sumdb/note; 16 post-quantum signatures take 60,000."""

MAX_SIGNATURES = 100
"""As in x/mod's sumdb/note; the specification asks for at least 16."""

_PREFIX = "— "


@dataclass(frozen=True, slots=True)
class Signature:
    """One line under a note: who claims to have signed, and the bytes to check it by."""

    name: str
    key_id: bytes
    blob: bytes

    @classmethod
    def parse(cls, line: str) -> "Signature":
        """Read one line without its newline. Raises Malformed."""
        parts = line.removeprefix(_PREFIX).split(" ")
        if not line.startswith(_PREFIX) or len(parts) != 2:
            raise Malformed(f"{line[:80]!r} is not a signature line")
        check_name(parts[0])
        data = decode_base64(parts[1])
        if len(data) <= ID_BYTES:
            raise Malformed(f"the signature of {parts[0]!r} is too short")
        return cls(parts[0], data[:ID_BYTES], data[ID_BYTES:])

    @property
    def line(self) -> str:
        """The line with its newline."""
        return f"{_PREFIX}{self.name} {encode_base64(self.key_id + self.blob)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """Text that ends in a newline, and the signatures under it, none of them verified."""

    text: str
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, raw: bytes) -> "Note":
        """Read a note strictly. Raises Malformed."""
        if len(raw) > MAX_NOTE_BYTES:
            raise Malformed(f"a note may have {MAX_NOTE_BYTES} bytes, not {len(raw)}")
        try:
            decoded = raw.decode()
        except UnicodeDecodeError as error:
            raise Malformed("the note is not UTF-8") from error
        if any(c < " " for c in decoded.replace("\n", "")):
            raise Malformed("the note contains a control character")
        # The text may hold empty lines of its own: only the last one ends it.
        body, blank, under = decoded.rpartition("\n\n")
        if not blank or not under.endswith("\n"):
            raise Malformed("a note is text, an empty line and signature lines")
        lines = under[:-1].split("\n")
        if len(lines) > MAX_SIGNATURES:
            raise Malformed(f"a note may have {MAX_SIGNATURES} signatures, not {len(lines)}")
        note = cls(body + "\n", tuple(Signature.parse(line) for line in lines))
        if note.encode() != raw:
            raise Malformed("the note does not encode to the same bytes again")
        return note

    def encode(self) -> bytes:
        """Return the note's one and only byte form."""
        return f"{self.text}\n{''.join(one.line for one in self.signatures)}".encode()

    def add(self, signatures: Iterable[Signature]) -> "Note":
        """Return the note with more signatures under it; those it has already are not repeated."""
        fresh = (one for one in signatures if one not in self.signatures)
        return Note(self.text, (*self.signatures, *fresh))


@dataclass(frozen=True, slots=True)
class Verified:
    """A signature that was checked: its line, its key, and the time signed if its kind has one."""

    signature: Signature
    key: Verifier
    at: datetime | None


def open_note(raw: bytes, known: Iterable[Verifier]) -> tuple[Note, tuple[Verified, ...]]:
    """Parse `raw` and verify each signature of a known key; at least one is always returned.

    Raises Malformed; Forged if a known key's signature fails, whatever the others say; Unverified
    if no known key signed.
    """
    note = Note.parse(raw)
    keys = table(known)
    verified = []
    for signature in note.signatures:
        # Same name with another id, or the reverse, is an unknown key and must be ignored.
        key = keys.get((signature.name, signature.key_id))
        if key is not None:
            at = key.verify(note.text, signature.blob)
            verified.append(Verified(signature, key, at))
    if not verified:
        raise Unverified("none of the trusted keys has signed this note")
    return note, tuple(verified)


def sign_note(text: str, keys: Iterable[SigningKey], at: datetime) -> Note:
    """Sign `text`. Raises Malformed if it cannot be the text of a note."""
    signed = tuple(
        Signature(key.verifier.name, key.verifier.id, key.sign(text, at)) for key in keys
    )
    return Note.parse(Note(text, signed).encode())
