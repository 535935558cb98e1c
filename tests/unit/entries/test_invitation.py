"""An invitation as a link: read back as it was written, or refused."""

import pytest

from tocsin.entries.invitation import Invitation
from tocsin.errors import InvalidInput
from tocsin.exchange.keys import SigningKey

KEY = SigningKey.generate("exchange.example/log").verifier
MADE = Invitation("https://exchange.example/under", KEY, "alice", "a_token-1")


def test_a_link_reads_back_as_it_was_written():
    assert Invitation.parse(MADE.link) == MADE
    assert Invitation.parse(f"  {MADE.link}\n") == MADE
    assert MADE.origin == "exchange.example/log"


def test_a_key_with_every_sign_of_base64_survives_the_link():
    for _ in range(50):
        key = SigningKey.generate("x.example/ü&=#").verifier
        made = Invitation("http://127.0.0.1:8100", key, "a", "t")
        assert Invitation.parse(made.link) == made


def test_nothing_secret_stands_before_the_hash_sign():
    sent = MADE.link.partition("#")[0]
    assert sent == "https://exchange.example/under/join"


@pytest.mark.parametrize(
    "link",
    [
        "",
        "https://exchange.example/join",
        MADE.link.replace("https", "file"),
        MADE.link.replace("/join", "/"),
        MADE.link + "&token=another",
        MADE.link + "&more=1",
        MADE.link.replace("key=", "key=x"),
        MADE.link.partition("&token")[0],
        "https://[::1/join#key=a&member=b&token=c",
    ],
)
def test_what_is_no_invitation_is_refused(link):
    with pytest.raises(InvalidInput):
        Invitation.parse(link)
