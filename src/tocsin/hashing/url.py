"""Keys of links: the canonical form of a link, and the listed entries that would cover it.

docs/spec/url-keys.md is the specification; tests/vectors/url.json its examples. Nothing is ever
resolved or fetched.
"""

from collections.abc import Iterator

from tocsin.hashing.address import MAX_CHARACTERS, read
from tocsin.hashing.host import registrable
from tocsin.hashing.link import Link, normalised
from tocsin.hashing.redirector import target
from tocsin.hashing.site import settled
from tocsin.model import Hashed, Signal, SignalType, Unhashable, View

MAX_WRAPPERS = 10
"""Links inside links that are followed."""

_MAX_HOSTS = 5
_MAX_FOLDERS = 5


def canonical(text: str) -> str | Unhashable:
    """Return the canonical form under which a link is listed: "example.org/path?a=b", ASCII."""
    link = _link(text)
    return link.text if isinstance(link, Link) else link


def url_views(text: str) -> Hashed | Unhashable:
    """List every entry that would cover this link, the link itself first; at most 29.

    They are the link with its page fragment, its query and without either, and every folder of its
    path on its host and on the domains above it (after Safe Browsing's suffix/prefix expressions).
    The names of the views do not repeat the link, as they are kept longer than it may be.
    """
    link = _link(text)
    if isinstance(link, Unhashable):
        return link
    named: dict[str, str] = {}
    for key, name in (*_exact_keys(link), *_covering_keys(link)):
        named.setdefault(key, name)
    return Hashed(
        tuple(View(name, Signal(SignalType.URL, key.encode())) for key, name in named.items())
    )


def _link(text: str) -> Link | Unhashable:
    for _ in range(MAX_WRAPPERS + 1):
        address = read(text)
        if isinstance(address, Unhashable):
            return address
        wrapped = target(address)
        if wrapped is None:
            return _settled(normalised(address))
        text = wrapped
    return Unhashable(f"more than {MAX_WRAPPERS} links are wrapped in one another")


def _settled(link: Link | Unhashable) -> Link | Unhashable:
    if isinstance(link, Link) and len(link.text) > MAX_CHARACTERS:
        return Unhashable(f"the canonical link has more than {MAX_CHARACTERS:,} characters")
    return settled(link) if isinstance(link, Link) else link


def _exact_keys(link: Link) -> Iterator[tuple[str, str]]:
    """Yield the page itself; with and without a slash at its end it is the same page."""
    page = link.place + link.path
    yield link.text, "link"
    yield page + link.search, "link without fragment"
    yield page, "link without query"
    if link.path != "/":
        twin = page.removesuffix("/") if page.endswith("/") else page + "/"
        yield twin, "link without query"


def _covering_keys(link: Link) -> Iterator[tuple[str, str]]:
    folders = link.path.split("/")[1:-1]
    prefixes = ["/" + "".join(f"{f}/" for f in folders[:n]) for n in range(len(folders) + 1)]
    for place in _places(link)[:_MAX_HOSTS]:
        own = place in (link.place, link.host)
        for prefix in prefixes[:_MAX_FOLDERS]:
            above = "site" if prefix == "/" else "folder"
            yield place + prefix, f"{above if own else 'domain'} of the link"


def _places(link: Link) -> list[str]:
    """List the host, then the domains above it from the registrable one down, never a suffix."""
    places = list(dict.fromkeys((link.place, link.host)))
    domain = registrable(link.host)
    if domain:
        labels = link.host.removesuffix(domain).removesuffix(".").split(".")
        above = [".".join((*labels[n:], domain)) for n in range(len(labels), 0, -1)]
        places += [host for host in above if host != link.host]
    return places
