"""The exchange: what is submitted, answered, published and read."""

from dataclasses import replace

import pytest

from exchanges import NOW, ORIGIN, Person, Running, an_item
from tocsin.entries.envelope import EntryType, Envelope, Position
from tocsin.entries.parties import Role
from tocsin.entries.statements import GroupSaid, Opinion, parse
from tocsin.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    Refused,
    TocsinError,
    TooLarge,
    Unavailable,
)
from tocsin.exchange.policy import Policy
from tocsin.exchange.proof import Proof
from tocsin.operating import exchange


def refusal(person, *parcels):
    """The code with which a submission is refused."""
    with pytest.raises(TocsinError) as caught:
        person.submit(*parcels)
    return caught.value.code


def test_the_first_entry_makes_the_operator_a_member(running):
    operator = running.exchange.register().members["operator"]
    assert (operator.joined, operator.roles) == (0, {Role.OPERATOR})


def test_an_entry_is_answered_with_the_index_and_leaf_it_has_in_the_log(running, alice):
    (answer,) = alice.submit(alice.seal(an_item()))
    leaves = list(running.exchange._log.tree().entries(answer.index, answer.index + 1))
    assert leaves == [answer.leaf]


def test_the_leaf_bears_the_time_of_arrival(running, alice):
    (answer,) = alice.submit(alice.seal(an_item()))
    assert Envelope.parse(answer.leaf).received_at == NOW


def test_entries_of_one_call_stand_next_to_each_other(running, alice):
    assert alice.say(*(an_item(number) for number in range(5))) == [2, 3, 4, 5, 6]


def test_of_a_call_with_one_bad_entry_nothing_is_logged(running, alice):
    first, second = alice.chain(an_item(1), an_item(2, expires_at=0))
    assert refusal(alice, first, second) == "bad_end"
    assert running.exchange.head.checkpoint.size == running.exchange.register().size == 2
    assert alice.submit(first)[0].index == 2


def test_a_repeated_submission_is_answered_as_the_first_one(running, alice):
    parcels = alice.chain(an_item(1), an_item(2))
    assert alice.submit(*parcels) == alice.submit(*parcels)
    assert running.exchange.register().size == 4


def test_a_repeated_submission_after_a_restart_is_one_entry(running, alice):
    parcel = alice.seal(an_item())
    first = alice.submit(parcel)
    running.reopen()
    assert alice.submit(parcel) == first


def test_the_same_content_under_a_new_leaf_is_the_entry_that_is_there(running, alice):
    parcel = alice.seal(an_item())
    first = alice.submit(parcel)
    resealed = alice.seal(an_item(), nonce=parcel.nonce)
    assert resealed.envelope.sequence == 2
    assert alice.submit(resealed) == first


def test_anothers_content_cannot_be_claimed_by_repeating_it(running, alice):
    bob = running.join("bob")
    parcel = alice.seal(an_item())
    alice.submit(parcel)
    assert refusal(bob, parcel) == "not_own"


def test_a_chain_that_skips_or_repeats_a_number_is_a_conflict(running, alice):
    first, second = alice.chain(an_item(1), an_item(2))
    assert refusal(alice, second) == "gap"
    alice.submit(first)
    again = alice.seal(an_item(3), after=Position())
    assert refusal(alice, again) == "replayed"
    with pytest.raises(Conflict):
        alice.submit(again)


def test_another_members_key_is_refused(running, alice):
    bob = running.join("bob")
    forged = alice.seal(an_item(), key=bob.key)
    assert refusal(alice, forged) == "not_own"


def test_a_key_that_nobody_has_is_refused(running, alice):
    stranger = Person(running, "stranger")
    assert refusal(stranger, stranger.seal(an_item())) == "unknown_key"


def test_a_signature_that_does_not_verify_is_refused(running, alice):
    parcel = alice.seal(an_item(1))
    other = alice.seal(an_item(2))
    envelope = replace(parcel.envelope, signature=other.envelope.signature)
    assert refusal(alice, replace(parcel, envelope=envelope)) == "bad_signature"


def test_a_content_that_does_not_open_its_leaf_is_refused(running, alice):
    parcel, other = alice.seal(an_item(1)), alice.seal(an_item(2))
    assert refusal(alice, replace(parcel, payload=other.payload)) == "not_opened"


def test_the_operator_asserts_nothing(running):
    with pytest.raises(Refused) as caught:
        running.exchange.say(an_item()).result()
    assert caught.value.code == "not_permitted"


def test_what_is_said_about_an_item_stays_within_its_audience(running, alice):
    bob = running.join("bob", Role.REVIEWER)
    running.exchange.say(GroupSaid(audience="few", members=("alice", "bob"))).result()
    (item,) = alice.say(an_item(audience="few"))
    assert refusal(bob, bob.seal(Opinion(of=item, opinion="dispute"))) == "wrong_audience"
    assert bob.say(Opinion(of=item, opinion="dispute", audience="few"))


def test_nobody_speaks_about_an_item_that_is_not_for_him(running, alice):
    carol = running.join("carol", Role.REVIEWER)
    running.exchange.say(GroupSaid(audience="few", members=("alice",))).result()
    (item,) = alice.say(an_item(audience="few"))
    said = Opinion(of=item, opinion="dispute", audience="few")
    assert refusal(carol, carol.seal(said)) == "wrong_audience"


def test_contents_are_read_by_their_audience_alone(running, alice):
    running.join("bob")
    running.exchange.say(GroupSaid(audience="few", members=("alice",))).result()
    alice.say(an_item(1, audience="few"), an_item(2), an_item(3, audience="public"))
    (start, end) = (4, 7)
    readable = {
        who: [bool(one) for one in running.exchange.payloads(start, end, member=who)]
        for who in ("alice", "bob", "stranger", None)
    }
    assert readable == {
        "alice": [True, True, True],
        "bob": [False, True, True],
        "stranger": [False, False, True],
        None: [False, False, True],
    }


def test_a_content_is_the_nonce_and_payload_that_were_submitted(running, alice):
    parcel = alice.seal(an_item(7))
    (answer,) = alice.submit(parcel)
    (content,) = running.exchange.payloads(answer.index, answer.index + 1, member="alice")
    assert content == parcel.nonce + parcel.payload
    assert parse(content[32:]) == an_item(7)


def test_who_leaves_a_group_is_told_and_reads_nothing_more(running, alice):
    bob = running.join("bob")
    running.exchange.say(GroupSaid(audience="few", members=("alice", "bob"))).result()
    running.exchange.say(GroupSaid(audience="few", members=("alice",))).result()
    alice.say(an_item(audience="few"))
    told = running.exchange.payloads(3, 6, member=bob.name)
    assert [bool(one) for one in told] == [False, True, False]


def test_entries_that_do_not_exist_have_no_contents(running):
    with pytest.raises(NotFound):
        running.exchange.payloads(0, 2, member=None)


def test_a_submission_has_at_least_one_entry_and_not_too_many(tmp_path):
    running = Running(tmp_path / "small", entries_per_call=2)
    alice = running.join("alice")
    with pytest.raises(InvalidInput):
        alice.submit()
    with pytest.raises(TooLarge):
        alice.submit(*alice.chain(an_item(1), an_item(2), an_item(3)))
    running.close()


def test_a_closed_exchange_takes_nothing_and_says_so(running, alice):
    parcel = alice.seal(an_item())
    running.exchange._desk.close()
    with pytest.raises(Unavailable) as caught:
        alice.submit(parcel)
    assert caught.value.code == "closing"


def test_a_receipt_verifies_offline(running, alice):
    (answer,) = alice.submit(alice.seal(an_item()))
    proof = Proof.parse(running.exchange.proof(answer.index))
    policy = Policy.parse(f"log {running.exchange.verifier}\nquorum none\n".encode())
    assert proof.verify(answer.leaf, policy) == running.exchange.head.checkpoint


def test_published_objects_are_those_of_the_log_and_no_others(running, alice):
    assert running.exchange.published("checkpoint") == running.exchange.head.note
    assert running.exchange.published("tile/entries/000.p/2")
    for path in ("../exchange.toml", "staging/1", "tile/../../operator.key", "lock.db", ""):
        with pytest.raises(NotFound):
            running.exchange.published(path)


def test_the_bell_rings_with_what_was_committed(running, alice):
    rings = []
    stop = running.exchange.bell.subscribe(rings.append)
    parcel = alice.seal(an_item(), urgent=True)
    (answer,) = alice.submit(parcel)
    running.exchange._desk.close()
    stop()
    (ring,) = rings
    assert (ring.old, ring.size, ring.leaves) == (2, 3, (answer.leaf,))
    assert ring.checkpoint == running.exchange.head.note
    assert ring.contents == (("members", parcel.nonce + parcel.payload),)


def test_a_listener_that_fails_does_not_keep_others_from_theirs(running, alice):
    rings = []
    running.exchange.bell.subscribe(lambda _: 1 / 0)
    running.exchange.bell.subscribe(rings.append)
    alice.say(an_item())
    running.exchange._desk.close()
    assert [ring.size for ring in rings] == [3]


def test_the_register_handed_out_never_changes(running, alice):
    before = running.exchange.register()
    alice.say(an_item())
    assert before.size == 2
    assert running.exchange.register().size == 3
    assert before.positions.get("alice") is None


def test_a_restart_leads_to_the_same_register(running, alice):
    alice.say(an_item(1), an_item(2))
    before = running.exchange.register().dump()
    assert running.reopen().register().dump() == before


def test_the_operators_entries_never_collide(running):
    futures = [
        running.exchange.say(GroupSaid(audience=f"group-{number}", members=("operator",)))
        for number in range(20)
    ]
    assert [one.result()[0].index for one in futures] == list(range(1, 21))


def test_the_kinds_of_entries_in_the_log_are_those_submitted(running, alice):
    alice.say(an_item())
    leaves = running.exchange._log.tree().entries(0, 3)
    kinds = [Envelope.parse(leaf).type for leaf in leaves]
    assert kinds == [EntryType.MEMBER, EntryType.MEMBER, EntryType.ASSERT]
    assert running.exchange.origin == ORIGIN


def test_contents_wait_for_the_register_that_says_for_whom_they_are(running, alice, monkeypatch):
    monkeypatch.setattr(exchange, "_LAG_S", 0.05)
    running.exchange._log.append(b"seen before the register knows of it").result()
    with pytest.raises(Unavailable):
        running.exchange.payloads(0, 3, member="alice")
    assert running.exchange.payloads(0, 2, member="alice")
