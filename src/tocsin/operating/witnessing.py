"""Asking one witness: for a cosignature, and for what it saw last (C2SP tlog-witness 1.0.0)."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx
import structlog

from tocsin.exchange.advance import encode_advance
from tocsin.exchange.checkpoint import SignedCheckpoint, open_checkpoint, parse_size
from tocsin.exchange.errors import ExchangeError, Refused, Unavailable
from tocsin.exchange.keys import PublicKey
from tocsin.exchange.tree import Tree
from tocsin.exchange.witness import monitoring_path

TIMEOUT_S = 5.0
_MAX_BODY_BYTES = 64 << 10
_TRIES = 2
_log = structlog.get_logger("tocsin.exchange")


@dataclass(frozen=True, slots=True)
class Address:
    """A witness, and where it is asked."""

    name: str
    key: PublicKey
    url: str


def addresses(policy: str) -> list[Address]:
    """Return the witnesses of a policy that have an address: the third word of their line."""
    lines = (line.split() for line in policy.splitlines())
    return [
        Address(words[1], PublicKey.parse(words[2]), words[3].rstrip("/"))
        for words in lines
        if len(words) == 4 and words[0] == "witness"
    ]


def new_client() -> httpx.Client:
    """Return a client for witnesses: their addresses are the operator's own choice."""
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
    return httpx.Client(
        timeout=TIMEOUT_S, follow_redirects=False, trust_env=False, cookies=no_cookies
    )


def latest_seen(
    client: httpx.Client, witnesses: Sequence[Address], log: PublicKey
) -> list[SignedCheckpoint]:
    """Ask all witnesses for their latest checkpoint of a log; those who do not answer are left out.

    A log that was restored from an old backup learns here that more of it was seen.
    """
    with ThreadPoolExecutor(len(witnesses), thread_name_prefix="witnesses") as pool:
        found = pool.map(lambda one: _latest_of(client, one, log), witnesses)
        return [one for one in found if one is not None]


def ask(
    client: httpx.Client, witness: Address, signed: SignedCheckpoint, tree: Tree, known: int
) -> str:
    """Ask for cosignatures of `signed`, the head of `tree`; return the lines, unverified.

    `known` is the size at which the witness is believed to be; it says so if it is elsewhere.
    Raises Refused (also where it has seen more than there is), Unavailable.
    """
    size = min(known, tree.size)
    for _ in range(_TRIES):
        advance = encode_advance(size, tree.consistency(size), signed.note)
        status, body = _post(client, witness, advance)
        if status == httpx.codes.OK:
            return body
        if status != httpx.codes.CONFLICT:
            raise Refused(f"the witness {witness.name} answered {status}: {body[:200]}")
        size = parse_size(body.strip())
        if size > tree.size:
            raise Refused(f"the witness {witness.name} has seen {size} entries of {tree.size}")
    raise Unavailable(f"the witness {witness.name} is asked by others at the same time")


def _post(client: httpx.Client, witness: Address, body: bytes) -> tuple[int, str]:
    try:
        url = f"{witness.url}/add-checkpoint"
        with client.stream("POST", url, content=body) as response:
            return response.status_code, _read(response).decode(errors="replace")
    except httpx.HTTPError as error:
        raise Unavailable(f"the witness {witness.name} does not answer: {error}") from error


def _latest_of(client: httpx.Client, witness: Address, log: PublicKey) -> SignedCheckpoint | None:
    try:
        url = f"{witness.url}/{monitoring_path(log.name)}"
        with client.stream("GET", url) as response:
            if response.status_code != httpx.codes.OK:
                return None
            return open_checkpoint(_read(response), [log])
    except (httpx.HTTPError, ExchangeError) as error:
        _log.warning("a witness could not be asked", witness=witness.name, reason=str(error))
        return None


def _read(response: httpx.Response) -> bytes:
    """Read a body, which from a witness is short. Raises Unavailable."""
    body = b""
    for part in response.iter_raw(4096):
        body += part
        if len(body) > _MAX_BODY_BYTES:
            raise Unavailable("the witness answers with more than there can be to say")
    return body
