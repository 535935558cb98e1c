"""Sites where one thing has many links: each is brought to the form its page would name."""

import re
from dataclasses import replace

from tocsin.hashing.link import Link

_TELEGRAM_HOSTS = ("t.me", "telegram.me", "telegram.dog")
_TELEGRAM_NAME = re.compile(r"/(?:s/)?([A-Za-z]\w{3,31})(?:/(\d+(?:/\d+)?))?/?")
_TELEGRAM_SUBDOMAIN = re.compile(r"([a-z]\w{3,31})\.t\.me")
_TELEGRAM_INVITE = re.compile(r"/(?:\+|joinchat/)([\w-]+)/?")
# fmt: off
_TELEGRAM_RESERVED = frozenset((
    "addemoji", "addlist", "addstickers", "addtheme", "boost", "confirmphone", "contact",
    "giftcode", "invoice", "joinchat", "login", "proxy", "setlanguage", "share", "socks",
))
# fmt: on

_YOUTUBE_HOSTS = ("youtube.com", "youtu.be", "youtube-nocookie.com", "music.youtube.com")
_YOUTUBE_VIDEO = re.compile(r"/(?:embed/|live/|shorts/|v/)?([\w-]{11})/?")


def settled(link: Link) -> Link:
    """Bring a link of a known site to the one form of what it shows; others stay as they are."""
    if link.host in _TELEGRAM_HOSTS or link.host.endswith(".t.me"):
        return _telegram(link)
    if link.host in _YOUTUBE_HOSTS:
        return _youtube(link)
    return link


def _telegram(link: Link) -> Link:
    """Bring to t.me/name/ (a channel with all its messages), t.me/name/message or t.me/+invite.

    Names are not case-sensitive, invites are. The slash after a name makes a listed channel match
    every message in it.
    """
    subdomain = _TELEGRAM_SUBDOMAIN.fullmatch(link.host)
    if subdomain:
        link = replace(link, host="t.me", path=f"/{subdomain[1]}{link.path}")
    elif link.host.endswith(".t.me"):
        return link
    invite = _TELEGRAM_INVITE.fullmatch(link.path)
    if invite:
        return Link("t.me", "", f"/+{invite[1]}")
    name = _TELEGRAM_NAME.fullmatch(link.path)
    if name and name[1].lower() not in _TELEGRAM_RESERVED:
        return Link("t.me", "", f"/{name[1].lower()}/{name[2] or ''}")
    return replace(link, host="t.me")


def _youtube(link: Link) -> Link:
    """Bring every way to show a video to youtube.com/watch?v=id."""
    ids = [part[2:] for part in link.query if part.startswith("v=")]
    direct = _YOUTUBE_VIDEO.fullmatch(link.path)
    if link.path == "/watch" and ids:
        video = ids[0]
    elif direct and (link.host == "youtu.be" or link.path.count("/") > 1):
        video = direct[1]
    else:
        return link
    return Link("youtube.com", "", "/watch", (f"v={video}",))
