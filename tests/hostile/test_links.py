"""Links made to cost time or to confuse: each ends in a link or a reason, in bounded work."""

from urllib.parse import quote

import pytest

from tocsin.hashing.url import MAX_WRAPPERS, canonical, url_views
from tocsin.model import Hashed, Unhashable


def wrapped(times: int, wrapper: str) -> str:
    link = "https://example.org/"
    for _ in range(times):
        link = wrapper + (quote(link, safe="") if wrapper.endswith("=") else link)
    return link


HOSTILE = {
    "a megabyte of path": "http://example.org/" + "a" * 10**6,
    "a megabyte of nothing": " " * 10**6,
    "percent signs of percent signs": "http://example.org/" + "%25" * 5000,
    "encoding split over two levels": "http://example.org/" + "%%32%35" * 2000,
    "encoding of digits of encodings": "http://example.org/%4" + "%3" * 8000 + "1",
    "nothing but dots": "http://example.org/" + "../" * 5000,
    "nothing but slashes": "http://example.org" + "/" * 16000,
    "nothing but ampersands": "http://example.org/?" + "&" * 16000,
    "thousands of parameters": "http://example.org/?" + "a=1&" * 4000,
    "thousands of labels": "http://" + "a." * 8000 + "org/",
    "www of www": "http://" + "www." * 4000 + "org/",
    "open brackets": "[" * 16000,
    "open brackets for a host": "http://" + "(" * 16000,
    "spaces around a dot": "http://a" + " " * 16000 + ".org",
    "a name full of punycode": "http://" + "xn--a." * 2000 + "org/",
    "a name in another script": "http://" + "\u0627" * 16000 + ".org/",
    "hyphens of a translated host": "http://" + "a-" * 8000 + "b.translate.goog/",
    "archives of archives": "web.archive.org/web/1/" * 700,
    "redirects of redirects": wrapped(20, "https://href.li/?"),
    "a byte of zero": "http://exam\0ple.org/\0",
    "half a character": "http://example.org/\ud800",
    "an address of colons": "http://[" + ":" * 5000 + "]/",
    "a number for a host": "http://" + "9" * 5000 + "/",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_link_ends_in_few_links_or_a_reason(text):
    found = url_views(text)
    assert isinstance(found, Unhashable | Hashed)
    assert len(getattr(found, "views", ())) <= 29


@pytest.mark.parametrize("wrapper", ["https://href.li/?", "https://l.facebook.com/l.php?u="])
def test_links_within_links_are_followed_just_so_far(wrapper):
    assert canonical(wrapped(MAX_WRAPPERS, wrapper)) == "example.org/"
    assert isinstance(canonical(wrapped(MAX_WRAPPERS + 1, wrapper)), Unhashable)
