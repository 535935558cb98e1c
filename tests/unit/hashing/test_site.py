import pytest

from tocsin.hashing.link import Link
from tocsin.hashing.site import settled


def on(host: str, path: str, *query: str) -> str:
    """The text that a link of this host becomes."""
    return settled(Link(host, "", path, query)).text


@pytest.mark.parametrize("host", ["t.me", "telegram.me", "telegram.dog"])
def test_every_host_of_telegram_leads_to_the_same_channel(host):
    assert on(host, "/Name_1") == "t.me/name_1/"


@pytest.mark.parametrize("path", ["/name/7", "/s/Name/7", "/NAME/7/"])
def test_a_message_of_a_channel_has_one_form(path):
    assert on("t.me", path, "single") == "t.me/name/7"


def test_a_channel_s_own_subdomain_is_the_channel():
    assert on("name.t.me", "/7") == "t.me/name/7"
    assert on("name.t.me", "/") == "t.me/name/"


@pytest.mark.parametrize("path", ["/+AbC_-9", "/joinchat/AbC_-9", "/joinchat/AbC_-9/"])
def test_an_invite_keeps_its_case(path):
    assert on("telegram.me", path) == "t.me/+AbC_-9"


@pytest.mark.parametrize("path", ["/addstickers/Name", "/share/url", "/c/123/4", "/proxy", "/"])
def test_what_is_no_channel_keeps_its_path(path):
    assert on("t.me", path) == f"t.me{path}"


def test_a_deeper_subdomain_is_not_taken_for_a_channel():
    assert on("a.name.t.me", "/x") == "a.name.t.me/x"


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("youtu.be", "/dQw4w9WgXcQ"),
        ("youtube.com", "/shorts/dQw4w9WgXcQ"),
        ("youtube.com", "/live/dQw4w9WgXcQ/"),
        ("youtube-nocookie.com", "/embed/dQw4w9WgXcQ"),
    ],
)
def test_every_way_to_show_a_video_is_the_same_video(host, path):
    assert on(host, path, "t=3") == "youtube.com/watch?v=dQw4w9WgXcQ"


def test_the_list_a_video_is_watched_in_does_not_matter():
    assert on("music.youtube.com", "/watch", "list=x", "v=dQw4w9WgXcQ") == (
        "youtube.com/watch?v=dQw4w9WgXcQ"
    )


@pytest.mark.parametrize("path", ["/@channel", "/playlist", "/watch", "/AAAAAAAAAAA"])
def test_what_shows_no_video_keeps_its_form(path):
    assert on("youtube.com", path) == f"youtube.com{path}"


def test_other_sites_are_left_alone():
    assert on("example.org", "/S/Name", "v=1") == "example.org/S/Name?v=1"
