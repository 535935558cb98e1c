"""An audit from outside: all of an honest exchange verifies, and no dishonesty passes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from exchanges import NOW, ORIGIN, Clock, Person, Running, an_item
from tocsin.entries.auditing import audit
from tocsin.entries.envelope import NOTHING, Position
from tocsin.entries.parties import Role
from tocsin.entries.statements import (
    Approve,
    Erase,
    GroupSaid,
    IncidentSaid,
    MemberSaid,
    Opinion,
    Retract,
    Rules,
    RuleSaid,
    moment,
)
from tocsin.exchange.keys import SigningKey
from tocsin.exchange.policy import Policy


class Observed:
    """An exchange, and an operator who can put anything into its log."""

    def __init__(self, folder):
        self.running = Running(folder)
        self.alice = self.running.join("alice")
        self.slipped = {}

    @property
    def exchange(self):
        return self.running.exchange

    def slip(self, *parcels, leaf=None):
        """Log entries that the exchange would not admit."""
        for parcel in parcels:
            index = self.exchange.head.checkpoint.size
            envelope = parcel.envelope.received(self.running.clock())
            self.exchange._log.append(leaf or envelope.encode()).result()
            self.slipped[index] = parcel.nonce + parcel.payload

    def contents(self, member):
        def read(start, end):
            known = min(end, self.exchange.register().size)
            found = (
                list(self.exchange.payloads(start, known, member=member)) if start < known else []
            )
            return found + [self.slipped.get(n, b"") for n in range(max(known, start), end)]

        return read

    def audit(self, member=None, *, key=None, quorum="quorum none\n", now=NOW):
        policy = Policy.parse(f"log {key or self.exchange.verifier}\n{quorum}".encode())
        storage = self.exchange._opened.parts.storage
        return audit(storage, self.contents(member), self.exchange.cosigned, policy, now=now)

    def codes(self, member=None, **more):
        return [one.code for one in self.audit(member, **more).entries.findings if one.fault]


@pytest.fixture
def observed(tmp_path):
    observed = Observed(tmp_path / "exchange")
    yield observed
    observed.running.close()


def eventful(observed):
    """Something of everything that a log can hold."""
    running, alice = observed.running, observed.alice
    carol = running.join("carol", Role.COORDINATOR)
    bob = running.join("bob", Role.REVIEWER, Role.COORDINATOR, Role.STEWARD)
    running.exchange.say(GroupSaid(audience="few", members=("alice",))).result()
    running.exchange.say(RuleSaid(rules=Rules(max_ttl_days=999), reason="longer")).result()
    bob.say(Approve(of=5, audience="public"))
    ends = moment(NOW + timedelta(hours=5))
    crisis = IncidentSaid(
        action="open",
        incident="crisis",
        audience="public",
        kind="awareness",
        title="A",
        ends_at=ends,
        reason="b",
    )
    bob.say(crisis)
    carol.say(Approve(of=7, audience="public"))
    first, second, _, _ = alice.say(
        an_item(1),
        an_item(2, audience="few"),
        an_item(3, audience="public", expires_at=moment(NOW + timedelta(days=800))),
        an_item(4, audience="public", incident="crisis", expires_at=ends),
    )
    bob.say(Opinion(of=first, opinion="dispute"))
    alice.say(Retract(of=first, reason="wrong"), Erase(of=second, reason="error"))


def test_an_honest_exchange_verifies_for_the_public_with_its_key_alone(observed):
    eventful(observed)
    found = observed.audit()
    assert found.clean, found
    size = observed.exchange.register().size
    assert (found.log.size, found.entries.entries, found.entries.signatures) == (size, size, size)
    assert found.entries.closed > 0


def test_a_member_can_judge_more_than_the_public(observed):
    eventful(observed)
    public, member = observed.audit().entries, observed.audit("alice").entries
    assert member.clean
    assert member.read > public.read
    assert member.erased == 1


def test_a_wrong_key_verifies_nothing(observed):
    found = observed.audit(key=SigningKey.generate(ORIGIN).verifier)
    assert not found.clean


def test_an_entry_that_nobody_signed_is_found(observed):
    parcel = observed.alice.seal(an_item())
    observed.slip(replace(parcel, envelope=replace(parcel.envelope, signature=bytes(64))))
    assert observed.codes() == ["bad_signature"]


def test_an_entry_in_the_name_of_nobody_is_found(observed):
    stranger = Person(observed.running, "stranger")
    observed.slip(stranger.seal(an_item()))
    assert observed.codes() == ["unknown_key"]


def test_an_entry_logged_twice_is_found(observed):
    parcel = observed.alice.seal(an_item())
    observed.slip(parcel, parcel)
    assert observed.codes() == ["replayed"]


def test_an_entry_that_was_left_out_is_found(observed):
    _, second = observed.alice.chain(an_item(1), an_item(2))
    observed.slip(second)
    assert observed.codes() == ["gap"]


def test_an_operator_that_asserts_is_found(observed):
    key = observed.exchange._office._key
    operator = Person(observed.running, "operator", key)
    observed.slip(operator.seal(an_item()))
    assert observed.codes() == ["not_permitted"]


def test_a_content_that_is_not_the_one_committed_to_is_found(observed):
    parcel = observed.alice.seal(an_item(audience="public"))
    other = observed.alice.seal(an_item(9, audience="public"))
    observed.slip(replace(parcel, payload=other.payload))
    assert observed.codes() == ["not_opening"]


def test_a_governing_content_that_is_withheld_is_found(observed):
    key = observed.exchange._office._key
    said = MemberSaid(action="suspend", member="alice")
    operator = Person(observed.running, "operator", key)
    observed.slip(operator.seal(said))
    observed.slipped.clear()
    assert observed.codes() == ["withheld"]


def test_a_leaf_that_is_no_envelope_is_found(observed):
    observed.slip(observed.alice.seal(an_item()), leaf=b"anything at all")
    assert observed.codes() == ["malformed"]


def test_an_entry_from_the_future_is_found(observed):
    observed.alice.say(an_item())
    assert observed.codes(now=NOW - timedelta(minutes=6)) == ["from_the_future"] * 3
    assert observed.codes(now=NOW - timedelta(minutes=4)) == []


def test_a_flipped_bit_in_a_tile_is_found(observed):
    folder = observed.running.folder.log / "tile"
    (tile,) = (folder / "0").rglob("*.p/2")
    raw = bytearray(tile.read_bytes())
    raw[5] ^= 1
    tile.write_bytes(raw)
    found = observed.audit()
    assert not found.log.clean
    assert not found.clean


def test_a_policy_with_a_quorum_is_not_met_by_the_log_alone(observed):
    key = SigningKey.generate("w", 4).verifier
    found = observed.audit(quorum=f"witness w {key}\nquorum w\n")
    assert found.others
    assert not found.clean


def test_a_bad_entry_does_not_hide_the_next(observed):
    stranger = Person(observed.running, "stranger")
    parcel = stranger.seal(an_item(), after=Position(0, NOTHING))
    observed.slip(parcel, observed.alice.seal(an_item(2)), parcel)
    assert observed.codes() == ["unknown_key", "unknown_key"]
    assert observed.audit().entries.signatures == 3


def test_progress_is_told_up_to_the_end(observed):
    observed.alice.say(*(an_item(number) for number in range(300)))
    told = []
    policy = Policy.parse(f"log {observed.exchange.verifier}\nquorum none\n".encode())
    audit(
        observed.exchange._opened.parts.storage,
        observed.contents(None),
        observed.exchange.cosigned,
        policy,
        now=Clock()(),
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(256, 302), (302, 302)]
