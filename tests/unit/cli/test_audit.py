from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from exchanges import an_item
from served import now, serving
from tocsin.entries.statements import Erase
from tocsin.exchange.keys import SigningKey
from tocsin.operating.admission import Admission
from tocsin.operating.invitations import check_terms


@pytest.fixture
def served(tmp_path):
    """An exchange that answers over HTTP, with something in it."""
    # What the server logs would stand between what the commands print.
    with capture_logs(), serving(tmp_path / "exchange") as served:
        alice = served.join("alice")
        alice.say(*(an_item(number, at=now()) for number in range(3)))
        alice.say(an_item(9, at=now(), audience="public"), Erase(of=2, reason="error"))
        yield served


def test_an_audit_with_the_key_verifies_everything(tocsin, served):
    answer = tocsin("audit", served.url, "--key", served.exchange.verifier, "--json")
    (found,) = answer.lines
    assert (answer.code, found["clean"], found["faults"]) == (0, True, 0)
    assert found["size"] == found["entries"] == found["signatures_verified"] == 7
    assert (found["read"], found["erased"], found["closed"]) == (4, 1, 2)


def test_an_audit_says_the_same_to_people(tocsin, served):
    answer = tocsin("audit", served.url, "--key", served.exchange.verifier)
    assert answer.out.endswith("all verifies\n")


def test_an_invitation_is_enough_to_audit(tocsin, served):
    link = served.exchange.invite(check_terms(member="bob")).link
    assert tocsin("audit", link).code == 0


def test_a_policy_with_witnesses_is_not_met_without_them(tocsin, served, tmp_path):
    witness = SigningKey.generate("w.example", 4).verifier
    policy = tmp_path / "policy"
    policy.write_text(f"log {served.exchange.verifier}\nwitness w {witness}\nquorum w\n")
    answer = tocsin("audit", served.url, "--policy", policy)
    assert answer.code == 1
    assert "quorum" in answer.out


def test_another_key_verifies_nothing(tocsin, served):
    other = SigningKey.generate("exchange.example/log").verifier
    answer = tocsin("audit", served.url, "--key", other)
    assert answer.code == 1
    assert "NOT" in answer.out


@pytest.mark.parametrize("words", [("audit",), ("exchange", "fsck")])
def test_without_a_key_the_exchanges_word_is_taken_for_it_and_that_is_said(tocsin, served, words):
    answer = tocsin(*words, served.url)
    assert answer.code == 0
    assert str(served.exchange.verifier) in answer.err


def test_fsck_of_a_folder_that_is_in_use_says_what_it_leaves_out(tocsin, served):
    folder = served.running.folder
    answer = tocsin("exchange", "fsck", folder.path, "--json")
    (found,) = answer.lines
    assert (answer.code, found["clean"]) == (0, True)
    assert "running" in found["unchecked"]
    tile = max((folder.log / "tile" / "0" / "000.p").iterdir(), key=lambda one: int(one.name))
    tile.write_bytes(bytes(len(tile.read_bytes())))
    assert tocsin("exchange", "fsck", folder.path).code == 1


def test_an_entry_that_is_not_signed_is_named(tocsin, served, monkeypatch):
    monkeypatch.setattr(Admission, "_check_issuer", lambda *_: None)
    bob = served.join("bob")
    parcel = bob.seal(an_item(at=now()))
    bob.submit(replace(parcel, envelope=replace(parcel.envelope, signature=bytes(64))))
    answer = tocsin("audit", served.url, "--key", served.exchange.verifier)
    assert answer.code == 1
    assert "entry 8, bad_signature" in answer.out


def test_fsck_of_a_folder_finds_what_the_public_cannot(tocsin, served):
    folder = served.running.folder
    served.running.close()
    assert tocsin("exchange", "fsck", folder.path).code == 0
    raw = folder.contents.read_bytes()
    folder.contents.write_bytes(raw.replace(b"item number 1", b"item number 2"))
    answer = tocsin("exchange", "fsck", folder.path, "--json")
    (found,) = answer.lines
    assert answer.code == 1
    assert [one["code"] for one in found["findings"]] == ["not_opening"]


def test_an_address_that_does_not_answer_is_unavailable(tocsin):
    key = SigningKey.generate("exchange.example/log").verifier
    assert tocsin("audit", "http://127.0.0.1:9", "--key", key).code == 5


def test_a_folder_that_is_no_exchange_is_bad_input(tocsin, tmp_path):
    assert tocsin("exchange", "fsck", tmp_path).code == 2
