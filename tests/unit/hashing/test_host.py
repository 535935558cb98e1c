import pytest

from tocsin.hashing.host import MAX_CHARACTERS, bare, possible, registrable


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("a.b.example.org", "example.org"),
        ("example.co.uk", "example.co.uk"),
        ("a.tenant.github.io", "tenant.github.io"),
        ("github.io", ""),
        ("localhost", ""),
        ("127.0.0.1", ""),
        ("[::1]", ""),
        ("a.xn--80aswg.xn--p1ai", "xn--80aswg.xn--p1ai"),
        ("abcdefghij.onion", "abcdefghij.onion"),
    ],
)
def test_the_registrable_domain_is_the_label_below_a_public_suffix(host, domain):
    assert registrable(host) == domain


@pytest.mark.parametrize(
    ("host", "wanted"),
    [
        ("www.example.org", "example.org"),
        ("m.www.m.example.org", "example.org"),
        ("www.co.uk", "www.co.uk"),
        ("m.me", "m.me"),
        ("wwwexample.org", "wwwexample.org"),
        (".a..example.org.", "a.example.org"),
    ],
)
def test_only_a_prefix_that_says_nothing_is_dropped(host, wanted):
    assert bare(host) == wanted


@pytest.mark.parametrize("host", ["example.org", "_a-b.example", "[::1]", "xn--a.org"])
def test_names_of_hosts_are_possible(host):
    assert possible(host)


@pytest.mark.parametrize("host", ["", "a(b", "exa'mple.org", "é.org", "a" * (MAX_CHARACTERS + 1)])
def test_names_that_no_host_can_have_are_not(host):
    assert not possible(host)
