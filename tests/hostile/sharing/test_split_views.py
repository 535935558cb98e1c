"""An operator who shows two histories is found out by a member and by a witness.

Passed if the member is frozen by whatever contradicts what it saw, the witness cosigns only one,
and what the member kept convinces somebody who has nothing but the log's key and this file.
"""

import base64
import copy

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger import ORIGIN, item
from logs import cosigner
from shares import LedgerPlace
from tocsin.entries.statements import Retract
from tocsin.exchange.advance import encode_advance
from tocsin.exchange.checkpoint import open_checkpoint
from tocsin.exchange.locking import open_locks
from tocsin.exchange.policy import Policy
from tocsin.exchange.reading import Forked, Reader
from tocsin.exchange.tree import Tree
from tocsin.exchange.witness import Conflict, Cosigned, Rejected, Witness
from victims import NAME


@pytest.fixture
def twin(ledger, place):
    """Make another history of the same log, from where it stands now."""

    def make():
        other = LedgerPlace(copy.deepcopy(ledger), "rights")
        other.key = place.key
        other.publish()
        return other

    place.publish()
    return make


def redirect(victim, place):
    """Show the victim something else from now on."""
    victim.follower._place = place


def more(place, count, word):
    for number in range(count):
        place.ledger.said("tube", item(note=f"{word} {number}"))
    return place.publish()


def verified_by_hand(note, vkey):
    """Read a note by RFC 8032 and the form alone; return its size and root."""
    text, _, signatures = note.decode().partition("\n\n")
    key = base64.b64decode(vkey.split("+", 2)[2])
    blob = base64.b64decode(signatures.split()[2])
    assert key[0] == 1
    Ed25519PublicKey.from_public_bytes(key[1:]).verify(blob[4:], f"{text}\n".encode())
    origin, size, root = text.split("\n")
    assert origin == ORIGIN
    return int(size), base64.b64decode(root)


@pytest.mark.parametrize(("honest", "forked"), [(2, 2), (2, 5), (5, 2), (1, 300)])
def test_a_member_that_is_shown_another_history_freezes(place, victim, twin, honest, forked):
    other = twin()
    more(place, honest, "honest")
    assert victim.take() == "done"
    before = victim.stages()
    more(other, forked, "forked")
    redirect(victim, other)
    assert victim.take() == "Frozen"
    assert victim.stages() == before
    redirect(victim, place)
    assert victim.take() in {"Frozen", "Conflict"}  # Until a person has looked.


def test_the_evidence_convinces_who_has_nothing_but_the_key(place, victim, twin):
    other = twin()
    more(place, 3, "honest")
    victim.take()
    more(other, 3, "forked")
    redirect(victim, other)
    victim.take()
    (exhibit,) = victim.following.dossier.evidence(NAME)
    assert exhibit.kind == "forked"
    vkey = str(place.key.verifier)
    seen = verified_by_hand(exhibit.files["seen.note"], vkey)
    shown = verified_by_hand(exhibit.files["shown.note"], vkey)
    assert seen[0] == shown[0]
    assert seen[1] != shown[1]


def test_the_evidence_of_different_sizes_holds_a_proof_that_fails(place, victim, twin):
    other = twin()
    more(place, 1, "honest")
    victim.take()
    more(other, 2, "forked")
    redirect(victim, other)
    victim.take()
    (exhibit,) = victim.following.dossier.evidence(NAME)
    advance = exhibit.files["advance.txt"]
    witness = Witness(
        cosigner("witness.example"),
        {ORIGIN: [place.key.verifier]},
        locks=open_locks("sqlite://"),
        clock=lambda: place.ledger.at,
    )
    seen = exhibit.files["seen.note"]
    tree = Tree(place, open_checkpoint(seen, [place.key.verifier]).checkpoint)
    assert isinstance(witness.add_checkpoint(encode_advance(0, (), seen)), Cosigned)
    assert tree.size == advance_size(advance)
    refused = witness.add_checkpoint(advance)
    assert isinstance(refused, Rejected)
    assert refused.status == 422


def advance_size(advance):
    return int(advance.split(b"\n")[0].split()[1])


def test_a_witness_cosigns_one_history_alone(place, twin, tmp_path):
    witness = Witness(
        cosigner("witness.example"),
        {ORIGIN: [place.key.verifier]},
        locks=open_locks(f"sqlite:///{tmp_path / 'witness.db'}"),
        clock=lambda: place.ledger.at,
    )
    other = twin()
    size = len(place.leaves)
    first = encode_advance(0, (), place.notes[size])
    assert isinstance(witness.add_checkpoint(first), Cosigned)
    more(place, 2, "honest")
    more(other, 2, "forked")
    outcomes = []
    for one in (place, other):
        note = one.notes[size + 2]
        head = open_checkpoint(note, [place.key.verifier]).checkpoint
        proof = Tree(one, head).consistency(size)
        outcomes.append(witness.add_checkpoint(encode_advance(size, proof, note)))
    assert isinstance(outcomes[0], Cosigned)
    assert isinstance(outcomes[1], Conflict)
    policy = Policy.parse(place.policy.encode())
    compared = Reader(other, policy).compare(witness.latest(ORIGIN), other.notes[size + 2])
    assert isinstance(compared, Forked)


def test_a_member_learns_from_the_witnesses_copy_that_it_was_shown_another(place, victim, twin):
    other = twin()
    more(other, 2, "forked")
    redirect(victim, other)
    assert victim.take() == "done"  # It has seen neither before.
    more(place, 2, "honest")
    policy = Policy.parse(place.policy.encode())
    mine = other.notes[len(other.leaves)]
    assert isinstance(Reader(other, policy).compare(mine, place.get("checkpoint")), Forked)
    redirect(victim, place)
    assert victim.take() == "Frozen"


def test_a_history_without_an_entry_that_was_seen_is_no_history(place, victim, twin):
    other = twin()
    of = len(place.leaves)
    place.ledger.said("tube", item(note="to be forgotten"))
    place.publish()
    victim.take()
    assert of in victim.stages()
    redirect(victim, other)  # As before: smaller, and honest in itself.
    assert victim.take() == "Frozen"
    assert [one.kind for one in victim.following.dossier.evidence(NAME)] == ["rolled_back"]
    assert of in victim.stages()


def test_a_rollback_that_turns_out_to_be_a_fork_is_told_as_one(place, victim, twin):
    other = twin()
    more(place, 2, "honest")
    assert victim.take() == "done"
    redirect(victim, other)
    assert victim.take() == "Frozen"
    more(other, 3, "forked")
    assert [victim.take(), victim.take()] == ["Frozen", "Frozen"]
    kinds = {one.kind for one in victim.following.dossier.evidence(NAME)}
    assert kinds == {"rolled_back", "forked"}


def test_another_exchange_goes_on_when_one_is_frozen(place, victim, twin, ledger):
    other = twin()
    more(place, 1, "honest")
    victim.take()
    more(other, 1, "forked")
    redirect(victim, other)
    assert victim.take() == "Frozen"
    second = LedgerPlace(ledger, "rights")
    second.publish()
    followed = victim.following.add(
        "second", origin=ORIGIN, url="https://b.example", policy=second.policy, actor="cli"
    )
    follower = victim.following._follower(followed, second)
    follower.catch_up()
    assert follower.size == ledger.size
    frozen = {one.followed.name: bool(one.frozen) for one in victim.following.status()}
    assert frozen == {NAME: True, "second": False}


def test_a_fork_cannot_undo_a_retraction(place, victim, twin):
    of = place.ledger.said("tube", item(note="retracted"))
    place.publish()
    other = LedgerPlace(copy.deepcopy(place.ledger), "rights")
    other.key = place.key
    other.publish()
    place.ledger.said("tube", Retract(of=of, reason="a mistake"))
    place.publish()
    victim.take()
    assert of not in victim.stages()
    other.ledger.said("chat", item(note="instead"))
    other.publish()
    redirect(victim, other)
    assert victim.take() == "Frozen"
    assert of not in victim.stages()
