"""The commands of members, each with a data folder of its own, at one exchange behind a port."""

import contextlib
import io
import json
import sqlite3
import time
from contextlib import closing

import pytest
from structlog.testing import capture_logs

from program import Answer
from served import serving
from tocsin.cli.exchanges import open_following
from tocsin.cli.exits import Exit
from tocsin.cli.main import run
from tocsin.entries.parties import Kind, Role
from tocsin.entries.statements import MemberSaid, Rules, RuleSaid
from tocsin.operating.invitations import check_terms
from waiting import wait_until

ROLES = (Role.CONTRIBUTOR, Role.REVIEWER, Role.COORDINATOR)
HASH = "63b89496884fbe03ba525021d4f0c76d070b9b950cb93d56ccf3ed7069f46bc9"
OTHER = "9c476b697bb041fc45adafde2b0f3892f8f46469f46c2a9330c12cf896b09436"


class Members:
    """Two members who type commands."""

    def __init__(self, place, exchange):
        self.place = place
        self.exchange = exchange

    def type(self, who, *arguments):
        """Type a command at a member's node."""
        out, err = io.StringIO(), io.StringIO()
        words = [*map(str, arguments), "--data", str(self.place / who)]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(words)
        return Answer(code, out.getvalue(), err.getvalue())

    def say(self, who, *arguments):
        """Type a command that must succeed, and return what it says to programs."""
        answer = self.type(who, *arguments, "--json")
        assert answer.code == 0, answer.err
        return answer.lines

    def invite(self, who):
        terms = check_terms(
            member=who, kind=Kind.PLATFORM, roles=ROLES, name="", jurisdiction="FR", groups=()
        )
        return self.exchange.invite(terms).link

    def publish(self, who, *options):
        """Publish a hash, and return its entry."""
        terms = ("--basis", "terms:4.2", "--quality", "100", *options)
        (told,) = self.say(who, "publish", "hub", *terms)
        return told["index"]


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    place = tmp_path_factory.mktemp("members")
    with (
        pytest.MonkeyPatch.context() as patch,
        # What the server logs, in its own time, would stand between what the commands print.
        capture_logs(),
        serving(place / "exchange") as served,
    ):
        patch.setenv("TOCSIN_EXCHANGE_LOCAL", "true")
        found = Members(place, served.exchange)
        for who in ("alice", "bob"):
            link = found.invite(who)
            found.say(who, "follow", link, "--name", "hub", "--activate")
        yield found


def test_whoever_joins_is_a_member_whose_lists_count_once_agreed(members):
    (told,) = members.say("alice", "status")
    assert (told["member"], told["acting"], told["frozen"]) == ("alice", True, "")
    assert "alice" in members.exchange.register().members


def test_nothing_counts_before_somebody_agreed(members):
    link = members.invite("dora")
    answer = members.type("dora", "follow", link, "--name", "hub")
    assert "would have matched 0 of 0 uploads" in answer.out
    assert "--activate" in answer.out
    assert members.say("dora", "status")[0]["acting"] is False


def test_an_invitation_is_good_for_one_key(members):
    link = members.invite("erin")
    assert members.type("erin", "follow", link, "--name", "hub").code == 0
    again = members.type("mallory", "follow", link, "--name", "hub")
    assert again.code != 0
    assert "this invitation was used" in again.err
    assert "the same `--name` and `--data`" in again.err


def test_what_is_no_invitation_is_refused_with_what_to_do(members):
    answer = members.type("alice", "follow", "https://exchange.example")
    assert answer.code == 2
    assert "--policy" in answer.err


def test_what_one_publishes_is_on_the_other_ones_list(members):
    entry = members.publish("alice", "--pdq", HASH)
    members.say("bob", "sync")
    (found,) = members.say("bob", "signals", "search", HASH)
    assert found["list"] == "hub"
    assert found["distance"] == 0
    assert entry < members.exchange.head.checkpoint.size


def test_an_item_without_a_basis_is_not_published(members):
    answer = members.type("alice", "publish", "hub", "--pdq", HASH)
    assert answer.code == 2
    assert "--basis" in answer.err


@pytest.mark.parametrize("basis", ["law", "law:", "whim:4"])
def test_a_basis_names_its_kind_and_where_in_it(members, basis):
    answer = members.type("alice", "publish", "hub", "--pdq", HASH, "--basis", basis)
    assert answer.code == 2


@pytest.mark.parametrize(("options", "code"), [([], 0), (["--strict"], 4)])
def test_a_file_that_cannot_be_read_is_not_published_and_said_to_be_left_out(
    members, tmp_path, options, code
):
    words = ("publish", "hub", tmp_path / "nosuch.jpg", "--basis", "law:1", *options)
    answer = members.type("alice", *words)
    assert (answer.code, answer.out) == (code, "")
    assert "nosuch.jpg: left out" in answer.err


def test_a_file_is_published_by_its_hashes_alone(members, media):
    size = members.exchange.head.checkpoint.size
    (told,) = members.say("alice", "publish", "hub", media.known[0], "--basis", "law:1")
    assert told["index"] == size
    (content,) = members.exchange.payloads(size, size + 1, member="bob")
    said = json.loads(content[32:])
    assert {one["type"] for one in said["signals"]} == {"pdq", "sha256", "md5"}
    assert said["own_media"] is True


def test_a_dispute_reaches_the_item_and_the_issuer_cannot_confirm_its_own(members):
    entry = members.publish("alice", "--sha256", "ab" * 32)
    members.say("bob", "sync")
    members.say("alice", "sync")
    members.say("bob", "opine", "hub", entry, "dispute", "--reason", "news")
    refused = members.type("alice", "opine", "hub", entry, "confirm")
    assert refused.code != 0
    assert "its own item" in refused.err


def test_what_is_retracted_leaves_the_other_ones_list(members):
    entry = members.publish("alice", "--pdq", OTHER)
    members.say("alice", "sync")
    members.say("bob", "sync")
    members.say("alice", "retract", "hub", entry, "--reason", "wrong file")
    members.say("bob", "sync")
    assert members.say("bob", "signals", "search", OTHER) == []


def test_what_was_just_published_can_be_taken_back_at_once(members):
    entry = members.publish("alice", "--sha256", "7c" * 32)
    assert members.type("alice", "retract", "hub", entry, "--reason", "wrong file").code == 0


@pytest.mark.parametrize("words", [("retract", "hub", 1), ("supersede", "hub", 1, 2)])
def test_what_takes_an_item_back_needs_a_reason(members, words):
    answer = members.type("alice", *words)
    assert answer.code == 2
    assert "Missing option '--reason'" in answer.err


def test_nobody_retracts_what_is_not_its_own(members):
    entry = members.publish("alice", "--md5", "ab" * 16)
    members.say("bob", "sync")
    refused = members.type("bob", "retract", "hub", entry, "--reason", "no")
    assert refused.code != 0


def test_what_is_erased_is_gone_at_the_exchange(members):
    entry = members.publish("alice", "--sha1", "ab" * 20)
    members.say("alice", "erase", "hub", entry, "--reason", "data-protection")
    assert members.exchange.payloads(entry, entry + 1, member="alice") == [b""]


def test_an_item_is_superseded_by_a_later_one_of_the_same_member(members):
    old = members.publish("alice", "--sha256", "cd" * 32)
    new = members.publish("alice", "--sha256", "ce" * 32)
    members.say("alice", "sync")
    members.say("alice", "supersede", "hub", old, new, "--reason", "labels")
    members.say("bob", "sync")
    (status,) = members.say("bob", "status")
    assert status["faults"] == {}


def test_an_entry_that_nobody_has_is_named(members):
    answer = members.type("bob", "opine", "hub", 999_999, "confirm")
    assert answer.code != 0
    assert "999999" in answer.err


def test_an_incident_is_opened_by_two_members_and_closed_with_figures(members):
    about = ("hub", "event-1")
    members.say("alice", "incident", "open", *about, "--title", "Event", "--reason", "live")
    own = members.type("alice", "incident", "approve", *about)
    assert "its own request" in own.err
    members.say("bob", "incident", "approve", *about)
    members.publish("alice", "--sha256", "ef" * 32, "--incident", "event-1", "--days", "1")
    members.say("bob", "incident", "update", *about, "--reason", "second copy")
    members.say("bob", "incident", "close", *about, "--reason", "quiet", "--count", "removed=3")
    members.say("bob", "sync")
    (shown,) = members.say("bob", "incident", "show", *about)
    assert (shown["phase"], shown["counts"]) == ("closed", {"removed": 3})
    done = [line["action"] for line in shown["situation"]]
    assert done == ["open", "approve", "update", "close"]


def test_the_situation_log_says_in_each_column_what_its_heading_promises(members):
    about = ("hub", "event-3")
    members.say("alice", "incident", "open", *about, "--title", "Event", "--reason", "live")
    lines = members.type("bob", "incident", "show", *about).out.splitlines()
    heading, line = lines[-2:]
    assert heading.split() == ["entry", "at", "member", "what", "because"]
    assert [word for word in line.split() if "T" not in word][1:] == ["alice", "open", "live"]
    members.say("bob", "incident", "approve", *about)


def test_an_item_of_an_incident_counts_for_a_day_unless_it_says_otherwise(members):
    about = ("hub", "event-4")
    members.say("alice", "incident", "open", *about, "--title", "Event", "--reason", "live")
    members.say("bob", "incident", "approve", *about)
    entry = members.publish("alice", "--sha256", "1e" * 32, "--incident", "event-4")
    (content,) = members.exchange.payloads(entry, entry + 1, member="bob")
    left_s = json.loads(content[32:])["expires_at"] - time.time()
    assert 23 * 3600 < left_s <= 24 * 3600


def test_an_extension_needs_another_members_approval(members):
    about = ("hub", "event-2")
    opening = ("--title", "Event", "--reason", "live", "--hours", "1")
    members.say("alice", "incident", "open", *about, *opening)
    members.say("bob", "incident", "approve", *about)
    before = members.exchange.register().incidents["event-2"].ends_at
    members.say("bob", "incident", "extend", *about, "--hours", "5", "--reason", "goes on")
    assert members.exchange.register().incidents["event-2"].ends_at == before
    members.say("alice", "incident", "approve", *about)
    assert members.exchange.register().incidents["event-2"].ends_at > before


def test_an_event_that_is_not_activated_is_on_record_with_the_reason(members):
    members.say("bob", "incident", "decline", "hub", "riot", "--title", "Riot", "--reason", "none")
    members.say("alice", "sync")
    shown = members.say("alice", "incident", "show", "hub")
    assert [one["phase"] for one in shown if one["incident"] == "riot"] == ["declined"]


def test_incidents_are_shown_to_people_too(members):
    members.say("bob", "incident", "decline", "hub", "storm", "--title", "Storm", "--reason", "no")
    members.say("bob", "sync")
    assert "storm" in members.type("bob", "incident", "show", "hub").out
    assert "Storm" in members.type("bob", "incident", "show", "hub", "storm").out


def test_a_steward_sees_what_waits_and_agrees_to_it(members):
    def asked(said):
        return str(members.exchange.say(said).result()[0].index)

    asked(MemberSaid(action="role", member="bob", roles=(*ROLES, Role.STEWARD)))
    rules = asked(RuleSaid(rules=Rules(max_ttl_days=90), reason="as agreed"))
    roles = asked(MemberSaid(action="role", member="alice", roles=(*ROLES, Role.STEWARD)))
    shown = members.type("bob", "approve", "hub").out
    assert f"{rules}  operator  rules max_ttl_days=90" in shown
    assert "role alice contributor coordinator reviewer steward" in shown
    assert "role of its own" in members.type("alice", "approve", "hub", roles).err
    for entry in (rules, roles):
        members.say("bob", "approve", "hub", entry, "--reason", "yes")
    assert members.exchange.register().rules.max_ttl_days == 90
    assert Role.STEWARD in members.exchange.register().members["alice"].roles
    assert members.say("bob", "approve", "hub") == []
    assert "nothing waits" in members.type("bob", "approve", "hub", rules).err


def test_whoever_leaves_has_no_list_and_no_key_of_it_any_more(members):
    members.say("frank", "follow", members.invite("frank"), "--name", "hub", "--activate")
    assert members.type("frank", "unfollow", "hub", "--yes").code == 0
    assert members.say("frank", "status") == []
    assert not list((members.place / "frank" / "members").iterdir())


def test_its_lists_can_be_told_not_to_count_any_more(members):
    link = members.invite("gina")
    (told,) = members.say("gina", "follow", link, "--name", "hub", "--activate")
    assert (told["member"], told["acting"]) == ("gina", True)
    (told,) = members.say("gina", "follow", "hub", "--deactivate")
    assert told == {"exchange": "hub", "acting": False}
    assert members.say("gina", "status")[0]["acting"] is False


def test_the_status_of_one_exchange_is_for_people(members):
    out = members.type("alice", "status", "hub").out
    assert "exchange.example/log" in out
    assert "hub" in members.type("alice", "status").out


def test_what_belongs_to_the_beginning_is_not_taken_afterwards_in_silence(members):
    answer = members.type("alice", "follow", "hub", "--name=other")
    assert answer.code == 2
    assert "for its beginning" in answer.err


@pytest.mark.parametrize("url", ["ftp://exchange.example", "http://127.0.0.1:1"])
def test_an_address_where_the_exchange_is_not_changes_nothing(members, url):
    (before,) = members.say("alice", "status")
    answer = members.type("alice", "follow", "hub", "--url", url)
    assert answer.code in {Exit.BAD_INPUT, Exit.UNAVAILABLE}
    assert members.say("alice", "status")[0]["url"] == before["url"]


def test_a_policy_can_be_changed_afterwards(members, tmp_path):
    policy = tmp_path / "policy.txt"
    policy.write_text(f"log {members.exchange.verifier}\nquorum none\n# by hand\n")
    members.say("alice", "follow", "hub", "--policy", policy)
    policy.write_text("quorum none\n")
    answer = members.type("alice", "follow", "hub", "--policy", policy)
    assert (answer.code, "does not name the log" in answer.err) == (Exit.BAD_INPUT, True)


def test_only_what_is_followed_can_have_moved(members):
    answer = members.type("alice", "follow", "nosuch", "--url", "https://new.example")
    assert answer.code == 2
    assert "no exchange that is followed" in answer.err


@pytest.mark.parametrize("option", ["--policy", "--rule"])
def test_a_file_that_is_not_there_is_named(members, option):
    answer = members.type("ivy", "follow", "https://exchange.example", option, "nosuch.txt")
    assert answer.code == 2
    assert "nosuch.txt cannot be read" in answer.err


def test_a_member_can_say_which_opinions_of_its_people_are_told(members):
    members.say("jim", "follow", members.invite("jim"), "--name", "hub", "--activate")
    members.say("jim", "follow", "hub", "--feedback", "dispute")
    members.publish("alice", "--sha256", "2d" * 32)
    members.say("jim", "sync")
    (hit,) = members.say("jim", "signals", "search", "2d" * 32)
    (told,) = members.say("jim", "signals", "dispute", "hub", hit["item"], "--reason", "news")
    assert told["told"] == 1


def test_evidence_is_asked_of_one_exchange(members, tmp_path):
    answer = members.type("alice", "status", "--evidence", tmp_path)
    assert (answer.code, answer.out) == (2, "")


def test_terms_are_changed_by_following_again_and_the_others_stay(members):
    link = members.invite("hugo")
    members.say("hugo", "follow", link, "--name", "hub", "--activate", "--verdict", "limit")
    members.publish("alice", "--sha256", "1f" * 32)
    members.say("hugo", "follow", "hub", "--exact-verdict", "refuse")
    (rule,) = [one for one in members.say("hugo", "lists", "show") if one["name"] == "hub"]
    assert (rule["verdict"], rule["exact_verdict"]) == ("limit", "refuse")


def counting(members, who):
    """The keys of a member that count for the next entry, by id."""
    register = members.exchange.register()
    held = register.members[who].keys
    return [name for name, key in held.items() if key.counts_at(register.size)]


def test_a_member_changes_its_key_and_goes_on_with_the_new_one(members):
    members.say("rosa", "follow", members.invite("rosa"), "--name", "hub", "--activate")
    (old,) = counting(members, "rosa")
    members.publish("rosa", "--sha256", "3c" * 32)
    (told,) = members.say("rosa", "rotate", "hub")
    assert (told["exchange"], told["old"], told["resumed"]) == ("hub", old, False)
    assert counting(members, "rosa") == [told["key"]]
    assert told["entries"] == [members.exchange.head.checkpoint.size - n for n in (2, 1)]
    members.publish("rosa", "--sha256", "4c" * 32)
    members.say("bob", "sync")
    for value in ("3c" * 32, "4c" * 32):
        assert members.say("bob", "signals", "search", value)
    assert members.say("bob", "status")[0]["faults"] == {}


def test_a_node_that_serves_goes_over_to_a_key_that_a_command_changed(members):
    members.say("sam", "follow", members.invite("sam"), "--name", "hub", "--activate")
    with open_following(members.place / "sam") as serving:
        serving.start()
        wait_until(lambda: serving.status()[0].standing == "following")
        (told,) = members.say("sam", "rotate", "hub")
        words = ("publish", "hub", "--sha256", "5c" * 32, "--basis", "terms:4.2")
        members.say("sam", *words)
        entry = members.publish("alice", "--sha256", "6c" * 32)

        def caught_up():  # With a line begun anew for the new key, which may come late.
            (one,) = serving.status()
            return one.size > entry and one.standing == "following" and one

        status = wait_until(caught_up)
        assert (status.refused, status.faults) == (0, {})
    assert counting(members, "sam") == [told["key"]]


def test_people_are_told_which_key_is_used_and_which_revoked(members):
    members.say("tess", "follow", members.invite("tess"), "--name", "hub", "--activate")
    out = members.type("tess", "rotate", "hub").out
    (key,) = counting(members, "tess")
    assert f"this node signs at hub with the key {key}" in out
    assert "revokes the old one" in out


def test_a_change_of_key_that_nobody_answered_is_gone_on_with(members):
    members.say("ulla", "follow", members.invite("ulla"), "--name", "hub", "--activate")
    with closing(sqlite3.connect(members.place / "ulla" / "tocsin.db")) as database, database:
        (url,) = database.execute("SELECT url FROM exchange").fetchone()
        database.execute("UPDATE exchange SET url = 'http://127.0.0.1:1'")
    answer = members.type("ulla", "rotate", "hub")
    assert answer.code == 5
    assert "not in use yet" in answer.err
    assert "`tocsin rotate hub` goes on" in answer.err
    with closing(sqlite3.connect(members.place / "ulla" / "tocsin.db")) as database, database:
        database.execute("UPDATE exchange SET url = ?", (url,))
    assert "was begun before" in members.type("ulla", "rotate", "hub").out


def test_whoever_only_reads_or_follows_nothing_has_no_key_to_change(members, tmp_path):
    policy = tmp_path / "policy.txt"
    policy.write_text(f"log {members.exchange.verifier}\nquorum none\n")
    assert "does not follow" in members.type("vera", "rotate", "hub").err
    members.say("vera", "follow", members.exchange.url, "--name", "hub", "--policy", policy)
    answer = members.type("vera", "rotate", "hub")
    assert answer.code == 1
    assert "Join it with an invitation first" in answer.err


@pytest.mark.parametrize("wrong", [["--name=Hub"], ["--name=hub", "--rule={}"]])
def test_a_wrong_word_does_not_use_an_invitation_up(members, tmp_path, wrong):
    rule = tmp_path / "rule.json"
    rule.write_text('{"nosuch": 1}')
    link = members.invite("kim") if "=Hub" in wrong[0] else members.invite("lou")
    who = "kim" if "=Hub" in wrong[0] else "lou"
    words = [word.format(rule) if "{}" in word else word for word in wrong]
    assert members.type(who, "follow", link, *words).code == 2
    assert members.type(who, "follow", link, "--name", "hub").code == 0


def test_an_exchange_that_does_not_answer_is_named_and_keeps_nobody_else_waiting(members, tmp_path):
    policy = tmp_path / "policy.txt"
    policy.write_text(f"log {members.exchange.verifier}\nquorum none\n")
    members.say("max", "follow", members.exchange.url, "--name", "hub", "--policy", policy)
    with sqlite3.connect(members.place / "max" / "tocsin.db") as database:
        database.execute("UPDATE exchange SET url = 'http://127.0.0.1:1'")
    database.close()
    answer = members.type("max", "sync")
    assert answer.code == 5
    assert "hub: " in answer.err
    assert "report" not in answer.err


def test_what_waits_because_nobody_answers_is_not_to_be_said_again(members):
    members.say("nora", "follow", members.invite("nora"), "--name", "hub")
    with sqlite3.connect(members.place / "nora" / "tocsin.db") as database:
        database.execute("UPDATE exchange SET url = 'http://127.0.0.1:1'")
    database.close()
    words = ("publish", "hub", "--pdq", HASH, "--quality=100", "--basis", "law:1")
    answer = members.type("nora", *words)
    assert answer.code == 5
    assert "Do not say it again" in answer.err
