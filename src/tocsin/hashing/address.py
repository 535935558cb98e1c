"""Reading a link as people and programs write it.

It is made clickable again where it was written to be harmless, then parsed as a browser would (the
WHATWG URL standard, by `ada-url`).
"""

import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import unquote

import ada_url

from tocsin.hashing.host import bare, possible
from tocsin.model import Unhashable

MAX_CHARACTERS = 16_384
"""Longer links are not read: no server of note takes them, and the work stays bounded."""

_INVISIBLE = ("Cc", "Cf")
"""Unicode categories of controls and of marks without width, which are only there to deceive."""

_FULL_WIDTH = {0xFF01 + offset: 0x21 + offset for offset in range(94)}
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):(?!\d+(?:[/?#]|$))", re.IGNORECASE)
WEB_SCHEMES = ("http", "https")
_READ_SCHEMES = (*WEB_SCHEMES, "tg")

_REFANGED = (
    (re.compile(r" ?([.:/]) ?"), r"\1"),
    (re.compile(r" ?[\[({] ?(?:\.|dot) ?[\])}] ?", re.IGNORECASE), "."),
    (re.compile(r"[\[({](:|://|/)[\])}]"), r"\1"),
    (re.compile(r"^h(?:xx|\*\*)p(?=s?:)", re.IGNORECASE), "http"),
    (re.compile(r"^tg:(?!//)", re.IGNORECASE), "tg://"),
)
"""How links are made harmless in reports, and how to undo it: hxxp, [.], (dot), [://]. Last, the
short way to write an app link."""


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of a link as the parser gives them, nothing percent-decoded.

    `scheme` stands without its colon, `query` and `fragment` without their mark; `host` is ASCII,
    without www. or m.; `port` is empty where it is the default.
    """

    scheme: str
    host: str
    port: str
    path: str
    query: str
    fragment: str

    def parameters(self, *names: str) -> list[str]:
        """List the values of the query parameters of these names, percent-decoded once.

        A plus stays a plus: links within links have them in invites, not for spaces.
        """
        parts = [part.partition("=") for part in self.query.split("&")]
        return [unquote(value) for wanted in names for name, _, value in parts if name == wanted]


def read(text: str) -> Address | Unhashable:
    """Parse a link. A scheme may be missing; one that does not lead to a web page is refused."""
    if len(text) > MAX_CHARACTERS:
        return Unhashable(f"the link has more than {MAX_CHARACTERS:,} characters")
    clickable = _refanged(text)
    scheme = _SCHEME.match(clickable)
    if scheme and scheme[1].lower() not in _READ_SCHEMES:
        return Unhashable(f"{scheme[1][:40]!r} links do not lead to a web page")
    if not scheme:
        clickable = f"http://{clickable.lstrip('/')}"
    try:
        url = ada_url.URL(clickable)
        if not possible(url.hostname):
            return Unhashable("the link names no host that can exist")
        # Set anew, as a name may turn out to be a number (an IPv4 address) once it is bare.
        url.hostname = bare(url.hostname)
    except ValueError:
        return Unhashable("the link cannot be parsed")
    return Address(
        scheme=url.protocol.removesuffix(":"),
        host=url.hostname,
        port=url.port,
        path=url.pathname,
        query=url.search.removeprefix("?"),
        fragment=url.hash.removeprefix("#"),
    )


def _refanged(text: str) -> str:
    visible = "".join(c for c in text if unicodedata.category(c) not in _INVISIBLE)
    clickable = " ".join(visible.translate(_FULL_WIDTH).split()).strip("<>\"' ")
    for pattern, replacement in _REFANGED:
        clickable = pattern.sub(replacement, clickable)
    return clickable
