"""The nouns of Tocsin: frozen values shared by every stage. No I/O; imports only `errors`.

One word per idea, the same in code, API, console and docs: see docs/glossary.md.
"""

import hashlib
from binascii import unhexlify
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tocsin.errors import InvalidInput

CODE_BYTES = 32
"""Every signal is matched as a code of 256 bits, whatever its type."""

PDQ_RADIUS = 31
"""Hamming radius within which two PDQ hashes match (PDQ paper, "matching threshold")."""

PDQ_QUALITY_FLOOR = 50
"""PDQ quality under which a hash says too little to match on, as in python-threatexchange."""

MAX_RADIUS = 64
"""The widest radius a list may ask for: a quarter of the bits, half-way to chance."""

Codes = NDArray[np.uint8]
"""An array of codes: shape (n, 32), dtype uint8."""


class SignalType(StrEnum):
    """How an item can be recognised."""

    PDQ = "pdq"
    SHA256 = "sha256"
    SHA1 = "sha1"
    MD5 = "md5"
    URL = "url"

    @property
    def perceptual(self) -> bool:
        """Whether signals of this type match within a radius rather than exactly."""
        return self is SignalType.PDQ


_VALUE_BYTES = {
    SignalType.PDQ: 32,
    SignalType.SHA256: 32,
    SignalType.SHA1: 20,
    SignalType.MD5: 16,
}


@dataclass(frozen=True, slots=True)
class Signal:
    """A fingerprint of an item that can be matched.

    `value` holds the raw bytes of a hash, or the canonical form of a link in UTF-8 (see
    `hashing/url.py`). `quality` is PDQ's own figure, 0 to 100, or None where the source gave none.
    """

    type: SignalType
    value: bytes
    quality: int | None = None

    @classmethod
    def parse(cls, type: SignalType, text: str, quality: int | None = None) -> "Signal":
        """Read the text form: hex in either case for hashes. Raises InvalidInput."""
        if quality is not None and not 0 <= quality <= 100:
            raise InvalidInput(f"quality must lie between 0 and 100, not {quality}")
        if type is SignalType.URL:
            if not text:
                raise InvalidInput("an empty link cannot be a signal")
            try:
                return cls(type, text.encode(), quality)
            except UnicodeEncodeError as error:
                raise InvalidInput("the link is not valid Unicode") from error
        size = _VALUE_BYTES[type]
        stripped = text.strip()
        if len(stripped) != 2 * size or not stripped.isascii():
            raise InvalidInput(f"a {type} hash has {2 * size} hex digits, not {len(stripped)}")
        try:
            # Not `bytes.fromhex`, which passes over blanks inside and so gives fewer bytes.
            return cls(type, unhexlify(stripped), quality)
        except ValueError as error:
            raise InvalidInput(f"{stripped[:80]!r} is not hexadecimal") from error

    @property
    def text(self) -> str:
        """The text form: lower-case hex, or the link."""
        return self.value.decode() if self.type is SignalType.URL else self.value.hex()

    @property
    def code(self) -> bytes:
        """The 32 bytes that are matched: hashes padded with zeros, links by their SHA-256."""
        if self.type is SignalType.URL:
            return hashlib.sha256(self.value).digest()
        return self.value.ljust(CODE_BYTES, b"\0")


class UploadKind(StrEnum):
    """What a platform asks about."""

    FILE = "file"
    LINK = "link"
    HASHES = "hashes"


@dataclass(frozen=True, slots=True)
class Upload:
    """What a platform asks us about.

    `id` is made by us, unguessable. `name` is the platform's own label (a path, an id), never
    stored after retention. `content` is the file's bytes, or the link in UTF-8; empty for `hashes`,
    whose `signals` are given. `territory` is an ISO 3166-1 alpha-2 code, or "" where unknown.
    `source` is the platform's own tag for where it came from (an account's pseudonym), or "": only
    counted, for the breaker, and never stored.
    """

    id: str
    kind: UploadKind
    name: str
    content: bytes = b""
    signals: tuple[Signal, ...] = ()
    territory: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Plane:
    """One picture out of a decoded file, upright.

    `pixels`: uint8, (height, width) luma, or (height, width, 3) RGB where the caller asked for
    exact pixels. `native_height` and `native_width` are the size in pixels that the file declares,
    in the same upright orientation; the pixels may have been decoded at a fraction of it. `name`
    says which picture: "image", or "first frame", "middle frame", "last frame"; pictures with
    transparency come twice, as "image on white" and "image on black".
    """

    name: str
    pixels: NDArray[np.uint8]
    native_height: int
    native_width: int


@dataclass(frozen=True, slots=True)
class Decoded:
    """A file that could be read: its format ("jpeg"), its frames, and the planes taken from it."""

    format: str
    frames: int
    planes: tuple[Plane, ...]


class Obstacle(StrEnum):
    """Why an upload could not be inspected. Stored: values may be added, never renamed."""

    EMPTY = "empty"
    UNKNOWN_FORMAT = "unknown_format"
    BROKEN = "broken"
    TOO_LARGE = "too_large"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_SLOW = "too_slow"
    TOO_MUCH_MEMORY = "too_much_memory"
    CRASHED = "crashed"
    NO_SANDBOX = "no_sandbox"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Undecodable:
    """A file that could not be read, with the reason and a sentence for a person."""

    obstacle: Obstacle
    detail: str


@dataclass(frozen=True, slots=True)
class View:
    """One reading of an upload that is matched, such as "file", "image 512 mirrored"."""

    name: str
    signal: Signal

    @property
    def type(self) -> SignalType:
        """How this view can be matched."""
        return self.signal.type

    @property
    def code(self) -> bytes:
        """The 32 bytes that are matched."""
        return self.signal.code

    @property
    def quality(self) -> int | None:
        """PDQ's quality, or None for other types."""
        return self.signal.quality


@dataclass(frozen=True, slots=True)
class SeenView:
    """A view of an upload of the past: what is kept of it. A link is kept as its code alone."""

    name: str
    type: SignalType
    code: bytes
    quality: int | None


@dataclass(frozen=True, slots=True)
class Hashed:
    """The views of an upload."""

    views: tuple[View, ...]


@dataclass(frozen=True, slots=True)
class Unhashable:
    """No view could be made, with the reason in words."""

    reason: str


class ListKind(StrEnum):
    """What a list is for."""

    BLOCK = "block"
    ALLOW = "allow"


class Verdict(StrEnum):
    """What policy says about an upload, weakest first; `not_inspectable` stands apart."""

    ALLOW = "allow"
    LIMIT = "limit"
    HOLD = "hold"
    REFUSE = "refuse"
    NOT_INSPECTABLE = "not_inspectable"

    @property
    def strength(self) -> int:
        """Order among verdicts: a stronger one overrides a weaker one."""
        return _STRENGTH[self]


_STRENGTH = {
    Verdict.ALLOW: 0,
    Verdict.NOT_INSPECTABLE: 1,
    Verdict.LIMIT: 2,
    Verdict.HOLD: 3,
    Verdict.REFUSE: 4,
}


class Stage(StrEnum):
    """How far an item of a block list may go on its own, weakest first.

    What a node's own operator adds is enforced at once; what came from others rises as
    `trust/stages.py` says. Stored: never renamed.
    """

    SHADOW = "shadow"
    """Counted, never acts."""

    ADVISORY = "advisory"
    """A match holds an upload for a person at most, whatever its list says."""

    ENFORCED = "enforced"
    """The list's rule counts in full."""

    @property
    def height(self) -> int:
        """Order among stages, from 0."""
        return _HEIGHT[self]


_HEIGHT = {Stage.SHADOW: 0, Stage.ADVISORY: 1, Stage.ENFORCED: 2}


@dataclass(frozen=True, slots=True)
class ListRule:
    """A list and the rule its hits fall under.

    `radius` is in bits and counts for perceptual signals. `verdict` is for perceptual hits,
    `exact_verdict` for hits on a file hash or link. `territories` holds ISO 3166-1 alpha-2 codes;
    none means everywhere. `sample_ratio` is the share of hits acted upon, 0.0 to 1.0 (a canary).
    `ttl_days` is how long an item counts that names no end of its own; 0 means without end, which
    only allow lists may have.
    """

    id: int
    name: str
    kind: ListKind
    radius: int
    quality_floor: int
    verdict: Verdict
    exact_verdict: Verdict
    labels: tuple[str, ...]
    territories: tuple[str, ...]
    sample_ratio: float
    reason: str
    enabled: bool
    ttl_days: float


@dataclass(frozen=True, slots=True)
class Item:
    """A known piece of content and its signals.

    `source_id` is the identifier its source gave it, or "". It counts from `active_from` (None: at
    once) to `expires_at` (None: without end, allow lists only), both aware UTC, while `enabled`.
    `issuer` is the member who asserted it, or "" for the node's own operator. An item that is
    `disputed` holds at most.
    """

    id: int
    list: str
    source_id: str
    labels: tuple[str, ...]
    note: str
    enabled: bool
    active_from: datetime | None
    expires_at: datetime | None
    created_at: datetime
    removed_at: datetime | None
    signals: tuple[Signal, ...]
    stage: Stage = Stage.ENFORCED
    disputed: bool = False
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """A view within the radius of a signal, with the distance in bits.

    `quality` is that of the view, or None where the signal type has none. `labels` are the item's
    own, then the list's. `expires_at` is aware UTC, or None for an item of an allow list.
    `revision` numbers the latest change of the signal. `stage`, `disputed` and `issuer` are those
    of the item at the moment of the answer.
    """

    signal: Signal
    signal_id: int
    item_id: int
    rule: ListRule
    distance: int
    view: str
    quality: int | None
    labels: tuple[str, ...]
    expires_at: datetime | None
    revision: int
    stage: Stage = Stage.ENFORCED
    disputed: bool = False
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a verdict is what it is: a stable code, a sentence for a person, and the list, if any."""

    code: str
    text: str
    list: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with its reasons, strongest first; `draw` is the canary draw that was used.

    `rests_on` are the ids of the items without which the verdict might be another, `in_shadow`
    those that would have counted were they not in shadow; each once, in order.
    """

    verdict: Verdict
    reasons: tuple[Reason, ...]
    draw: float
    rests_on: tuple[int, ...] = ()
    in_shadow: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Screening:
    """One upload's way down the road, as recorded.

    `revision` is the state of the lists that it was matched at; `format` that of the media, such
    as "jpeg", or "" where nothing was decoded.
    """

    id: str
    at: datetime
    upload: Upload
    views: tuple[View, ...]
    hits: tuple[Hit, ...]
    judgement: Judgement
    revision: int
    format: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """What a connector is asked to do about an upload.

    `body` is JSON. `id` stays the same over all attempts, so that a receiver can tell a repetition.
    """

    id: str
    upload_id: str
    connector: str
    body: dict[str, Any]
    attempts: int = 0
