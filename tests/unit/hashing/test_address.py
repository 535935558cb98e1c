import pytest

from tocsin.hashing.address import MAX_CHARACTERS, Address, read
from tocsin.model import Unhashable


def test_a_link_is_parsed_into_its_parts_without_decoding_them():
    assert read("HTTPS://user@Example.org:8443/A%20b?c=%41#D") == Address(
        "https", "example.org", "8443", "/A%20b", "c=%41", "D"
    )


@pytest.mark.parametrize(
    "text",
    [
        "hxxp://example.org/",
        "example[.]org",
        "example (dot) org",
        "http[:]//example.org",
        "h**p://example.org",
    ],
)
def test_a_link_made_harmless_is_read_as_what_it_was(text):
    assert read(text).host == "example.org"


@pytest.mark.parametrize("text", ["exa\u200bmple.org", "\u202eexample.org", "exam\tple.org\n"])
def test_marks_that_nobody_sees_are_passed_over(text):
    assert read(text).host == "example.org"


def test_full_width_letters_are_read_as_plain_ones():
    plain = "http://example.org/a"
    assert read("".join(chr(ord(letter) + 0xFEE0) for letter in plain)) == read(plain)


@pytest.mark.parametrize("host", ["hxxp.org", "dot.org", "h"])
def test_a_host_that_looks_like_a_disguise_is_left_alone(host):
    assert read(f"http://{host}/").host == host


def test_parameters_are_decoded_once_and_keep_their_plus():
    address = read("https://example.org/?u=https%3A%2F%2Ft.me%2F%252BA+b&u=2&v=3")
    assert address.parameters("u", "v") == ["https://t.me/%2BA+b", "2", "3"]
    assert address.parameters("w") == []


@pytest.mark.parametrize("scheme", ["javascript", "data", "mailto", "file", "ftp", "a" * 5000])
def test_a_scheme_that_leads_to_no_page_is_refused_by_name(scheme):
    refused = read(f"{scheme}:example")
    assert isinstance(refused, Unhashable)
    assert scheme[:40] in refused.reason


def test_a_port_is_not_taken_for_the_rest_of_a_scheme():
    assert read("localhost:8080/a") == Address("http", "localhost", "8080", "/a", "", "")


def test_a_link_longer_than_the_limit_is_refused():
    room = MAX_CHARACTERS - len("http://example.org/")
    assert isinstance(read("http://example.org/" + "a" * room), Address)
    assert isinstance(read("http://example.org/" + "a" * (room + 1)), Unhashable)
