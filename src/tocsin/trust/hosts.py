"""Hosts that nobody may list as a whole: everybody uses them, or they only pass visitors on.

The list is small on purpose: it stops the gross mistakes. An operator can add a file of hosts; one
of the published "top sites" lists, one host a line, does.
"""

from pathlib import Path

from tocsin.errors import ConfigurationError
from tocsin.hashing.url import canonical
from tocsin.model import Unhashable

# fmt: off
WELL_KNOWN = frozenset((
    "akamai.net", "aliexpress.com", "amazon.com", "apple.com", "archive.org",
    "baidu.com", "bbc.co.uk", "bbc.com", "bing.com", "bsky.app", "chatgpt.com", "cloudflare.com",
    "cnn.com", "dailymotion.com", "discord.com", "dropbox.com", "duckduckgo.com", "ebay.com",
    "europa.eu", "facebook.com", "fastly.net", "flickr.com", "github.com",
    "gitlab.com", "gmail.com", "google.com", "googleapis.com", "icloud.com", "imdb.com",
    "imgur.com",    "instagram.com", "linkedin.com", "live.com", "mail.ru", "mastodon.social",
    "microsoft.com", "mozilla.org", "msn.com", "naver.com", "netflix.com", "nytimes.com",
    "office.com", "ok.ru", "openai.com", "outlook.com", "paypal.com", "pinterest.com", "quora.com",
    "reddit.com", "rumble.com", "samsung.com", "signal.org", "skype.com",
    "snapchat.com", "soundcloud.com", "spotify.com", "stackoverflow.com", "t.me", "telegram.me",
    "telegram.org", "telegra.ph", "theguardian.com", "threads.net", "tiktok.com",
    "twitch.tv", "twitter.com", "un.org", "vimeo.com", "vk.com", "weather.com", "wechat.com",
    "weibo.com", "whatsapp.com", "wikimedia.org", "wikipedia.org", "windows.com",
    "wordpress.org", "x.com", "yahoo.co.jp", "yahoo.com", "yandex.ru", "youtube.com", "zoom.us",
))
"""Sites of everybody: listing one blocks a part of public life."""

HOSTING = frozenset((
    "amazonaws.com", "blogspot.com", "github.io", "medium.com", "sharepoint.com", "substack.com",
    "tumblr.com", "wordpress.com",
))
"""Sites of everybody where each part belongs to somebody: a part of one may be listed."""

SHORTENERS = frozenset((
    "bit.ly", "buff.ly", "cutt.ly", "dlvr.it", "fb.me", "goo.gl", "ift.tt", "is.gd", "j.mp",
    "lnkd.in", "ow.ly", "rb.gy", "rebrand.ly", "shorturl.at", "soo.gd", "t.co", "t.ly", "tiny.cc",
    "tinyurl.com", "trib.al", "v.gd", "wp.me", "youtu.be",
))
"""Sites that pass visitors on: where a link of theirs leads may change after it was listed."""
# fmt: on


def read_hosts(path: Path) -> frozenset[str]:
    """Read a file of hosts, one a line, `#` for comments. Raises ConfigurationError."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
    found = set()
    for number, line in enumerate(lines, 1):
        host = line.partition("#")[0].strip()
        if not host:
            continue
        link = canonical(host)
        if isinstance(link, Unhashable) or not link.endswith("/") or link.count("/") > 1:
            raise ConfigurationError(f"line {number} of {path}: {host[:80]!r} is no host")
        found.add(link.rstrip("/"))
    return frozenset(found)
