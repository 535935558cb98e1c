"""The only way out leads to public addresses, in bounded time and memory, and nowhere else."""

import gzip
import ssl
import threading
import tracemalloc
from ipaddress import ip_network

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certificates import authority, server_context
from servers import answer, raw, serve
from tocsin.errors import TooLarge, Unavailable, UnsafeAddress
from tocsin.safehttp import SafeClient, SafeTransport, is_local, is_public, look_up

LIMIT = 1_000_000
HEAD = b"HTTP/1.1 200 OK\r\n"
NAT64 = ip_network("64:ff9b::/96")


def names(**addresses):
    """Resolve these names, dots written as underscores, and literal addresses."""
    table = {name.replace("_", "."): found for name, found in addresses.items()}
    return lambda host, port: table[host] if host in table else look_up(host, port)


@pytest.fixture
def client():
    """Of the kind an operator allows for an address in the own house."""
    return SafeClient(local=True, any_port=True)


@pytest.fixture
def stuck():
    """Something to wait for that is over when the test is."""
    event = threading.Event()
    yield event
    event.set()


SPELLINGS = {
    "loopback": "127.0.0.1",
    "short": "127.1",
    "decimal": "2130706433",
    "octal": "017700000001",
    "hexadecimal": "0x7f000001",
    "mixed": "0x7f.1",
    "full width digits": "\uff11\uff12\uff17.0.0.1",
    "percent": "%31%32%37.0.0.1",
    "any": "0.0.0.0",
    "private": "192.168.1.1",
    "private 10": "10.1.2.3",
    "private 172": "172.31.255.255",
    "carrier grade": "100.64.0.1",
    "link local": "169.254.169.254",
    "cloud metadata that looks public": "168.63.129.16",
    "multicast": "224.0.0.1",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "documentation": "203.0.113.9",
    "benchmark": "198.18.0.1",
    "loopback v6": "[::1]",
    "any v6": "[::]",
    "unique local": "[fd00::1]",
    "link local v6": "[fe80::1]",
    "site local": "[fec0::1]",
    "multicast v6": "[ff02::1]",
    "mapped": "[::ffff:127.0.0.1]",
    "mapped metadata": "[::ffff:a9fe:a9fe]",
    "compatible": "[::127.0.0.1]",
    "nat64": "[64:ff9b::7f00:1]",
    "nat64 local": "[64:ff9b:1::7f00:1]",
    "6to4": "[2002:7f00:1::]",
    "teredo": "[2001:0:7f00:1::1]",
    "documentation v6": "[2001:db8::1]",
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_no_spelling_of_an_address_that_is_not_public_is_connected_to(spelling):
    with pytest.raises(UnsafeAddress):
        SafeClient().get(f"http://{spelling}/", limit_bytes=LIMIT)


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_judged_as_if_it_stood_alone(address):
    assert is_public(f"::ffff:{address}") == is_public(str(address))
    nat64 = NAT64.network_address + int(address)
    assert is_public(str(nat64)) == is_public(str(address))


@given(st.ip_addresses())
def test_what_is_public_here_is_public_for_python_too(address):
    carrier = address in NAT64 or getattr(address, "ipv4_mapped", None) is not None
    if is_public(str(address)) and not carrier:
        assert address.is_global
        assert not address.is_multicast


@given(st.ip_addresses())
def test_no_address_is_both_public_and_local(address):
    assert not (is_public(str(address)) and is_local(str(address)))


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "64:ff9b::808:808"])
def test_public_addresses_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "//example.com/",
        "example.com",
        "",
        "http://",
        "http://user@example.com/",
        "http://user:password@example.com/",
        "http://example.com:8080/",
        "http://example.com:22/",
        "http://example.com:99999/",
        "http://exa mple.com/",
        "http://example.com/" + "a" * 9000,
        "http://\ud800.com/",
    ],
)
def test_an_address_that_is_not_plain_http_is_refused_before_anything_is_looked_up(url):
    client = SafeClient(resolve=lambda *_: pytest.fail("looked up"))
    with pytest.raises(UnsafeAddress):
        client.get(url, limit_bytes=LIMIT)


def test_one_bad_address_among_good_ones_condemns_the_host():
    client = SafeClient(resolve=names(mixed_example=["93.184.216.34", "10.0.0.7"]))
    with pytest.raises(UnsafeAddress, match=r"10\.0\.0\.7"):
        client.get("http://mixed.example/", limit_bytes=LIMIT)


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1"])
def test_a_client_for_the_own_house_still_refuses_metadata_and_multicast(client, address):
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(UnsafeAddress):
        client.get(f"http://{host}/", limit_bytes=LIMIT)


def test_get_returns_status_and_body(client, server):
    found = client.get(server.url("/path?q=1#part"), limit_bytes=LIMIT)
    assert (found.status, found.body) == (200, b"content")
    assert server.asked[0].path == "/path?q=1"


def test_the_socket_goes_to_the_address_that_was_checked_whatever_the_name_says_later(server):
    """DNS rebinding: the name is good when asked first and bad ever after."""
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    client = SafeClient(local=True, any_port=True, resolve=lambda *_: next(answers))
    assert client.get(server.url(host="rebinding.example"), limit_bytes=LIMIT).status == 200
    with pytest.raises(UnsafeAddress):
        client.get(server.url(host="rebinding.example"), limit_bytes=LIMIT)


@pytest.mark.parametrize("host", ["files.example", "[::1]"])
def test_the_host_header_keeps_the_name(server, host):
    client = SafeClient(local=True, any_port=True, resolve=lambda *_: ["127.0.0.1"])
    client.get(server.url(host=host), limit_bytes=LIMIT)
    assert server.asked[0].headers["host"] == f"{host}:{server.port}"


def test_a_dead_address_is_passed_over_for_the_next_one(server):
    client = SafeClient(local=True, any_port=True, resolve=names(two_example=["::1", "127.0.0.1"]))
    assert client.get(server.url(host="two.example"), limit_bytes=LIMIT).status == 200


def test_a_few_redirects_are_followed(client, server):
    def reply(handler):
        step = int(handler.path[1:] or 0)
        (answer(302, location=f"/{step + 1}") if step < 3 else answer(body=b"end"))(handler)

    server.reply = reply
    found = client.get(server.url("/0"), limit_bytes=LIMIT)
    assert (found.body, found.url) == (b"end", server.url("/3"))


def test_redirects_without_end_are_unavailable(client, server):
    server.reply = answer(302, location="/again")
    with pytest.raises(Unavailable, match="3 times"):
        client.get(server.url(), limit_bytes=LIMIT)
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    "location",
    ["http://169.254.169.254/latest/meta-data/", "file:///etc/passwd", "http://a:b@127.0.0.1/"],
)
def test_a_redirect_is_checked_like_the_first_address(client, server, location):
    server.reply = answer(302, location=location)
    with pytest.raises(UnsafeAddress):
        client.get(server.url(), limit_bytes=LIMIT)


def test_a_redirect_to_what_is_no_address_is_refused(client, server):
    server.reply = answer(302, location="http://[")
    with pytest.raises(UnsafeAddress):
        client.get(server.url(), limit_bytes=LIMIT)


def test_a_body_as_large_as_the_limit_passes_and_one_byte_more_does_not(client, server):
    server.reply = answer(body=b"x" * 1000)
    assert len(client.get(server.url(), limit_bytes=1000).body) == 1000
    with pytest.raises(TooLarge):
        client.get(server.url(), limit_bytes=999)


def test_a_gzip_bomb_is_stopped_before_it_fills_the_memory(client, server):
    server.reply = answer(body=gzip.compress(bytes(100_000_000)), content_encoding="gzip")
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            client.get(server.url(), limit_bytes=LIMIT)
        assert tracemalloc.get_traced_memory()[1] < 10 * LIMIT
    finally:
        tracemalloc.stop()


@settings(max_examples=25)
@given(content=st.binary(max_size=5000), repeats=st.integers(1, 200), members=st.integers(1, 3))
def test_gzip_of_any_content_is_undone(content, repeats, members):
    packed = gzip.compress(content * repeats) * members
    with serve(answer(body=packed, content_encoding="gzip")) as server:
        client = SafeClient(local=True, any_port=True)
        found = client.get(server.url(), limit_bytes=5_000_000)
    assert found.body == content * repeats * members


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (gzip.compress(b"content" * 100)[:-5], "gzip"),
        (b"not gzip", "gzip"),
        (gzip.compress(gzip.compress(b"content")), "gzip, gzip"),
        (b"content", "br"),
    ],
    ids=["cut", "broken", "twice", "never asked for"],
)
def test_a_packing_that_cannot_be_undone_is_not_taken_for_the_content(client, server, body, coding):
    server.reply = answer(body=body, content_encoding=coding)
    with pytest.raises(Unavailable):
        client.get(server.url(), limit_bytes=LIMIT)


@pytest.mark.parametrize(
    "start", [b"", HEAD, HEAD + b"Content-Length: 9000\r\n\r\n"], ids=["status", "header", "body"]
)
def test_a_server_that_drips_bytes_is_left_at_the_deadline(client, server, stuck, start):
    drops = [b"a"] * 600
    server.reply = raw(start, *drops, pause=lambda: stuck.wait(0.02))
    # The second: on a slow machine the time may be over before the first byte.
    with pytest.raises(Unavailable, match=r"in time|too long"):
        client.get(server.url(), limit_bytes=LIMIT, timeout_s=0.3)


def test_a_look_up_that_hangs_is_left_at_the_deadline(stuck):
    client = SafeClient(resolve=lambda *_: stuck.wait(30) and [])
    with pytest.raises(Unavailable, match="too long"):
        client.get("http://hanging.example/", limit_bytes=LIMIT, timeout_s=0.1)


@pytest.mark.parametrize("found", [OSError("no such name"), UnicodeError("label too long")])
def test_a_host_that_cannot_be_looked_up_is_unavailable(found):
    def resolve(host, port):
        raise found

    with pytest.raises(Unavailable, match="looked up"):
        SafeClient(resolve=resolve).get("http://nowhere.example/", limit_bytes=LIMIT)


def test_a_host_without_addresses_is_unavailable():
    client = SafeClient(resolve=lambda *_: [])
    with pytest.raises(Unavailable, match="no address"):
        client.get("http://nowhere.example/", limit_bytes=LIMIT)


@pytest.mark.parametrize(
    "said",
    [b"", b"not http at all\r\n\r\n", HEAD + b"Content-Length: 50\r\n\r\nshort"],
    ids=["nothing", "nonsense", "cut"],
)
def test_a_server_that_does_not_speak_properly_is_unavailable(client, server, said):
    server.reply = raw(said)
    with pytest.raises(Unavailable):
        client.get(server.url(), limit_bytes=LIMIT)


def test_a_closed_port_is_unavailable(server):
    closed = SafeClient(local=True, any_port=True, resolve=names(closed_example=["127.0.0.9"]))
    with pytest.raises(Unavailable):
        closed.get(server.url(host="closed.example"), limit_bytes=LIMIT)


def test_cookies_are_not_kept(client, server):
    server.reply = answer(set_cookie="seen=1")
    client.get(server.url(), limit_bytes=LIMIT)
    client.get(server.url(), limit_bytes=LIMIT)
    assert "cookie" not in server.asked[1].headers


def test_a_proxy_named_by_the_environment_is_not_used(client, server, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert client.get(server.url(), limit_bytes=LIMIT).status == 200


def test_post_sends_its_content_and_headers_once(client, server):
    status = client.post(server.url("/hook"), content=b"x" * 50_000, headers={"webhook-id": "7"})
    (asked,) = server.asked
    assert (status, asked.method, asked.body) == (200, "POST", b"x" * 50_000)
    assert asked.headers["webhook-id"] == "7"


def test_post_does_not_follow_a_redirect(client, server):
    server.reply = answer(307, location="/elsewhere")
    assert client.post(server.url(), content=b"x", headers={}) == 307
    assert len(server.asked) == 1


@pytest.fixture(scope="module")
def ca():
    return authority()


@pytest.fixture
def secure(ca):
    """A server with a certificate for files.example alone, and a client that trusts its maker."""
    asked_for = []
    context = server_context(ca, "files.example")
    context.sni_callback = lambda _socket, name, _context: asked_for.append(name)
    trust = ssl.create_default_context(cadata=ca.text)
    both = names(files_example=["127.0.0.1"], other_example=["127.0.0.1"])
    with serve(answer(body=b"content"), context) as server:
        yield server, SafeClient(local=True, any_port=True, resolve=both, tls=trust), asked_for


def test_the_certificate_is_checked_for_the_name_and_not_for_the_address(secure):
    server, client, asked_for = secure
    url = server.url(host="files.example", scheme="https")
    assert client.get(url, limit_bytes=LIMIT).body == b"content"
    assert asked_for == ["files.example"]


def test_a_certificate_for_another_name_is_refused(secure):
    server, client, _ = secure
    client.get(server.url(host="files.example", scheme="https"), limit_bytes=LIMIT)
    with pytest.raises(Unavailable, match="certificate"):
        client.get(server.url(host="other.example", scheme="https"), limit_bytes=LIMIT)


def test_a_certificate_of_an_unknown_maker_is_refused(secure):
    server, _, _ = secure
    client = SafeClient(local=True, any_port=True, resolve=names(files_example=["127.0.0.1"]))
    with pytest.raises(Unavailable, match="certificate"):
        client.get(server.url(host="files.example", scheme="https"), limit_bytes=LIMIT)


def through(**more):
    return httpx.Client(transport=SafeTransport(**more), trust_env=False)


def test_each_connection_of_a_client_of_httpx_is_checked_anew(server):
    found = iter([["127.0.0.1"], ["169.254.169.254"]])
    server.reply = answer(body=b"content")
    with through(local=True, resolve=lambda *_: next(found)) as client:
        assert client.get(server.url(host="files.example")).content == b"content"
        with pytest.raises(UnsafeAddress):  # The server closed the connection, the name moved.
            client.get(server.url(host="files.example"))


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1"])
def test_a_client_of_httpx_reaches_no_private_address_either(address):
    with through(resolve=lambda *_: [address]) as client, pytest.raises(UnsafeAddress):
        client.get("http://files.example/")


def test_a_client_of_httpx_is_told_in_its_own_words_that_nobody_is_there():
    def nowhere(host, port):
        raise OSError("no such host")

    with through(resolve=nowhere) as client, pytest.raises(httpx.ConnectError, match="looked up"):
        client.get("http://files.example/")


def test_a_client_of_httpx_passes_over_a_dead_address(server):
    both = ["127.0.0.2", "127.0.0.1"]
    with through(local=True, resolve=lambda *_: both) as client:
        assert client.get(server.url(host="files.example")).status_code == 200
