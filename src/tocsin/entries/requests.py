"""Signed requests (RFC 9421): which key asks, that nothing was altered, and that it asks once.

A library signs and verifies. What it leaves to its user is here: exactly one signature, over
exactly these components, with exactly these parameters, fresh, and with a nonce that was not used
before. A signature covers the exchange's own address, so that no other exchange can hand it on.
Layout: docs/spec/exchange-record.md.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from http_message_signatures import (
    ContentDigest,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    InvalidSignature,
    VerifyResult,
    algorithms,
)

from tocsin.entries.envelope import key_id
from tocsin.errors import InvalidInput, Refused, TocsinError

TAG = "tocsin-exchange"
LABEL = "sig"
MAX_AGE = timedelta(seconds=300)
"""How far the time of a request may lie from the exchange's clock, on either side."""

COMPONENTS = ("@method", "@authority", "@target-uri")
BODY_COMPONENTS = (*COMPONENTS, "content-digest", "content-type")
"""What is signed; the second where there is a body."""

_PORTS = {"http": 80, "https": 443}
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
_PARAMETERS = {"created", "keyid", "alg", "nonce", "tag"}
_FIELDS = {"signature", "signature-input"}


class Unsigned(Refused):
    """The request does not show that a member makes it now. `code` says what is wrong.

    `unsigned`: no signature; `bad_signature`: it does not verify, or covers something else;
    `bad_digest`: the body is not the one that was signed; `stale_request`: the clocks differ too
    much; `replayed_request`: it was made before; `unknown_key`, `revoked_key`: nobody's key, or
    nobody's any longer.
    """

    advice = "Sign each request anew, with a member's key and a clock that is right."


class Nonces(Protocol):
    """The nonces that were used, shared by all processes of an exchange. Thread-safe."""

    def use(self, key: str, nonce: str, until: datetime) -> bool:
        """Take note of a nonce, to be kept until then; False if the key used it before."""


@dataclass(frozen=True, slots=True)
class Received:
    """The head of a request as it arrived. `headers`: all lines in order, values as Latin-1.

    `url` is the exchange's own address, with the path and query as they were received.
    """

    method: str
    url: str
    headers: Sequence[tuple[str, str]]

    @property
    def signed(self) -> bool:
        """Whether it claims to be signed. One that does must not be taken for a stranger's."""
        return any(name.lower() in _FIELDS for name, _ in self.headers)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request whose head is signed by the key of this id, in hex. The body is still to come."""

    key: str
    digest: str | None

    def check_body(self, body: bytes) -> None:
        """Refuse a body that is not the one that was signed. Raises Unsigned."""
        if self.digest is None and not body:
            return
        if self.digest is None:
            fault = f"with a body, the signature must cover {', '.join(BODY_COMPONENTS)}"
            raise Unsigned(fault, code="bad_signature")
        try:
            ContentDigest.verify(self.digest, body)
        except InvalidSignature as error:
            raise Unsigned(str(error)[:300], code="bad_digest") from error


def canonical_url(url: str) -> str:
    """Return the address of an exchange as both sides put it into signatures. Raises InvalidInput.

    Scheme and host in lower case, no port where it is the usual one, no slash at the end.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidInput(f"{url[:100]!r} is not the address of an exchange") from error
    host = parts.hostname or ""
    rest = parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in _PORTS or not host or not url.isascii() or rest:
        raise InvalidInput(f"{url[:100]!r} is not the address of an exchange")
    named = f"[{host}]" if ":" in host else host
    place = named if port in {None, _PORTS[parts.scheme]} else f"{named}:{port}"
    return f"{parts.scheme}://{place}{parts.path.rstrip('/')}"


def sign(
    method: str,
    url: str,
    *,
    key: Ed25519PrivateKey,
    at: datetime,
    nonce: str,
    body: bytes = b"",
    content_type: str = "application/json",
) -> dict[str, str]:
    """Return the headers that make a request the key's own: signature, and those of the body."""
    headers = {"content-type": content_type} if body else {}
    covered = (*COMPONENTS, "content-type") if body else COMPONENTS
    signer = HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=_Own(key))
    signer.sign(
        _Message(method, url, headers),
        key_id=key_id(key.public_key().public_bytes_raw()).hex(),
        created=at,
        nonce=nonce,
        label=LABEL,
        tag=TAG,
        covered_component_ids=covered,
        body=body or None,
    )
    return headers


def verify(
    request: Received, *, key_of: Callable[[str], bytes], nonces: Nonces, now: datetime
) -> Asked:
    """Verify the head of a request, before anything of its body is read.

    `key_of` gives the raw Ed25519 key of an id; what it raises is raised. Raises Unsigned, and
    whatever `nonces` raises.
    """
    if not request.signed:
        raise Unsigned("the request is not signed", code="unsigned")
    # 1. One signature, by a key that counts, over this very head, made just now.
    verifier = _Verifier(key_of, now)
    message = _Message(request.method, request.url, _Lines(request.headers))
    try:
        (found,) = verifier.verify(message, max_age=MAX_AGE)
    except InvalidSignature as error:
        if isinstance(error.__cause__, TocsinError):
            raise error.__cause__ from None
        # Of a signature that is simply false the library says nothing.
        told = str(error)[:300] or "the signature does not fit the request, its address included"
        raise Unsigned(told, code="bad_signature") from error
    # 2. It covers what it must, and says what it is for.
    fault = _fault(found)
    if fault:
        raise Unsigned(fault, code="bad_signature")
    # 3. Only then is the nonce spent: a forger must not use up a member's.
    key, made = str(found.parameters["keyid"]), int(found.parameters["created"])
    if not nonces.use(key, str(found.nonce), datetime.fromtimestamp(made, UTC) + MAX_AGE):
        raise Unsigned("this request was made before", code="replayed_request")
    return Asked(key, found.covered_components.get('"content-digest"'))


def _fault(found: VerifyResult) -> str:
    """Say what a signature covers too much or too little, or nothing."""
    covered = found.covered_components.keys() - {'"@signature-params"'}
    sets = [{f'"{one}"' for one in wanted} for wanted in (COMPONENTS, BODY_COMPONENTS)]
    if covered not in sets:
        return f"the signature must cover {', '.join(COMPONENTS)}, of a body also its fields"
    if found.parameters.keys() != _PARAMETERS or found.parameters["tag"] != TAG:
        return f"the signature must have created, keyid, alg, nonce, and the tag {TAG}"
    if not _NONCE.fullmatch(str(found.nonce)):
        return "the nonce must have 16 to 64 letters, digits, dashes or underscores"
    return ""


@dataclass(frozen=True, slots=True)
class _Message:
    """A request as the library takes it."""

    method: str
    url: str
    headers: "dict[str, str] | _Lines"


class _Lines:
    """Header lines of which one name may have several."""

    def __init__(self, lines: Sequence[tuple[str, str]]) -> None:
        self._lines = lines

    def items(self) -> Sequence[tuple[str, str]]:
        return self._lines


class _Own(HTTPSignatureKeyResolver):
    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    def resolve_private_key(self, key_id: str) -> Ed25519PrivateKey:
        return self._key


class _Input(Protocol):
    """The library's list of what a signature covers, with its parameters."""

    params: Mapping[str, object]


class _Verifier(HTTPMessageVerifier):
    """The library's verifier under a clock that is handed in."""

    def __init__(self, key_of: Callable[[str], bytes], now: datetime) -> None:
        super().__init__(signature_algorithm=algorithms.ED25519, key_resolver=_Members(key_of))
        self._now = now

    def validate_created_and_expires(
        self, sig_input: _Input, max_age: timedelta | None = None
    ) -> None:
        """Refuse what was not made just now. The library would ask the system's clock."""
        made = sig_input.params.get("created")
        if not isinstance(made, int):
            raise InvalidSignature("the signature does not say when it was made")
        if abs(made - self._now.timestamp()) > (max_age or MAX_AGE).total_seconds():
            raise Unsigned(
                f"the request was made at {made}, but here it is {self._now.timestamp():.0f} "
                "seconds since 1970",
                code="stale_request",
            )


class _Members(HTTPSignatureKeyResolver):
    def __init__(self, key_of: Callable[[str], bytes]) -> None:
        self._key_of = key_of

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey:
        return Ed25519PublicKey.from_public_bytes(self._key_of(key_id))
