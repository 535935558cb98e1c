import pytest

from tocsin.hashing.address import Address
from tocsin.hashing.link import Link, normalised
from tocsin.model import Unhashable


def an_address(path="/", query="", fragment="", scheme="https") -> Address:
    return Address(scheme, "example.org", "", path, query, fragment)


def test_the_text_of_a_link_has_everything_but_the_scheme():
    link = Link("example.org", "8080", "/a", ("b=1", "c"), "/d")
    assert link.text == "example.org:8080/a?b=1&c#/d"


@pytest.mark.parametrize("times", range(1, 6))
def test_encoding_wrapped_in_encoding_comes_out_the_same(times):
    encoded = "%41"
    for _ in range(times):
        encoded = encoded.replace("%", "%25")
    assert normalised(an_address(f"/{encoded}")).path == "/A"


def test_a_percent_sign_that_encodes_nothing_stays_one():
    assert normalised(an_address("/100%25%")).path == "/100%25%25"


def test_encoding_of_a_digit_of_an_encoding_is_followed_just_so_far():
    assert normalised(an_address("/%4" + "%3" * 10 + "1")).path == "/A"
    assert isinstance(normalised(an_address("/%4" + "%3" * 30 + "1")), Unhashable)


@pytest.mark.parametrize("path", ["/a/../b/", "/b/./", "//b//", "/%2e%2e/b/.", "/b/c/.."])
def test_dots_and_doubled_slashes_are_resolved_and_a_folder_stays_one(path):
    assert normalised(an_address(path)).path == "/b/"


def test_what_tells_pages_apart_is_kept_and_sorted_and_the_rest_dropped():
    query = "z=1&utm_medium=a&&id=5&FBCLID=x&id=4&si=y&_x_tr_tl=en"
    assert normalised(an_address(query=query)).query == ("id=4", "id=5", "z=1")


def test_an_ampersand_inside_a_value_stays_inside_it():
    assert normalised(an_address(query="a=1%26b=2")).query == ("a=1%26b=2",)


@pytest.mark.parametrize("fragment", ["top", "", "/", "!", "!/", "%2F", ":~:text=a"])
def test_a_fragment_that_names_no_page_is_dropped(fragment):
    assert normalised(an_address(fragment=fragment)).fragment == ""


@pytest.mark.parametrize("fragment", ["/page", "!page", "/!room:example.org?via=a"])
def test_a_fragment_that_names_a_page_is_kept(fragment):
    assert normalised(an_address(fragment=fragment)).fragment == fragment


def test_an_app_link_that_names_no_page_is_refused():
    assert isinstance(normalised(an_address(scheme="tg")), Unhashable)
