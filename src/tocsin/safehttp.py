"""The only way out to the network: an address is checked when the socket opens, not before.

Whoever may name an address could otherwise make this node talk to its own neighbours (server-side
request forgery). A host name is looked up once, every address found must be public, and the socket
goes to one of those very addresses, so a name that changes its answer in between gains nothing.

This stands on httpcore, the engine of httpx: httpx does not let one choose the socket, and undoes
compression without bound, so that a few kilobytes of gzip could fill the memory.
"""

import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import ada_url
import httpcore
import httpx

from tocsin.errors import TooLarge, Unavailable, UnsafeAddress

MAX_REDIRECTS = 3
MAX_URL_CHARS = 8192
CONNECT_TIMEOUT_S = 5.0
"""Longest wait for one of a host's addresses, so that a dead one leaves time for the next."""

KEEP_ALIVE_S = 60.0
"""How long an open connection waits for its next request; servers wait a little longer."""

_PIECE_BYTES = 64 * 1024
_WRITE_BYTES = 4 * 1024  # Small enough that the deadline is looked at between two writes.
_PORTS = {"http:": 80, "https:": 443}

# IANA's special-purpose registries, by hand: `ipaddress.is_global` calls multicast and some tunnels
# global, and its answer changes with the version of Python.
_SPECIAL_IPV4 = tuple(
    ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.52.193.0/24", "192.88.99.0/24"),
        *("192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
        "168.63.129.16/32",  # looks public, yet is the metadata service of one cloud
    )
)
_GLOBAL_IPV6 = ip_network("2000::/3")
# Tunnels (Teredo in 2001::/23, 6to4 in 2002::/16) carry an IPv4 address that nobody checked.
_SPECIAL_IPV6 = tuple(
    ip_network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
_NAT64 = ip_network("64:ff9b::/96")
# What `local` adds. Link-local stays out: that is where clouds keep their secrets.
_LOCAL = tuple(
    ip_network(text)
    for text in (
        *("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
        *("::1/128", "fc00::/7"),
    )
)

Resolver = Callable[[str, int], Sequence[str]]
"""Host and port to addresses in text, best first. Raises OSError or UnicodeError."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the address that answered in the end, its status, the inflated body."""

    url: str
    status: int
    body: bytes


def look_up(host: str, port: int) -> Sequence[str]:
    """Ask the system for a host's addresses."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


def is_public(text: str) -> bool:
    """Whether an address is global unicast, looking through the forms that carry another one."""
    address = _plain(ip_address(text))
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_IPV4)
    return address in _GLOBAL_IPV6 and not any(address in network for network in _SPECIAL_IPV6)


def is_local(text: str) -> bool:
    """Whether an address belongs to this machine or its private network, link-local ones aside."""
    address = _plain(ip_address(text))
    return any(address in network for network in _LOCAL)


class SafeClient:
    """Fetches and posts, with nothing kept between two calls: no cookies, no open connections.

    `local` also permits private and loopback addresses, `any_port` other ports than 80 and 443:
    both are for addresses that the operator wrote down, never for those of an upload. Proxies
    named by the environment are not used. Thread-safe.
    """

    def __init__(
        self,
        *,
        local: bool = False,
        any_port: bool = False,
        resolve: Resolver = look_up,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._addresses = _Addresses(resolve, local=local)
        self._any_port = any_port
        self._tls = ssl.create_default_context() if tls is None else tls

    def get(self, url: str, *, limit_bytes: int, timeout_s: float = 20.0) -> Answer:
        """Fetch an address, following a few redirects, each checked like the first.

        `timeout_s` spans all of it, looking up and redirects included. Raises UnsafeAddress,
        Unavailable, and TooLarge for a body above `limit_bytes` after inflating.
        """
        deadline = time.monotonic() + timeout_s
        headers = {"Accept": "*/*", "Accept-Encoding": "gzip"}
        for _ in range(MAX_REDIRECTS + 1):
            with self._exchange("GET", url, headers, deadline) as response:
                location = _header(response, b"location")
                if not location or not 300 <= response.status < 400:
                    return Answer(url, response.status, _body(response, limit_bytes))
            try:
                url = ada_url.join_url(url, location)
            except ValueError as error:
                raise UnsafeAddress("the address redirects to what is not one") from error
        raise Unavailable(f"the address redirects more than {MAX_REDIRECTS} times")

    def post(
        self, url: str, *, content: bytes, headers: Mapping[str, str], timeout_s: float = 20.0
    ) -> int:
        """Post once and return the status. Redirects are not followed, the answer is not read.

        Raises UnsafeAddress, Unavailable.
        """
        deadline = time.monotonic() + timeout_s
        with self._exchange("POST", url, headers, deadline, content) as response:
            return response.status

    @contextmanager
    def _exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        deadline: float,
        content: bytes | None = None,
    ) -> Iterator[httpcore.Response]:
        target, host = self._checked(url)
        door = _Door(self._addresses, deadline)
        try:
            with (
                httpcore.ConnectionPool(ssl_context=self._tls, network_backend=door) as pool,
                pool.stream(
                    method,
                    target,
                    headers=[("Host", host), ("User-Agent", "tocsin"), *headers.items()],
                    content=content,
                ) as response,
            ):
                yield response
        except httpcore.TimeoutException as error:
            raise Unavailable(f"{host} did not answer in time") from error
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise Unavailable(f"{host} did not answer properly: {error}") from error

    def _checked(self, url: str) -> tuple[httpcore.URL, str]:
        """Parse as browsers do, so that every spelling of an address is seen for what it is."""
        try:
            parsed = ada_url.URL(url if len(url) <= MAX_URL_CHARS else "")
        except (ValueError, UnicodeError) as error:
            raise UnsafeAddress("this is not an http or https address") from error
        if parsed.protocol not in _PORTS:
            raise UnsafeAddress(f"{parsed.protocol[:20]} is neither http nor https")
        if parsed.username or parsed.password:
            raise UnsafeAddress("an address with a user name or a password is not used")
        port = int(parsed.port) if parsed.port else _PORTS[parsed.protocol]
        if not self._any_port and port not in _PORTS.values():
            raise UnsafeAddress(f"port {port} is neither 80 nor 443")
        target = httpcore.URL(
            scheme=parsed.protocol[:-1].encode(),
            host=parsed.hostname.strip("[]").encode(),
            port=port,
            target=(parsed.pathname + parsed.search).encode(),
        )
        return target, parsed.host


class SafeTransport(httpx.HTTPTransport):
    """For a client of httpx that asks one server often and keeps its connections open.

    Addresses are checked as `SafeClient` does; any port is used. Timeouts, and how much of an
    answer is read, are for whoever owns the client. Raises UnsafeAddress beside httpx's errors.
    """

    def __init__(
        self,
        *,
        local: bool = False,
        resolve: Resolver = look_up,
        tls: ssl.SSLContext | None = None,
        connections: int = 16,
    ) -> None:
        context = ssl.create_default_context() if tls is None else tls
        super().__init__(verify=context, trust_env=False)
        # httpx does not let one choose the socket; the pool it would use is made here instead.
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=KEEP_ALIVE_S,
            network_backend=_Gate(_Addresses(resolve, local=local)),
        )


class _Addresses:
    """Finds the addresses of a host that may be connected to."""

    def __init__(self, resolve: Resolver, *, local: bool) -> None:
        self._resolve = resolve
        self._local = local

    def __call__(self, host: str, port: int, deadline: float) -> Sequence[str]:
        """Look a host up within the time that is left; refuse it if any address is not public."""
        answer: Future[Sequence[str]] = Future()

        def ask() -> None:
            try:
                answer.set_result(self._resolve(host, port))
            except Exception as error:  # noqa: BLE001 - handed to the one who waits
                answer.set_exception(error)

        # A look-up cannot be broken off, so it gets a thread that may outlive this call.
        threading.Thread(target=ask, name="look-up", daemon=True).start()
        try:
            found = answer.result(max(0.0, deadline - time.monotonic()))
        except TimeoutError as error:
            raise Unavailable(f"looking up {host} took too long") from error
        except (OSError, UnicodeError) as error:
            raise Unavailable(f"{host} cannot be looked up: {error}") from error
        if not found:
            raise Unavailable(f"{host} has no address")
        for address in found:
            if not (is_public(address) or (self._local and is_local(address))):
                raise UnsafeAddress(f"{host} leads to {address}, which is not a public address")
        return found


class _Door(httpcore.NetworkBackend):
    """Opens sockets to checked addresses only. Host header and TLS name stay those of the host."""

    def __init__(self, addresses: _Addresses, deadline: float) -> None:
        self._addresses = addresses
        self._deadline = deadline
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in self._addresses(host, port, self._deadline):
            left = min(CONNECT_TIMEOUT_S, _left(self._deadline, httpcore.ConnectTimeout))
            try:
                return _TimedStream(self._plain.connect_tcp(address, port, left), self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


class _Gate(httpcore.SyncBackend):
    """Opens sockets to checked addresses only, each under the timeout of its own."""

    def __init__(self, addresses: _Addresses) -> None:
        self._addresses = addresses

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left = CONNECT_TIMEOUT_S if timeout is None else timeout
        try:
            found = self._addresses(host, port, time.monotonic() + left)
        except Unavailable as error:
            raise httpcore.ConnectError(str(error)) from error
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in found:
            try:
                return super().connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


class _TimedStream(httpcore.NetworkStream):
    """A socket under one deadline: a sender that drips bytes cannot hold it beyond."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: float) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(self._deadline, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _WRITE_BYTES):
            left = _left(self._deadline, httpcore.WriteTimeout)
            self._inner.write(buffer[start : start + _WRITE_BYTES], left)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(self._deadline, httpcore.ConnectTimeout)
        return _TimedStream(
            self._inner.start_tls(ssl_context, server_hostname, left), self._deadline
        )

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


def _left(deadline: float, error: type[httpcore.TimeoutException]) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise error("the time allowed is over")
    return left


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Take out the IPv4 address that a mapped or NAT64 address stands for."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    return address


def _header(response: httpcore.Response, name: bytes) -> str:
    found = [value for key, value in response.headers if key.lower() == name]
    return found[0].decode("utf-8", "replace").strip() if found else ""


def _body(response: httpcore.Response, limit_bytes: int) -> bytes:
    coding = _header(response, b"content-encoding").lower()
    pieces = _counted(response.iter_stream(), limit_bytes)
    if coding in ("gzip", "x-gzip"):
        pieces = _counted(_inflated(pieces), limit_bytes)
    elif coding not in ("", "identity"):
        raise Unavailable(f"the answer is packed as {coding[:40]!r}, which was not asked for")
    return b"".join(pieces)


def _counted(pieces: Iterable[bytes], limit_bytes: int) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit_bytes:
            raise TooLarge(f"the answer is larger than {limit_bytes} bytes")
        yield piece


def _inflated(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Undo gzip a bounded piece at a time, so that a bomb is stopped by the count."""
    stream = zlib.decompressobj(wbits=31)
    try:
        for piece in pieces:
            waiting = piece
            while waiting:
                if stream.eof:  # One gzip member may follow another (RFC 1952, section 2.2).
                    stream = zlib.decompressobj(wbits=31)
                yield stream.decompress(waiting, _PIECE_BYTES)
                waiting = stream.unconsumed_tail or stream.unused_data
    except zlib.error as error:
        raise Unavailable("the answer is broken gzip") from error
    if not stream.eof:
        raise Unavailable("the answer ended before its gzip was complete")
