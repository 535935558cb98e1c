"""A link in its canonical parts, so that two links to one page become the same text."""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from tocsin.hashing.address import WEB_SCHEMES, Address
from tocsin.model import Unhashable

_DECODING_ROUNDS = 16
"""Percent-encoding may be wrapped in itself; deeper nesting serves no page."""

# fmt: off
_TRACKING = frozenset((
    "_ga", "_gl", "dclid", "fbclid", "gbraid", "gclid", "gclsrc", "igsh", "igshid", "mc_cid",
    "mc_eid", "mibextid", "msclkid", "si", "srsltid", "ttclid", "twclid", "wbraid", "yclid",
))
# fmt: on
_TRACKING_PREFIXES = ("utm_", "_x_tr_")

_KEPT_IN_PATH = "!$&*+,-./:;=@_~"
_KEPT_IN_QUERY = "!$*+,-./:;=@_~?"
"""All else is percent-encoded: also brackets and quotes, which `address` takes for wrapping."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link to a page, all of it percent-encoded in one way.

    `host`: ASCII, without www. or m.; `port`: empty where it is the default; `path`: from its first
    slash; `query`: parameters, sorted; `fragment`: without its mark, and only where it names a page
    (#/… and #!…).
    """

    host: str
    port: str
    path: str
    query: tuple[str, ...] = ()
    fragment: str = ""

    @property
    def text(self) -> str:
        """The canonical form, without a scheme: example.org/path?a=b."""
        return self.place + self.path + self.search + (f"#{self.fragment}" if self.fragment else "")

    @property
    def place(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}" if self.port else self.host

    @property
    def search(self) -> str:
        """The query with its mark, or nothing."""
        return "?" + "&".join(self.query) if self.query else ""


def normalised(address: Address) -> Link | Unhashable:
    """Bring the parts of a link to their canonical form."""
    if address.scheme not in WEB_SCHEMES:
        return Unhashable(f"this {address.scheme} link does not name a page")
    try:
        path = _path(address.path)
        query = sorted(_parameter(part) for part in address.query.split("&") if _telling(part))
        fragment = _page_fragment(address.fragment)
    except _TooDeep:
        return Unhashable(f"the link is percent-encoded more than {_DECODING_ROUNDS} times over")
    return Link(address.host, address.port, path, tuple(query), fragment)


class _TooDeep(Exception):
    """Percent-encoding within percent-encoding beyond what is followed."""


def _decoded(text: str) -> bytes:
    """Percent-decode until nothing changes, as Safe Browsing does."""
    data = text.encode()
    for _ in range(_DECODING_ROUNDS):
        # A run of %25 is one percent sign however long; taken singly it would cost a round each.
        further = unquote_to_bytes(re.sub(rb"%(?:25)+", b"%", data))
        if further == data:
            return data
        data = further
    raise _TooDeep


def _path(text: str) -> str:
    """Resolve dots and doubled slashes; a slash at the end is kept, as it tells a folder."""
    encoded = quote(_decoded(text), safe=_KEPT_IN_PATH)
    segments: list[str] = []
    for segment in encoded.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    folder = segments and re.search(r"/\.{0,2}$", encoded)
    return "/" + "/".join(segments) + ("/" if folder else "")


def _telling(part: str) -> bool:
    name = part.partition("=")[0].lower()
    return bool(part) and name not in _TRACKING and not name.startswith(_TRACKING_PREFIXES)


def _parameter(part: str) -> str:
    return quote(_decoded(part), safe=_KEPT_IN_QUERY)


def _page_fragment(text: str) -> str:
    """Keep a fragment that a script or a Matrix client takes as the page; drop mere anchors."""
    decoded = _decoded(text)
    if not decoded.startswith((b"/", b"!")) or not decoded.strip(b"/!"):
        return ""
    return quote(decoded, safe=_KEPT_IN_PATH + "?")
