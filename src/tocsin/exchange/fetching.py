"""Reading a log over http. Any static file server or CDN will do: nothing it says is trusted."""

import time
import zlib

import httpx

from tocsin.exchange.errors import Absent, Malformed, Unavailable
from tocsin.exchange.tiles import max_bytes

_ACCEPT = {"Accept-Encoding": "gzip, identity"}
_GONE = (404, 410)
_GZIP = 16 + zlib.MAX_WBITS

WHOLE_S = 60.0
"""How long an object may take from its first byte to its last: each read has a timeout of its own,
and one byte before each would hold a reader for ever."""


class HttpFetch:
    """The objects under a URL prefix; see `Fetch`. Thread-safe, as httpx's client is.

    The client is handed in: its timeouts, proxies, and rules about which addresses may be reached
    are its owner's. It must not follow redirects unless the owner wants that.
    """

    def __init__(self, client: httpx.Client, prefix: str) -> None:
        self._client = client
        self._prefix = prefix.rstrip("/")

    def get(self, path: str) -> bytes:
        """Fetch an object, up to the size that it can have after inflating; see `Fetch`."""
        limit = max_bytes(path)
        try:
            with self._client.stream("GET", f"{self._prefix}/{path}", headers=_ACCEPT) as response:
                if response.status_code in _GONE:
                    raise Absent(f"{path} is not there")
                if response.status_code != httpx.codes.OK:
                    raise Unavailable(f"{path}: the server answered {response.status_code}")
                return _read(response, limit)
        except (httpx.HTTPError, zlib.error) as error:
            raise Unavailable(f"{path}: {error}") from error


def _read(response: httpx.Response, limit: int) -> bytes:
    """Read a body, inflating it here: httpx would inflate a bomb before it could be measured."""
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding not in {"gzip", "identity"}:
        raise Unavailable(f"the server encodes with {encoding!r}, which it was not asked to")
    inflater = zlib.decompressobj(_GZIP) if encoding == "gzip" else None
    body, deadline = bytearray(), time.monotonic() + WHOLE_S
    for part in response.iter_raw():  # Of no fixed size: what drips would be gathered unseen.
        body += part if inflater is None else inflater.decompress(part, limit + 1 - len(body))
        if len(body) > limit:
            raise Malformed(f"the server sends more than the {limit} bytes this object can have")
        if inflater is not None and inflater.unused_data:  # It would be gathered there, uncounted.
            raise Malformed("the server sends more behind the compressed body")
        if time.monotonic() > deadline:
            raise Unavailable(f"the server took more than {WHOLE_S:.0f} s for one object")
    if inflater is not None and not inflater.eof:
        raise Unavailable("the compressed body breaks off")
    return bytes(body)
