"""Names of hosts: which part somebody registered, and which part says nothing."""

import re

import tldextract

MAX_CHARACTERS = 253
"""Characters of a name in the DNS (RFC 1035)."""

_POSSIBLE = re.compile(r"[a-z0-9._-]+|\[[0-9a-f:]+\]")
_LIKE_THE_BARE_HOST = re.compile(r"(?:www|m)\.(.+)")

_suffixes = tldextract.TLDExtract(
    cache_dir=None, suffix_list_urls=(), include_psl_private_domains=True
)
"""The public suffix list as bundled with the package: read once, never fetched. Private suffixes
count, so that one tenant of a hosting domain is never taken for another."""


def registrable(host: str) -> str:
    """Return the domain under a public suffix that `host` belongs to, or "" where it has none."""
    return _suffixes.extract_str(host).top_domain_under_public_suffix


def possible(host: str) -> bool:
    """Tell whether a host of this name can exist: letters, digits, hyphens, or an IPv6 address."""
    return len(host) <= MAX_CHARACTERS and _POSSIBLE.fullmatch(host) is not None


def bare(name: str) -> str:
    """Drop empty labels, and www. and m. in front of a domain that stands without them."""
    host = ".".join(label for label in name.split(".") if label)
    prefixed = _LIKE_THE_BARE_HOST.fullmatch(host)
    while prefixed and registrable(prefixed[1]):
        host = prefixed[1]
        prefixed = _LIKE_THE_BARE_HOST.fullmatch(host)
    return host
