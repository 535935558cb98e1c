"""An operator who logs what it likes: nothing that its issuer did not sign has any effect.

Passed if each forged, replayed or malformed entry is counted by its code, the exchange is suspect,
and the entries around it are applied as if it were not there.
"""

from dataclasses import replace

import pytest

from ledger import ORIGIN, Ledger, item, join, nonce, private_key, public_key
from shares import LedgerPlace
from tocsin.entries.envelope import EntryType, Position, seal
from tocsin.entries.parties import Role
from tocsin.entries.statements import (
    Erase,
    KeySaid,
    MemberSaid,
    Opinion,
    Retract,
    View,
    write,
)
from tocsin.exchange.checkpoint import Checkpoint
from tocsin.exchange.keys import SigningKey
from tocsin.exchange.note import sign_note
from victims import victim_of


def put(place, parcel):
    place.put(parcel.envelope.encode(), parcel.nonce + parcel.payload)


def forged(ledger, member, said, **changes):
    """An entry in a member's name that it did not sign."""
    return ledger.parcel(member, said, "industry", **changes)


@pytest.fixture
def listed(ledger, place, victim):
    """The index of an item that the victim has on its lists."""
    index = ledger.said("tube", item(note="the item"))
    place.publish()
    assert victim.take() == "done"
    return index


def test_a_removal_that_its_issuer_did_not_sign_removes_nothing(ledger, place, victim, listed):
    retract = ledger.parcel("tube", Retract(of=listed, reason="forged"))
    for signature in (bytes(64), private_key("industry").sign(b"x"), retract.envelope.signature):
        envelope = replace(retract.envelope, signature=signature, previous=bytes(32))
        put(place, replace(retract, envelope=envelope))
    place.commit(ledger.size)
    assert victim.take() == "done"
    assert listed in victim.stages()
    assert set(victim.faults().values()) == {"bad_signature"}
    assert victim.status.suspect


def test_a_removal_by_another_member_removes_nothing(ledger, place, victim, listed):
    for name, said in {
        "chat": Retract(of=listed, reason="not mine"),
        "industry": Retract(of=listed, reason="not mine"),
        "police": Erase(of=listed, reason="error"),
    }.items():
        assert ledger.say(name, said) in {"not_own", "not_permitted"}
    place.publish()
    assert victim.take() == "done"
    assert listed in victim.stages()
    assert len(victim.faults()) == 3


def test_the_operator_s_signature_in_another_s_name_is_none(ledger, place, victim, listed):
    opinion = Opinion(of=listed, opinion=View.DISPUTE)
    parcel = forged(ledger, "chat", opinion)
    named = replace(parcel.envelope, key_id=ledger.parcel("chat", opinion).envelope.key_id)
    put(place, replace(parcel, envelope=named))
    place.commit(ledger.size)
    assert victim.take() == "done"
    assert victim.faults() == {ledger.size: "bad_signature"}


def test_a_forgery_does_not_spoil_what_its_victim_says_next(ledger, place, victim):
    place.publish()
    size = ledger.size
    put(place, ledger.parcel("tube", item(note="forged"), signature=bytes(64)))
    put(place, ledger.parcel("tube", item(note="honest")))
    place.commit(size)
    assert victim.take() == "done"
    assert victim.faults() == {size: "bad_signature"}
    assert list(victim.stages()) == [size + 1]


def test_an_entry_of_another_exchange_cannot_be_handed_on(ledger, place, victim, listed):
    said = Retract(of=listed, reason="said elsewhere")
    elsewhere = seal(
        write(said),
        EntryType.RETRACT,
        origin="other.example/log",
        after=ledger.register.positions["tube"],
        key=private_key("tube"),
        nonce=nonce(77),
    )
    put(place, elsewhere)
    place.commit(ledger.size)
    assert victim.take() == "done"
    assert listed in victim.stages()
    assert victim.faults() == {ledger.size: "bad_signature"}


def test_entries_that_come_again_or_out_of_order_change_nothing(ledger, place, victim, listed):
    before = victim.digest
    old = ledger.parcels[listed]
    put(place, old)
    ahead = ledger.register.positions["tube"]
    ledger.register.positions["tube"] = Position(ahead.sequence + 1, ahead.digest)
    put(place, ledger.parcel("tube", item(note="later")))
    place.commit(listed + 1)
    assert victim.take() == "done"
    assert list(victim.faults().values()) == ["replayed", "gap"]
    assert victim.stages() == {listed: "shadow"}
    assert victim.digest != before  # Of the size alone: the entries took their places.


@pytest.mark.parametrize("leaf", [b"", b"x", bytes(164), b"\2" + bytes(163), b"\xff" * 65_535])
def test_a_leaf_that_is_none_never_stops_the_next(ledger, place, victim, leaf):
    place.publish()
    place.put(leaf, b"whatever")
    size = len(place.leaves)
    place.commit(size - 1)
    # The ledger's next entries stand one further in this log than it thinks.
    parcel = ledger.parcel("tube", item(note="after it"))
    put(place, parcel)
    place.commit(size)
    assert victim.take() == "done"
    assert victim.faults() == {size - 1: "malformed"}
    assert list(victim.stages()) == [size]


@pytest.mark.parametrize(
    "content",
    [b"short", nonce(5), nonce(5) + b"{}", nonce(5) + b"\xff" * 40_000, bytes(65_535)],
    ids=["short", "nonce alone", "another payload", "too long", "zeros"],
)
def test_a_content_that_the_leaf_does_not_commit_to_has_no_effect(ledger, place, victim, content):
    place.publish()
    parcel = ledger.parcel("tube", item(note="the item"))
    place.put(parcel.envelope.encode(), content)
    place.commit(ledger.size)
    assert victim.take() == "done"
    assert victim.faults() == {ledger.size: "not_opening"}
    assert victim.stages() == {}


@pytest.mark.parametrize(
    "said",
    [
        MemberSaid(action="suspend", member="tube"),
        KeySaid(action="revoke", member="tube", key=public_key("tube")),
        Erase(of=0, reason="error"),
    ],
    ids=["member", "key", "erase"],
)
def test_a_change_that_is_kept_from_one_member_makes_the_exchange_suspect(
    ledger, place, victim, said
):
    place.publish()
    parcel = ledger.parcel("industry", said)
    place.put(parcel.envelope.encode(), b"")
    place.commit(ledger.size)
    assert victim.take() == "done"
    assert victim.faults() == {ledger.size: "withheld"}
    assert victim.status.suspect


def test_the_operator_speaks_for_nobody_it_did_not_admit(ledger, place, victim):
    place.publish()
    said = join("ghost")
    put(place, ledger.parcel("ghost", said))
    place.commit(ledger.size)
    assert victim.take() == "done"
    assert victim.faults() == {ledger.size: "unknown_key"}


def test_a_checkpoint_under_another_key_freezes_the_exchange(ledger, place, victim):
    place.publish()
    victim.take()
    stranger = SigningKey.generate(ORIGIN)
    text = Checkpoint.parse(place.notes[ledger.size].decode().split("\n\n")[0] + "\n").text
    place.objects["checkpoint"] = sign_note(text, [stranger], ledger.at).encode()
    assert victim.take() == "Frozen"
    assert [one.kind for one in victim.following.dossier.evidence("hub")] == ["unproven"]


def test_a_founder_that_gives_itself_clashing_roles_founds_nothing(sqlite_store, tmp_path):
    ledger = Ledger()
    ledger.say("industry", join("industry", (Role.OPERATOR, Role.CONTRIBUTOR)))
    ledger.say("industry", item())
    place = LedgerPlace(ledger)
    place.publish()
    victim = victim_of(place, sqlite_store, tmp_path, member="")
    assert victim.take() == "done"
    assert victim.stages() == {}
    victim.following.close()
