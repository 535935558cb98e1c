"""What comes in and goes out as JSON. A field that is not known is refused."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from tocsin.entries.canonical import MAX_INTEGER, MAX_PAYLOAD_BYTES
from tocsin.entries.envelope import ENVELOPE_BYTES, NONCE_BYTES, Envelope, Parcel
from tocsin.entries.statements import Hex
from tocsin.exchange.errors import Malformed
from tocsin.exchange.keys import decode_base64, encode_base64
from tocsin.operating.admission import Admitted
from tocsin.web.faults import Out

MAX_ENTRIES = 4096
"""Entries of one submission, at most; the exchange's own settings may say less."""


def _decoded(text: object) -> bytes:
    try:
        return decode_base64(text if isinstance(text, str) else "?")
    except Malformed as error:
        raise ValueError("this is not base64 in its standard form") from error


def _chars(size: int) -> int:
    return -(-size // 3) * 4


def _schema(least: int, most: int) -> dict[str, Any]:
    return {
        "type": "string",
        "contentEncoding": "base64",
        "pattern": "^[A-Za-z0-9+/]*={0,2}$",
        "minLength": _chars(least),
        "maxLength": _chars(most),
    }


_DECODE = BeforeValidator(_decoded)
_LEAF = WithJsonSchema(_schema(ENVELOPE_BYTES, ENVELOPE_BYTES))

Leaf = Annotated[
    bytes,
    Field(min_length=ENVELOPE_BYTES, max_length=ENVELOPE_BYTES),
    _DECODE,
    _LEAF,
]
Nonce = Annotated[
    bytes,
    Field(min_length=NONCE_BYTES, max_length=NONCE_BYTES),
    _DECODE,
    WithJsonSchema(_schema(NONCE_BYTES, NONCE_BYTES)),
]
Payload = Annotated[
    bytes,
    Field(min_length=2, max_length=MAX_PAYLOAD_BYTES),
    _DECODE,
    WithJsonSchema(_schema(2, MAX_PAYLOAD_BYTES)),
]
"""Bytes that come in as standard base64."""

LeafOut = Annotated[str, _LEAF]

Index = Annotated[int, Field(ge=0, le=MAX_INTEGER)]


class In(BaseModel):
    """Whatever comes in."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class EntryIn(In):
    """An entry with its content."""

    leaf: Leaf
    nonce: Nonce
    payload: Payload

    def parcel(self) -> Parcel:
        """Return it as members and exchange hold it. Raises InvalidInput."""
        return Parcel(Envelope.parse(self.leaf), self.nonce, self.payload)


class Submission(In):
    """Entries to be admitted together, in their order: all of them, or none."""

    entries: Annotated[list[EntryIn], Field(min_length=1, max_length=MAX_ENTRIES)]


class AdmittedOut(Out):
    """Where an entry stands in the log, and its leaf with the time of its arrival."""

    index: Index
    leaf: LeafOut

    @classmethod
    def of(cls, admitted: Admitted) -> "AdmittedOut":
        """Show where an entry stands."""
        return cls(index=admitted.index, leaf=encode_base64(admitted.leaf))


class AdmittedAll(Out):
    """The entries of a submission, in its order. They are in the log for good."""

    entries: list[AdmittedOut]


class PositionOut(Out):
    """Where a member's chain stands: the number of its latest entry, and its digest in hex."""

    sequence: Index
    digest: Hex


class JoinIn(In):
    """An invitation's token, and the raw Ed25519 key, in hex, which the request is signed with."""

    token: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]
    key: Hex


class JoinedOut(Out):
    """The entry by which the member joined."""

    index: Index


class AboutOut(Out):
    """Which exchange this is. Nothing of it is to be believed but the size: pin the key instead."""

    origin: str
    url: str
    key: str
    witnesses: list[str]
    size: Index


class Alive(Out):
    """The process answers."""

    status: str


class ReadyOut(Out):
    """The exchange admits entries and shows a log of this size."""

    status: str
    size: Index
