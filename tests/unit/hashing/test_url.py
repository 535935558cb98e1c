import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.hashing.url import canonical, url_views
from tocsin.model import SignalType, Unhashable

VECTORS = json.loads(
    (Path(__file__).parent.parent.parent / "vectors" / "url.json").read_text(encoding="utf-8")
)
PAIRS = [pair for group in VECTORS["canonical"].values() for pair in group.items()]

PIECES = [
    *("http://", "hxxps[://]", "www.", "m.", "example", ".org", "t.me", "/", "..", "%2e", "%2F"),
    *("%25", "%", "?", "&", "=", "#", "#!/", "a", "B", "é", "(.)", "[.]", "(", "'", "<", " ", "\t"),
    *("\0", "@", ":", "8080", "utm_x=1", "l.facebook.com/l.php?u=", "web.archive.org/web/1/"),
    *("tg://", "resolve?domain=", "joinchat/", "+abc", "youtu.be/", "dQw4w9WgXcQ", "[::1]", "xn--"),
    *("。", "\u200b", "\\", "co.uk", "github.io", ".translate.goog", "href.li/?", "\ud800", "ß"),
]


def entries(text: str) -> dict[str, str]:
    """The listed entries that would cover a link, with the names of the views."""
    return {view.signal.text: view.name for view in url_views(text).views}


@pytest.mark.parametrize(("text", "wanted"), PAIRS)
def test_every_vector_comes_out(text, wanted):
    assert canonical(text) == wanted


@pytest.mark.parametrize("text", VECTORS["refused"])
def test_what_is_no_web_link_is_an_outcome_with_a_reason(text):
    assert isinstance(canonical(text), Unhashable)
    assert url_views(text) == canonical(text)


@pytest.mark.parametrize("wanted", sorted({wanted for _, wanted in PAIRS}))
def test_a_canonical_form_is_its_own_canonical_form(wanted):
    assert canonical(wanted) == wanted


@given(pieces=st.lists(st.sampled_from(PIECES), max_size=12))
def test_whatever_is_written_the_canonical_form_is_settled_and_matches_itself(pieces):
    form = canonical("".join(pieces))
    if not isinstance(form, Unhashable):
        assert form.isascii()
        assert canonical(form) == form
        assert entries("".join(pieces))[form] == "link"


@given(text=st.text(max_size=80))
def test_any_text_ends_in_a_bounded_number_of_links_or_a_reason(text):
    found = url_views(text)
    assert isinstance(found, Unhashable) or 1 <= len(found.views) <= 29


def test_the_views_of_a_link_are_urls_and_all_different():
    views = url_views("https://a.b.example.co.uk:81/1/2/3/4/5/6?x=1#/y").views
    assert {view.type for view in views} == {SignalType.URL}
    assert len({view.code for view in views}) == len(views) == 24


@pytest.mark.parametrize(
    ("listed", "shared", "view"),
    [
        ("https://example.org/a?b=1", "example.org/a?b=1&utm_source=x#top", "link"),
        ("https://example.org/a", "https://example.org/a?b=1", "link without query"),
        ("https://example.org/a/", "https://example.org/a", "link without query"),
        ("https://example.org/a", "https://example.org/a/", "link without query"),
        ("https://example.org/a", "https://example.org/a#/page", "link without fragment"),
        ("example.org", "https://example.org/a/b.html", "site of the link"),
        ("example.org", "https://example.org:8080/a", "site of the link"),
        ("example.org/a/", "https://example.org/a/b/c.html?d", "folder of the link"),
        ("example.org", "https://deep.down.example.org/a", "domain of the link"),
        ("example.org", "https://1.2.3.4.5.6.7.8.example.org/a", "domain of the link"),
        ("example.co.uk", "https://shop.example.co.uk", "domain of the link"),
        ("t.me/Channel", "https://t.me/s/channel/17", "folder of the link"),
    ],
)
def test_a_listed_link_covers_what_lies_below_it(listed, shared, view):
    assert entries(shared)[canonical(listed)] == view


@pytest.mark.parametrize(
    ("listed", "shared"),
    [
        ("https://example.org/a/b", "https://example.org/a"),
        ("https://example.org/a", "https://example.org/a/b"),
        ("https://example.org/a?b=1", "https://example.org/a?b=2"),
        ("https://example.org/a?b=1", "https://example.org/a"),
        ("https://example.org:8080/", "https://example.org/"),
        ("https://sub.example.org/", "https://example.org/"),
        ("https://notexample.org/", "https://example.org/"),
        ("https://one.github.io/", "https://two.github.io/"),
        ("https://t.me/channel/1", "https://t.me/channel/12"),
        ("https://t.me/+AbC", "https://t.me/+abc"),
    ],
)
def test_a_listed_link_covers_nothing_beside_or_above_it(listed, shared):
    assert canonical(listed) not in entries(shared)


@pytest.mark.parametrize("host", ["co.uk", "github.io", "org"])
def test_a_public_suffix_is_never_taken_for_the_site(host):
    assert f"{host}/" not in entries(f"https://someone.{host}/a")


def test_the_names_of_views_do_not_repeat_the_link():
    names = entries("https://example.org/secret/page?with=more").values()
    assert not [name for name in names if "secret" in name or "example" in name]
