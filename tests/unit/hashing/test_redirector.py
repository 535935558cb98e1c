import pytest

from tocsin.hashing.address import read
from tocsin.hashing.redirector import target


@pytest.mark.parametrize(
    "wrapper",
    [
        "https://l.facebook.com/l.php?u={}&h=x",
        "https://www.facebook.com/flx/warn/?u={}",
        "https://l.instagram.com/?e=x&u={}",
        "https://www.google.com/url?sa=t&q={}",
        "https://www.google.com.br/url?url={}",
        "https://out.reddit.com/t3?url={}",
        "https://t.me/iv?url={}&rhash=x",
        "https://t.me/share/url?url={}",
        "https://vk.com/away.php?to={}",
        "https://duckduckgo.com/l/?uddg={}",
        "https://steamcommunity.com/linkfilter/?u={}",
        "https://eur02.safelinks.protection.outlook.com/?url={}",
        "https://href.li/?{}",
        "https://web.archive.org/web/2020if_/{}",
        "https://archive.ph/o/AbC12/{}",
        "https://archive.today/newest/{}",
    ],
)
def test_a_redirect_page_gives_the_link_it_leads_to(wrapper):
    assert target(read(wrapper.format("https://example.org/a"))) == "https://example.org/a"


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/url?q=https://example.com/",
        "https://notgoogle.com/url?q=https://example.com/",
        "https://google.com.example.org/url?q=https://example.com/",
        "https://www.google.com/search?q=https://example.com/",
        "https://www.google.com/url?q=weather",
        "https://t.me/channel?url=https://example.com/",
        "https://href.li/",
        "https://archive.ph/AbC12",
    ],
)
def test_other_pages_wrap_nothing(text):
    assert target(read(text)) is None


def test_a_query_that_belongs_to_an_archived_link_stays_with_it():
    archived = read("https://web.archive.org/web/2020/http://example.org/a?b=1&c=2")
    assert target(archived) == "http://example.org/a?b=1&c=2"


def test_hyphens_of_a_translated_host_are_told_from_its_dots():
    assert target(read("https://my--own-example-org.translate.goog/a")) == (
        "https://my-own.example.org/a"
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("tg://resolve?domain=name", "https://t.me/name"),
        ("tg://resolve?domain=name&post=5", "https://t.me/name/5"),
        ("tg://join?invite=AbC", "https://t.me/+AbC"),
    ],
)
def test_an_app_link_becomes_its_web_form(text, wanted):
    assert target(read(text)) == wanted
