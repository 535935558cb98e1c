"""The operator's commands, beside an exchange that runs and without one."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchanges import NOW, use_own_signers
from tocsin.entries.parties import Role
from tocsin.entries.statements import GroupSaid, MemberSaid
from tocsin.errors import Conflict, InvalidInput, Refused, TocsinError, Unavailable
from tocsin.operating import commanding
from tocsin.operating.commanding import invite, read_register, tell
from tocsin.operating.contents import open_contents
from tocsin.operating.errands import Errands
from tocsin.operating.folder import make
from tocsin.operating.invitations import check_terms
from waiting import wait_until


@pytest.fixture(autouse=True)
def signer_in_this_process(monkeypatch):
    """Commands open exchanges by themselves; a signer's process would only take time."""
    use_own_signers(monkeypatch)


SUSPENDED = MemberSaid(action="suspend", member="alice", reason="key stolen")


def test_a_command_is_done_by_the_exchange_that_runs(running, alice):
    assert tell(running.folder, [SUSPENDED], running.clock) == [2]
    assert not running.exchange.register().members["alice"].active


def test_a_command_is_done_without_a_running_exchange_too(running, alice):
    running.close()
    assert tell(running.folder, [SUSPENDED], running.clock) == [2]
    assert not running.open().register().members["alice"].active


def test_why_a_command_was_refused_is_told(running):
    with pytest.raises(InvalidInput) as caught:
        tell(running.folder, [SUSPENDED], running.clock)
    assert caught.value.code == "no_member"


def test_several_commands_are_done_in_their_order(running, alice):
    back = MemberSaid(action="reinstate", member="alice")
    assert tell(running.folder, [SUSPENDED, back], running.clock) == [2, 3]
    assert running.exchange.register().members["alice"].active


def test_an_errand_that_was_done_and_not_marked_so_is_not_done_twice(running, alice):
    running.close()
    database = open_contents(running.folder.contents)
    errands = Errands(database)
    (number,) = errands.leave([SUSPENDED], NOW)
    (errand,) = errands.waiting()
    running.open()
    wait_until(lambda: errands.outcome(number) is not None)
    with database.write() as connection:
        connection.execute("UPDATE errand SET outcome = NULL")
    wait_until(lambda: errands.outcome(number) is not None)
    assert errands.outcome(number) == 2
    assert running.exchange.register().size == 3
    assert errand.statement == SUSPENDED
    database.close()


def test_a_command_that_nobody_takes_is_taken_back(tmp_path, running, monkeypatch):
    monkeypatch.setattr(commanding, "WAIT_S", 0.2)
    running.exchange._desk.close()
    with pytest.raises(Unavailable):
        tell(running.folder, [SUSPENDED], running.clock)
    assert running.exchange._errands.waiting() == []


@pytest.mark.parametrize("kind", [Refused, Conflict, InvalidInput])
def test_the_kind_of_an_error_survives_the_errand(running, kind):
    running.exchange._desk.close()
    (number,) = running.exchange._errands.leave([SUSPENDED], NOW)
    running.exchange._errands.done(number, kind("no", code="some_code"))
    with pytest.raises(TocsinError) as caught:
        running.exchange._errands.outcome(number)
    assert (type(caught.value), caught.value.code, str(caught.value)) == (kind, "some_code", "no")


@pytest.mark.parametrize("runs", [True, False])
def test_members_and_groups_are_read_whether_it_runs_or_not(running, alice, runs):
    running.exchange.say(GroupSaid(audience="few", members=("alice",))).result()
    running.exchange.say(MemberSaid(action="role", member="alice", roles=("reader",))).result()
    if not runs:
        running.close()
    register = read_register(running.folder, running.clock)
    assert register.members["alice"].roles == {Role.READER}
    assert register.groups["few"].members == {"alice"}


@pytest.mark.parametrize("runs", [True, False])
def test_an_invitation_made_by_a_command_is_good(running, runs):
    if not runs:
        running.close()
    terms = check_terms(member="alice")
    made = invite(running.folder, terms, valid=timedelta(days=1), clock=running.clock)
    if not runs:
        running.open()
    public = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    assert running.exchange.join(made.token, public) == 1


def test_nobody_is_invited_under_an_id_that_is_taken(running, alice):
    with pytest.raises(Conflict):
        invite(running.folder, check_terms(member="alice"), valid=timedelta(1), clock=running.clock)


def test_a_folder_is_made_once(running):
    with pytest.raises(Conflict):
        make(running.folder.path, origin="other.example/log", url="https://other.example")


def test_a_folder_whose_making_was_cut_short_is_made_again_with_the_same_keys(tmp_path):
    folder = make(tmp_path / "x", origin="a.example/log", url="https://a.example")
    key = folder.signing_key.read_text()
    folder.settings.unlink()
    make(tmp_path / "x", origin="a.example/log", url="https://a.example")
    assert folder.signing_key.read_text() == key
