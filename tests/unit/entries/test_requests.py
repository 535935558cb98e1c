"""A request is a member's only if it was signed just now, as a whole, once, for this exchange."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import HTTPMessageSigner, MappingKeyResolver, algorithms
from hypothesis import given
from hypothesis import strategies as st

from clocks import FakeClock
from tocsin.entries.envelope import key_id
from tocsin.entries.requests import Received, Unsigned, canonical_url, sign, verify
from tocsin.errors import InvalidInput, Unavailable

KEY = Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key().public_bytes_raw()
NAME = key_id(PUBLIC).hex()
URL = "https://exchange.example/v1/entries?a=b"
NOW = FakeClock()()
NONCE = "n" * 22


class Nonces(set):
    """Nonces in memory; see `entries.requests.Nonces`."""

    def use(self, key, nonce, until):
        fresh = (key, nonce) not in self
        self.add((key, nonce))
        self.until = until
        return fresh


@pytest.fixture
def nonces():
    return Nonces()


def key_of(name):
    if name != NAME:
        raise Unsigned("no member has this key", code="unknown_key")
    return PUBLIC


def made(method="POST", url=URL, body=b"{}", key=KEY, at=NOW, nonce=NONCE, **more):
    headers = sign(method, url, key=key, at=at, nonce=nonce, body=body, **more)
    return Received(method, url, list(headers.items()))


def check(request, nonces, now=NOW):
    return verify(request, key_of=key_of, nonces=nonces, now=now)


def refused(request, nonces, body=b"{}", now=NOW):
    with pytest.raises(Unsigned) as caught:
        check(request, nonces, now).check_body(body)
    return caught.value.code


def with_header(request, name, change):
    lines = [
        (one, change(value) if one.lower() == name else value) for one, value in request.headers
    ]
    return replace(request, headers=lines)


@pytest.mark.parametrize("body", [b"", b"{}", b"\x00" * 5000])
def test_what_a_member_signed_is_the_members(nonces, body):
    asked = check(made(body=body), nonces)
    asked.check_body(body)
    assert asked.key == NAME


def test_each_nonce_is_kept_as_long_as_the_request_is_fresh(nonces):
    check(made(at=NOW + timedelta(seconds=200)), nonces)
    assert nonces.until == NOW + timedelta(seconds=500)


def test_a_request_is_taken_once(nonces):
    check(made(), nonces)
    assert refused(made(), nonces) == "replayed_request"


def test_a_forger_does_not_use_up_a_members_nonce(nonces):
    forged = with_header(made(), "signature", lambda _: f"sig=:{'A' * 86}==:")
    assert refused(forged, nonces) == "bad_signature"
    assert check(made(), nonces).key == NAME


@pytest.mark.parametrize("seconds", [-301, 301, -86_400, 86_400])
def test_a_request_of_another_time_is_told_what_time_it_is(nonces, seconds):
    late = made(at=NOW + timedelta(seconds=seconds))
    assert refused(late, nonces) == "stale_request"
    with pytest.raises(Unsigned, match=f"{NOW.timestamp():.0f}"):
        check(late, nonces)


@pytest.mark.parametrize("seconds", [-299, 0, 299])
def test_clocks_may_differ_a_little(nonces, seconds):
    assert check(made(at=NOW + timedelta(seconds=seconds)), nonces).key == NAME


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "GET"},
        {"url": "https://other.example/v1/entries?a=b"},
        {"url": "http://exchange.example/v1/entries?a=b"},
        {"url": "https://exchange.example/v1/join?a=b"},
        {"url": "https://exchange.example/v1/entries?a=c"},
        {"url": "https://exchange.example/v1/entries"},
    ],
    ids=str,
)
def test_a_signature_is_for_one_request_to_one_exchange(nonces, changed):
    assert refused(replace(made(), **changed), nonces) == "bad_signature"


def test_a_body_that_was_exchanged_is_refused(nonces):
    assert refused(made(), nonces, body=b"{ }") == "bad_digest"


def test_a_body_beside_a_signature_without_one_is_refused(nonces):
    assert refused(made(body=b""), nonces, body=b"{}") == "bad_signature"


def test_a_missing_body_is_refused(nonces):
    assert refused(made(), nonces, body=b"") == "bad_digest"


def test_another_digest_beside_the_signed_one_is_refused(nonces):
    request = made()
    twice = replace(request, headers=[*request.headers, ("Content-Digest", "sha-512=:AAAA:")])
    assert refused(twice, nonces) == "bad_signature"


def test_a_request_without_a_signature_is_called_unsigned(nonces):
    bare = Received("GET", URL, [("accept", "*/*")])
    assert not bare.signed
    assert refused(bare, nonces) == "unsigned"


@pytest.mark.parametrize("name", ["signature", "signature-input"])
def test_half_a_signature_is_not_taken_for_none(nonces, name):
    request = made()
    half = replace(request, headers=[line for line in request.headers if line[0].lower() != name])
    assert half.signed
    assert refused(half, nonces) == "bad_signature"


def test_two_signatures_are_one_too_many(nonces):
    one, other = made(), made(nonce="m" * 22)
    both = {}
    for name in ("Signature", "Signature-Input"):
        first, second = dict(one.headers)[name], dict(other.headers)[name]
        both[name] = f"{first}, {second.replace('sig=', 'sig2=', 1)}"
    lines = [(name, both.get(name, value)) for name, value in one.headers]
    assert refused(replace(one, headers=lines), nonces) == "bad_signature"


def test_a_key_that_nobody_has_is_told_as_such(nonces):
    assert refused(made(key=Ed25519PrivateKey.generate()), nonces) == "unknown_key"


def test_what_looking_up_a_key_or_a_nonce_raises_is_raised():
    class Broken:
        def use(self, key, nonce, until):
            raise Unavailable("the disk is full")

    with pytest.raises(Unavailable):
        check(made(), Broken())

    def unavailable(name):
        raise Unavailable("the register cannot be read")

    with pytest.raises(Unavailable):
        verify(made(), key_of=unavailable, nonces=Nonces(), now=NOW)


class _Mutable:
    def __init__(self, **headers):
        self.method, self.url, self.headers = "GET", URL, dict(headers)


def by_library(covered, **parameters):
    """A request that the library signs, with components and parameters of one's own choice."""
    message = _Mutable(accept="*/*")
    keys = MappingKeyResolver(public_keys={}, private_keys={NAME: KEY})
    signer = HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=keys)
    given = {"created": NOW, "nonce": NONCE, "tag": "tocsin-exchange", "label": "x"} | parameters
    signer.sign(message, key_id=NAME, covered_component_ids=covered, **given)
    return Received(message.method, message.url, list(message.headers.items()))


FULL = ("@method", "@authority", "@target-uri")


def test_any_label_will_do_and_the_order_of_components_too(nonces):
    assert check(by_library(FULL[::-1]), nonces).key == NAME


@pytest.mark.parametrize(
    "covered",
    [
        (),
        FULL[:2],
        FULL[1:],
        (*FULL, "accept"),
        ("@method", "@authority", "@path"),
        (*FULL, "@query"),
    ],
    ids=str,
)
def test_a_signature_covers_neither_less_nor_more(nonces, covered):
    assert refused(by_library(covered), nonces, b"") == "bad_signature"


@pytest.mark.parametrize(
    "parameters",
    [
        {"tag": "other"},
        {"tag": None},
        {"nonce": None},
        {"nonce": "short"},
        {"nonce": "n" * 65},
        {"nonce": "n" * 20 + " ;"},
        {"include_alg": False},
        {"expires": NOW + timedelta(seconds=60)},
    ],
    ids=str,
)
def test_a_signature_has_exactly_these_parameters(nonces, parameters):
    assert refused(by_library(FULL, **parameters), nonces, b"") == "bad_signature"


@given(name=st.sampled_from(["Signature", "Signature-Input"]), value=st.text(max_size=300))
def test_no_header_is_too_strange_to_be_refused(name, value):
    request = made()
    lines = [(one, value if one == name else old) for one, old in request.headers]
    with pytest.raises(Unsigned):
        check(replace(request, headers=lines), Nonces())


@given(at=st.integers(0, 2000), bit=st.integers(0, 7))
def test_no_bit_of_a_signed_head_can_be_flipped(at, bit):
    request = made()
    text = "\n".join(f"{name}: {value}" for name, value in request.headers).encode()
    at %= len(text)
    changed = text[:at] + bytes([text[at] ^ (1 << bit)]) + text[at + 1 :]
    lines = [tuple(line.split(": ", 1)) for line in changed.decode("latin-1").split("\n")]
    if any(len(line) != 2 for line in lines):
        return
    try:
        asked = check(replace(request, headers=lines), Nonces())
        asked.check_body(b"{}")
    except Unsigned:
        return
    # What a signature leaves open: its label, and how a header's name is written.
    same = [(name.lower(), value.partition("=")[2]) for name, value in lines]
    assert same == [(name.lower(), value.partition("=")[2]) for name, value in request.headers]


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("https://Exchange.Example/", "https://exchange.example"),
        ("HTTPS://exchange.example:443/a/", "https://exchange.example/a"),
        ("http://exchange.example:80", "http://exchange.example"),
        ("http://exchange.example:8080", "http://exchange.example:8080"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
    ],
)
def test_both_sides_write_an_address_in_one_way(url, canonical):
    assert canonical_url(url) == canonical_url(canonical) == canonical


@pytest.mark.parametrize(
    "url",
    [
        "",
        "exchange.example",
        "ftp://a.example",
        "https://",
        "https://a.example/?q",
        "https://ä.example",
        "https://a@b.example",
        "https://a.example/#x",
        "https://a.example:99999",
        "https://[::1",
    ],
)
def test_what_is_no_address_of_an_exchange_is_refused(url):
    with pytest.raises(InvalidInput):
        canonical_url(url)
