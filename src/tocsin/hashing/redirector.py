"""Links that only wrap another: redirect pages, archives, caches, translators, app links.

The wrapped link is taken from the text of the wrapper; nothing is ever fetched. Shorteners, which
hide their target, cannot be unwrapped this way and are matched as they are.
"""

import re

from tocsin.hashing.address import Address

_ANY_PATH = ""

_PARAMETERS: dict[str, dict[str, tuple[str, ...]]] = {
    "duckduckgo.com": {"/l/": ("uddg",)},
    "exit.sc": {_ANY_PATH: ("url",)},
    "facebook.com": {"/l.php": ("u",), "/flx/warn/": ("u",)},
    "google": {"/url": ("q", "url")},
    "l.facebook.com": {_ANY_PATH: ("u",)},
    "l.instagram.com": {_ANY_PATH: ("u",)},
    "lm.facebook.com": {_ANY_PATH: ("u",)},
    "linkedin.com": {"/redir/redirect": ("url",), "/safety/go": ("url",)},
    "out.reddit.com": {_ANY_PATH: ("url",)},
    "slack-redir.net": {_ANY_PATH: ("url",)},
    "steamcommunity.com": {"/linkfilter/": ("url", "u")},
    "t.me": {"/iv": ("url",), "/share/url": ("url",)},
    "telegram.me": {"/iv": ("url",), "/share/url": ("url",)},
    "translate.google": {"/translate": ("u",)},
    "vk.com": {"/away.php": ("to",)},
    "youtube.com": {"/redirect": ("q",)},
}
"""Host, then path, then the query parameters that may hold the target; `google` stands for every
Google country domain."""

_SUBDOMAINS = {".safelinks.protection.outlook.com": ("url",)}

_IN_QUERY = ("anonym.to", "anon.to", "dereferer.me", "href.li")
"""Hosts whose whole query is the target."""

_GOOGLE = re.compile(r"((?:translate\.)?google)\.(?:com?\.)?[a-z]{2,3}")
_IN_PATH = (
    (re.compile(r"(?:web\.)?archive\.org/web/\w+/(.+)"), "{}"),
    (re.compile(r"archive\.(?:ph|is|today|md|li|vn|fo)/(?:\d{4,14}|newest|o/\w+)/(.+)"), "{}"),
    (re.compile(r"google\.(?:com?\.)?[a-z]{2,3}/amp/(?:s/)?(.+)"), "https://{}"),
    (re.compile(r"[\w-]+\.cdn\.ampproject\.org/[cv]/(?:s/)?(.+)"), "https://{}"),
)
"""Host and path, and the form of the link that its group becomes."""

_TRANSLATED = ".translate.goog"


def target(address: Address) -> str | None:
    """Return the link that this one wraps, or None where it wraps none."""
    if address.scheme == "tg":
        return _telegram(address)
    if address.host in _IN_QUERY and address.query:
        return address.query
    for value in address.parameters(*_parameter_names(address.host, address.path)):
        if "." in value:  # a link and not, say, a search for a word
            return value
    return _from_path(address)


def _parameter_names(host: str, path: str) -> tuple[str, ...]:
    for suffix, names in _SUBDOMAINS.items():
        if host.endswith(suffix):
            return names
    country = _GOOGLE.fullmatch(host)
    paths = _PARAMETERS.get(country[1] if country else host, {})
    return paths.get(path, paths.get(_ANY_PATH, ()))


def _from_path(address: Address) -> str | None:
    query = f"?{address.query}" if address.query else ""
    if address.host.endswith(_TRANSLATED):
        return f"https://{_untranslated(address.host)}{address.path}{query}"
    for pattern, form in _IN_PATH:
        match = pattern.fullmatch(address.host + address.path)
        if match:
            return form.format(match[1]) + query
    return None


def _untranslated(host: str) -> str:
    """Read the original host: its dots became hyphens, and its hyphens were doubled."""
    name = host.removesuffix(_TRANSLATED)
    return name.replace("--", "\0").replace("-", ".").replace("\0", "-")


def _telegram(address: Address) -> str | None:
    """Translate an app link (tg://resolve?domain=name, tg://join?invite=hash) to its web form."""
    names, invites = address.parameters("domain"), address.parameters("invite")
    if names:
        return "/".join(["https://t.me", names[0], *address.parameters("post")])
    return f"https://t.me/+{invites[0]}" if invites else None
