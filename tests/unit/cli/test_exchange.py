import shutil
import tomllib

import pytest

from exchanges import Running, use_own_signers
from servers import answer, serve
from tocsin.entries.invitation import Invitation
from tocsin.exchange.keys import PublicKey

ORIGIN = ("--origin", "exchange.example/log", "--url", "https://exchange.example")


@pytest.fixture(autouse=True)
def own_signers(monkeypatch):
    use_own_signers(monkeypatch)


@pytest.fixture
def home(tocsin, tmp_path):
    """The folder of an exchange that is not running."""
    assert tocsin("exchange", "init", tmp_path / "home", *ORIGIN).code == 0
    return tmp_path / "home"


@pytest.fixture
def alice(home):
    """The folder of an exchange of which alice is a member."""
    running = Running(home)
    running.join("alice")
    running.close()
    return home


def test_init_prints_the_key_that_is_in_the_settings(tocsin, tmp_path):
    (made,) = tocsin("exchange", "init", tmp_path / "x", *ORIGIN, "--json").lines
    settings = tomllib.loads((tmp_path / "x" / "exchange.toml").read_text())
    assert made == {name: settings[name] for name in ("origin", "url", "key")}
    assert PublicKey.parse(made["key"]).name == "exchange.example/log"


def test_init_takes_the_operator_and_the_witnesses(tocsin, tmp_path):
    (tmp_path / "policy").write_text("quorum none\n# nobody yet\n")
    options = ("--operator", "hub", "--name", "The Hub", "--witnesses", tmp_path / "policy")
    assert tocsin("exchange", "init", tmp_path / "x", *ORIGIN, *options).code == 0
    (member,) = tocsin("exchange", "members", tmp_path / "x", "--json").lines
    assert (member["member"], member["name"]) == ("hub", "The Hub")


@pytest.mark.parametrize(
    "options",
    [
        ("--origin", "has space", "--url", "https://a.example"),
        ("--origin", "a.example/log", "--url", "a.example"),
        (*ORIGIN, "--operator", "NOT AN ID"),
    ],
)
def test_init_with_a_bad_setting_makes_no_exchange(tocsin, tmp_path, options):
    assert tocsin("exchange", "init", tmp_path / "x", *options).code == 2
    assert tocsin("exchange", "members", tmp_path / "x").code == 2


def test_an_invitation_is_a_link_with_the_key_to_pin(tocsin, home):
    answer = tocsin("exchange", "invite", home, "alice", "--role=contributor", "--days=2")
    invitation = Invitation.parse(answer.out)
    assert (invitation.url, invitation.member) == ("https://exchange.example", "alice")
    assert str(invitation.key) in (home / "exchange.toml").read_text()


def test_an_invitation_for_programs_says_when_it_runs_out(tocsin, home):
    (told,) = tocsin("exchange", "invite", home, "alice", "--json").lines
    assert Invitation.parse(told["link"]).member == told["member"] == "alice"
    assert told["expires_at"]


def test_nobody_is_invited_with_roles_that_one_member_never_holds(tocsin, home):
    roles = ("--role=operator", "--role=contributor")
    assert tocsin("exchange", "invite", home, "alice", *roles).code == 2


def test_members_are_listed_with_their_keys(tocsin, alice):
    operator, member = tocsin("exchange", "members", alice, "--json").lines
    assert (operator["member"], member["member"]) == ("operator", "alice")
    assert len(member["keys"]) == 1
    assert "alice" in tocsin("exchange", "members", alice).out


def test_a_member_is_suspended_and_reinstated(tocsin, alice):
    (told,) = tocsin("exchange", "suspend", alice, "alice", "--reason=test", "--json").lines
    assert told == {"index": 2, "type": "member"}
    assert "suspended since 2" in tocsin("exchange", "members", alice).out
    assert tocsin("exchange", "reinstate", alice, "alice").out == "entry 3\n"
    assert "suspended" not in tocsin("exchange", "members", alice).out


def test_roles_are_set_in_place_of_those_before(tocsin, alice):
    assert tocsin("exchange", "roles", alice, "alice", "reviewer", "reader").code == 0
    _, member = tocsin("exchange", "members", alice, "--json").lines
    assert member["roles"] == ["reader", "reviewer"]


def test_a_member_that_has_left_is_no_longer_active(tocsin, alice):
    assert tocsin("exchange", "remove", alice, "alice", "--reason=over").code == 0
    _, member = tocsin("exchange", "members", alice, "--json").lines
    assert member["suspended_since"] == 2


@pytest.mark.parametrize("by", ["key", "public"])
def test_a_key_is_revoked_by_its_id_or_itself_since_an_entry(tocsin, alice, by):
    _, member = tocsin("exchange", "members", alice, "--json").lines
    (key,) = member["keys"]
    assert tocsin("exchange", "revoke", alice, "alice", key[by], "--since=2").code == 0
    _, member = tocsin("exchange", "members", alice, "--json").lines
    assert member["keys"][0]["revoked_since"] == 2


def test_a_key_or_member_that_does_not_exist_is_not_found(tocsin, alice):
    assert tocsin("exchange", "revoke", alice, "alice", "00" * 16).code == 1
    assert tocsin("exchange", "revoke", alice, "nobody", "00" * 16).code == 1
    assert tocsin("exchange", "suspend", alice, "nobody").code == 2


def test_a_group_grows_shrinks_and_ends(tocsin, alice):
    def members():
        return [one["members"] for one in tocsin("exchange", "group", alice, "--json").lines]

    tocsin("exchange", "group", alice, "few", "--add=alice", "--add=operator")
    assert members() == [["alice", "operator"]]
    tocsin("exchange", "group", alice, "few", "--remove=operator")
    assert members() == [["alice"]]
    assert tocsin("exchange", "group", alice, "few", "--add=alice").code == 2
    assert tocsin("exchange", "group", alice, "few", "--dissolve").code == 0
    assert members() == []


def test_rules_wait_for_somebody_elses_approval(tocsin, alice):
    asked = tocsin("exchange", "rules", alice, "--set=asserts_per_day=7", "--reason=less")
    assert "1 approval" in asked.out
    (rules,) = tocsin("exchange", "rules", alice, "--json").lines
    assert rules["asserts_per_day"] == 10_000
    assert "asserts_per_day" in tocsin("exchange", "rules", alice).out


@pytest.mark.parametrize("change", ["asserts_per_day=many", "no_such_rule=1", "asserts_per_day=0"])
def test_a_rule_that_is_not_one_is_refused(tocsin, alice, change):
    assert tocsin("exchange", "rules", alice, f"--set={change}", "--reason=x").code == 2


def test_the_operator_erases_what_may_be_erased(tocsin, alice):
    refused = tocsin("exchange", "erase", alice, 1, "--reason=court-order")
    assert refused.code == 1
    assert "readable" in refused.err


def test_a_name_that_could_mislead_whoever_reads_it_is_refused(tocsin, tmp_path):
    options = ("--name", "\u202egnp.exe")
    assert tocsin("exchange", "init", tmp_path / "x", *ORIGIN, *options).code == 2


def test_an_exchange_is_restored_from_what_a_static_server_has(tocsin, alice, tmp_path):
    mirror = alice / "log"
    left = tmp_path / "left"
    (left / "signer").mkdir(mode=0o700, parents=True)
    for name in ("exchange.toml", "operator.key", "payloads.db", "signer/key"):
        shutil.copy(alice / name, left / name)

    def reply(handler):
        found = mirror / handler.path.removeprefix("/")
        answer(200, found.read_bytes())(handler) if found.is_file() else answer(404)(handler)

    with serve(reply) as server:
        source = ("--from", server.url("").rstrip("/"))
        assert tocsin("exchange", "restore", left, *source).code != 0  # Nobody answered for it.
        (told,) = tocsin("exchange", "restore", left, *source, "--yes", "--json").lines
    assert told == {"size": 2, "members": 2}
    assert tocsin("exchange", "fsck", left).code == 0
