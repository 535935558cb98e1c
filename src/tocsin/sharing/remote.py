"""An exchange over the network, as its members see it. Nothing that it says is trusted here.

What comes back is only brought into form; whoever asked verifies it against the log. Answers are
cut off at the size that they can have, and none is waited for without end.
"""

import base64
import json
import secrets
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tocsin.entries.canonical import MAX_PAYLOAD_BYTES
from tocsin.entries.envelope import NONCE_BYTES, Parcel, Position
from tocsin.entries.requests import canonical_url, sign
from tocsin.errors import Damaged, InvalidInput, TocsinError, Unavailable, UnsafeAddress
from tocsin.exchange.bundles import decode_bundle
from tocsin.exchange.errors import Malformed
from tocsin.exchange.fetching import HttpFetch
from tocsin.exchange.note import MAX_NOTE_BYTES
from tocsin.exchange.proof import MAX_PROOF_BYTES
from tocsin.exchange.tiles import BUNDLE, Tile
from tocsin.safehttp import Resolver, SafeTransport, look_up
from tocsin.sharing.answers import (
    About,
    AboutIn,
    AdmittedIn,
    JoinedIn,
    PositionIn,
    Ring,
    check_same,
    limited,
    plain,
    problem_of,
    read,
    ring_of,
)
from tocsin.sharing.events import events

CONNECT_S = 5.0
ANSWER_S = 20.0
SILENCE_S = 30.0
"""How long the bell may be silent, which beats every 10 s, before the line counts as dead."""

MAX_ANSWER_BYTES = 4 << 20

_STALE = "stale_request"
_NONCE_BYTES = 18
_NO_COOKIES = DefaultCookiePolicy(allowed_domains=())
"""Kept, they would fill the memory without end; and one that is not ASCII could never be sent."""


def _now() -> datetime:
    return datetime.now(UTC)


def _nothing() -> None:
    pass


class Remote:
    """One exchange. Thread-safe.

    `key` signs requests; without one, only what is public is answered. `local` permits private and
    loopback addresses and plain http, for an address that the operator wrote down. Raises errors of
    `tocsin.errors` with the exchange's `code`, and Unavailable, UnsafeAddress; `get` raises those
    of the log, as `Fetch` does.
    """

    def __init__(
        self,
        url: str,
        key: Ed25519PrivateKey | None = None,
        *,
        local: bool = False,
        clock: Callable[[], datetime] = _now,
        resolve: Resolver = look_up,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.url = canonical_url(url)
        if not local and not self.url.startswith("https://"):
            raise UnsafeAddress(
                "an exchange is reached by https",
                advice="For trials on one machine turn the setting `exchange_local` on.",
            )
        self._key = key
        self._clock = clock
        # How far the exchange's clock is ahead of ours; changed as a whole, by any thread.
        self._ahead = timedelta(0)
        self._client = httpx.Client(
            transport=SafeTransport(local=local, resolve=resolve, tls=tls),
            timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S),
            headers={"User-Agent": "tocsin", "Accept-Encoding": "identity"},
            trust_env=False,
            cookies=CookieJar(_NO_COOKIES),
        )
        self._objects = HttpFetch(self._client, self.url)
        self._lock = threading.Lock()
        # Owned by _lock: how to end each line that is open, and whether all were ended.
        self._lines: set[Callable[[], None]] = set()
        self._closed = False

    def get(self, path: str) -> bytes:
        """Return a published object of the log; see `exchange.tree.Fetch`."""
        return self._objects.get(path)

    def cosigned(self) -> bytes:
        """Return the latest checkpoint that the witnesses cosigned."""
        return self._ask("GET", "/cosigned", limit=MAX_NOTE_BYTES)

    def proof(self, index: int) -> bytes:
        """Return the receipt of an entry."""
        return self._ask("GET", f"/v1/proof/{index}", limit=MAX_PROOF_BYTES)

    def payloads(self, index: int, width: int) -> list[bytes]:
        """Return a bundle of contents: nonce and payload each, b"" where erased or not ours."""
        named = Tile(BUNDLE, index, width).path.removeprefix("tile/entries/")
        limit = width * (2 + NONCE_BYTES + MAX_PAYLOAD_BYTES)
        data = self._ask("GET", f"/payload/{named}", limit=limit)
        try:
            return decode_bundle(data, width)
        except Malformed as error:
            raise Damaged(f"the exchange's contents {named}: {error}") from error

    def position(self) -> Position:
        """Return where our own chain of entries stands."""
        found = read(PositionIn, self._ask("GET", "/v1/position"))
        return Position(found.sequence, bytes.fromhex(found.digest))

    def submit(self, parcels: Sequence[Parcel]) -> list[int]:
        """Have entries admitted, all or none, and return their indices: they are in for good.

        After Unavailable they may or may not be: the same ones can be submitted again.
        """
        rows = [
            {
                "leaf": _base64(one.envelope.encode()),
                "nonce": _base64(one.nonce),
                "payload": _base64(one.payload),
            }
            for one in parcels
        ]
        answer = read(AdmittedIn, self._ask("POST", "/v1/entries", {"entries": rows}))
        if len(answer.entries) != len(parcels):
            raise Damaged("the exchange answers for another number of entries than it was sent")
        for one, parcel in zip(answer.entries, parcels, strict=True):
            check_same(one.leaf, parcel.envelope)
        return [one.index for one in answer.entries]

    def join(self, token: str) -> int:
        """Become a member with our key, by an invitation; return the index of the entry."""
        if self._key is None:
            raise InvalidInput("joining takes a key of one's own")
        public = self._key.public_key().public_bytes_raw().hex()
        answer = self._ask("POST", "/v1/join", {"token": token, "key": public})
        return read(JoinedIn, answer).index

    def about(self) -> About:
        """Return what the exchange says of itself."""
        found = read(AboutIn, self._ask("GET", "/v1/about"))
        return About(found.origin, found.url, found.key, tuple(found.witnesses), found.size)

    def rings(
        self, since: int, stop: threading.Event, heard: Callable[[], None] = _nothing
    ) -> Iterator[Ring]:
        """Yield each ring of the bell, the first at once if the log is not of size `since`.

        `heard` is called at every sign of life. Ends when `stop` is set, noticed at the next sign
        of life, or at once with `close`; raises Unavailable when the line breaks.
        """
        path = f"/v1/bell?since={since}"
        timeout = httpx.Timeout(ANSWER_S, connect=CONNECT_S, read=SILENCE_S)
        try:
            with self._asked("GET", path, timeout=timeout) as response, self._line(response):
                for event in events(response.iter_raw()):
                    if stop.is_set() or self._closed:
                        return
                    heard()
                    if event.name == "ring":
                        yield ring_of(event.data)
            raise Unavailable("the exchange ended the line")
        except Unavailable:
            if not (stop.is_set() or self._closed):
                raise

    def close(self) -> None:
        """End what is under way and let go of all connections. May be called twice."""
        with self._lock:
            self._closed = True
            lines = list(self._lines)
        for end in lines:
            end()
        self._client.close()

    def _ask(
        self,
        method: str,
        path: str,
        content: object = None,
        *,
        limit: int = MAX_ANSWER_BYTES,
    ) -> bytes:
        body = b"" if content is None else json.dumps(content).encode()
        with self._asked(method, path, body) as response:
            return limited(response, limit)

    @contextmanager
    def _asked(
        self, method: str, path: str, body: bytes = b"", timeout: httpx.Timeout | None = None
    ) -> Iterator[httpx.Response]:
        """Send a signed request and give the answer, of which the body was not read yet."""
        with self._translated(), ExitStack() as stack:
            for last in (False, True):
                response = stack.enter_context(self._send(method, path, body, timeout))
                if response.is_success:
                    break
                problem = problem_of(response)
                if last or not self._set_clock(problem, response):
                    raise problem
            yield response

    def _send(
        self, method: str, path: str, body: bytes, timeout: httpx.Timeout | None
    ) -> AbstractContextManager[httpx.Response]:
        url = self.url + path
        headers = {}
        if self._key is not None:
            at, nonce = self._clock() + self._ahead, secrets.token_urlsafe(_NONCE_BYTES)
            headers = sign(method, url, key=self._key, at=at, nonce=nonce, body=body)
        return self._client.stream(
            method,
            url,
            headers=headers,
            content=body or None,
            timeout=timeout or self._client.timeout,
        )

    def _set_clock(self, problem: TocsinError, answer: httpx.Response) -> bool:
        """Go by the exchange's clock where ours is wrong: it is the one that judges. True if so.

        Nothing is lost by believing it: what we sign for it is good at this exchange alone.
        """
        if problem.code != _STALE:
            return False
        try:
            theirs = parsedate_to_datetime(answer.headers.get("Date", ""))
            if theirs.tzinfo is None:
                return False
            # By UTC: a zone may lead beyond the year 9999, where nothing could be signed any more.
            ahead = theirs.astimezone(UTC) - self._clock()
        except (ValueError, OverflowError):
            return False
        self._ahead = ahead
        return True

    @contextmanager
    def _line(self, response: httpx.Response) -> Iterator[None]:
        """Let `close` end a stream on which another thread waits."""
        line = response.extensions["network_stream"].get_extra_info("socket")

        def end() -> None:
            with suppress(OSError):  # It is gone already.
                # That of the plain socket: TLS would wait for the other side to say goodbye.
                socket.socket.shutdown(line, socket.SHUT_RDWR)

        with self._lock:
            self._lines.add(end)
        try:
            if self._closed:
                end()
            yield
        finally:
            with self._lock:
                self._lines.discard(end)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise Unavailable(f"{self.url} did not answer: {plain(str(error))}") from error
        except RuntimeError as error:
            if not self._client.is_closed:
                raise
            raise Unavailable(f"the connection to {self.url} was closed") from error


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
