"""Invitations: a place under terms, taken once."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchanges import Person, Running, an_item
from tocsin.entries.invitation import Invitation
from tocsin.entries.parties import Kind, Role
from tocsin.entries.statements import Approve
from tocsin.errors import InvalidInput, TocsinError
from tocsin.operating.folder import Folder
from tocsin.operating.invitations import check_terms


@pytest.fixture
def exchange(running):
    return running.exchange


def a_key():
    key = Ed25519PrivateKey.generate()
    return key, key.public_key().public_bytes_raw()


def code_of(join, *arguments):
    with pytest.raises(TocsinError) as caught:
        join(*arguments)
    return caught.value.code


def test_who_has_the_link_becomes_the_member_that_was_invited(running, exchange):
    terms = check_terms(member="alice", kind="platform", jurisdiction="DE", roles=("contributor",))
    link = exchange.invite(terms).link
    key, public = a_key()
    assert exchange.join(Invitation.parse(link).token, public) == 1
    alice = exchange.register().members["alice"]
    assert (alice.kind, alice.jurisdiction, alice.roles) == (
        Kind.PLATFORM,
        "DE",
        {Role.CONTRIBUTOR},
    )
    assert Person(running, "alice", key).say(an_item()) == [2]


def test_a_link_says_where_the_exchange_is_and_which_key_to_pin(exchange):
    made = exchange.invite(check_terms(member="alice"))
    assert Invitation.parse(made.link) == made
    assert (made.url, made.key) == (exchange.url, exchange.verifier)


def test_joining_again_with_the_same_key_gives_the_same_answer(exchange):
    token = exchange.invite(check_terms(member="alice")).token
    _, public = a_key()
    assert exchange.join(token, public) == exchange.join(token, public) == 1
    assert exchange.register().size == 2


def test_an_invitation_is_used_once(exchange):
    token = exchange.invite(check_terms(member="alice")).token
    exchange.join(token, a_key()[1])
    assert code_of(exchange.join, token, a_key()[1]) == "invitation_used"


def test_an_invitation_runs_out(running, exchange):
    token = exchange.invite(check_terms(member="alice"), valid=timedelta(days=1)).token
    running.clock.move(days=1)
    assert code_of(exchange.join, token, a_key()[1]) == "invitation_expired"


def test_an_invented_token_is_refused(exchange):
    assert code_of(exchange.join, "invented", a_key()[1]) == "no_invitation"


def test_of_two_invitations_for_one_id_one_is_taken(exchange):
    first, second = (exchange.invite(check_terms(member="alice")).token for _ in range(2))
    exchange.join(first, a_key()[1])
    assert code_of(exchange.join, second, a_key()[1]) == "exists"
    assert code_of(exchange.invite, check_terms(member="alice")) == "exists"


def test_a_place_that_could_not_be_taken_is_free_for_another_key(exchange):
    first, second = (exchange.invite(check_terms(member=name)).token for name in ("a", "b"))
    _, public = a_key()
    exchange.join(first, public)
    assert code_of(exchange.join, second, public) == "exists"  # A key belongs to one member.
    assert exchange.join(second, a_key()[1]) == 2


def test_a_claim_that_a_crash_left_without_an_entry_is_completed(running, exchange):
    token = exchange.invite(check_terms(member="alice")).token
    _, public = a_key()
    exchange._office._invitations.claim(token, public)
    assert running.reopen().join(token, public) == 1


def test_who_joins_is_in_the_groups_of_the_invitation_beside_those_who_were(running, exchange):
    running.join("bob")
    for name in ("alice", "carol"):
        token = exchange.invite(check_terms(member=name, groups=("crisis",))).token
        exchange.join(token, a_key()[1])
    assert exchange.register().groups["crisis"].members == {"alice", "carol"}


@pytest.mark.parametrize(
    ("roles", "at_once"),
    [(("steward",), {"reader"}), (("contributor", "coordinator"), {"contributor"})],
)
def test_who_is_invited_to_approve_joins_at_once_and_approves_once_a_steward_agrees(
    running, exchange, roles, at_once
):
    rights = running.join("rights", Role.STEWARD)
    terms = check_terms(member="alice", roles=roles, groups=("crisis",))
    joined = exchange.join(exchange.invite(terms).token, a_key()[1])
    assert exchange.register().members["alice"].roles == at_once
    assert exchange.register().groups["crisis"].members == {"alice"}
    rights.say(Approve(of=joined + 1, audience="public"))
    assert exchange.register().members["alice"].roles == set(roles)


@pytest.mark.parametrize(
    "terms",
    [
        {"member": "Not An Id"},
        {"member": "a", "jurisdiction": "Germany"},
        {"member": "a", "roles": ("operator", "contributor")},
        {"member": "a", "roles": ("auditor", "steward")},
        {"member": "a", "groups": ("members",)},
        {"member": "a", "kind": "person"},
        {"member": "a", "more": 1},
    ],
)
def test_terms_under_which_nobody_could_join_are_refused(terms):
    with pytest.raises(InvalidInput):
        check_terms(**terms)


def test_the_token_is_stored_nowhere(running, exchange):
    token = exchange.invite(check_terms(member="alice")).token.encode()
    running.close()
    files = [one for one in running.folder.path.rglob("*") if one.is_file()]
    assert [one for one in files if token in one.read_bytes()] == []
    running.open()


def test_secrets_are_readable_by_their_owner_alone(tmp_path):
    running = Running(tmp_path / "made")
    folder = Folder(tmp_path / "made")
    secret = [folder.operator_key, folder.signing_key, folder.contents, folder.register]
    secret.append(folder.settings)  # lock_url may hold a password.
    assert {one.stat().st_mode & 0o077 for one in secret} == {0}
    assert folder.signing_key.parent.stat().st_mode & 0o077 == 0
    running.close()
