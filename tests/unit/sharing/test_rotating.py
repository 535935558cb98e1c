"""A member changes its key: wherever that is cut short, one key counts and none is forgotten."""

import os
import stat

import pytest
from sqlalchemy import delete

from exchanges import an_item
from shares import NearPlace
from tocsin.entries.envelope import key_id
from tocsin.entries.parties import Role
from tocsin.entries.statements import KeySaid, MemberSaid
from tocsin.errors import Conflict, InvalidInput, Refused, Unavailable
from tocsin.recording import shared
from tocsin.sharing import line, lines
from tocsin.sharing.keys import MemberKeys, Which, raw
from waiting import wait_until

STEPS = ("made", "added", "kept", "used", "revoked", "dropped")


class Killed(BaseException):
    """The process is gone: nothing catches this."""


class Knife:
    """Kills at a step; each is a call that changes a file of keys, or sends to the exchange."""

    def __init__(self, patch, folder, at, when):
        self._done = 0
        self._at = (at, when)
        for name in ("link", "replace", "unlink"):
            patch.setattr(os, name, self._wrapped(getattr(os, name), str(folder)))
        patch.setattr(NearPlace, "submit", self._wrapped(NearPlace.submit, ""))

    def _wrapped(self, call, folder):
        def stepped(*given, **more):
            if folder and not str(given[0]).startswith(folder):
                return call(*given, **more)
            step = STEPS[self._done]
            self._done += 1
            if (step, "before") == self._at:
                raise Killed
            answer = call(*given, **more)
            if (step, "after") == self._at:
                raise Killed
            return answer

        return stepped


def kill(following, folder, at, when):
    """Change the key, and be killed before or after a step."""
    with pytest.MonkeyPatch.context() as patch:
        Knife(patch, folder, at, when)
        with pytest.raises(Killed):
            following.rotate("hub")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "keys"


@pytest.fixture
def keys(folder):
    return MemberKeys(folder)


@pytest.fixture
def contributing(running):
    """Lets dana say things."""
    roles = (Role.READER, Role.CONTRIBUTOR)
    running.exchange.say(MemberSaid(action="role", member="dana", roles=roles)).result()


def counting(running):
    """The ids of dana's keys that count for the next entry."""
    register = running.exchange.register()
    held = register.members["dana"].keys
    return [name for name, key in held.items() if key.counts_at(register.size)]


def own(keys):
    return key_id(raw(keys.read("hub"))).hex()


def test_the_new_key_counts_and_the_old_one_no_more(following, running, keys):
    done = following.rotate("hub")
    assert counting(running) == [done.key] == [own(keys)]
    assert done.old == key_id(raw(running.dana.key)).hex()
    assert not done.resumed


def test_only_the_new_key_is_left_and_nobody_else_reads_it(following, folder):
    following.rotate("hub")
    (path,) = folder.iterdir()
    assert (path.name, stat.S_IMODE(path.stat().st_mode)) == ("hub.key", 0o600)


@pytest.mark.usefixtures("contributing")
def test_what_was_signed_before_counts_on(following, running, items):
    following.publisher("hub").publish(an_item(1))
    following.rotate("hub")
    following.publisher("hub").publish(an_item(2))
    following.catch_up("hub")
    assert [one.note for one in items.page("hub")] == ["item number 1", "item number 2"]
    assert following.status()[0].faults == {}


@pytest.mark.usefixtures("contributing")
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_it_can_be_killed_at_every_step(following, running, keys, folder, step, when):
    kill(following, folder, step, when)
    following.publisher("hub").publish(an_item(1))  # There is a key that counts.
    finished = (step, when) == ("dropped", "after")
    unbegun = (step, when) == ("made", "before")
    assert bool(following.problems()) is not (finished or unbegun)
    done = following.rotate("hub")
    assert done.resumed is not (finished or unbegun)
    assert counting(running) == [done.key] == [own(keys)]
    assert len(running.exchange.register().members["dana"].keys) == (3 if finished else 2)
    assert [one.name for one in folder.iterdir()] == ["hub.key"]


def test_what_an_exchange_does_not_answer_is_gone_on_with(following, place, keys, running):
    place.broken = True
    with pytest.raises(Unavailable) as caught:
        following.rotate("hub")
    assert "not in use yet" in str(caught.value)
    assert "`tocsin rotate hub`" in caught.value.advice
    assert following.problems() == ("a change of our key at hub was begun: `tocsin rotate hub`",)
    place.broken = False
    assert following.rotate("hub").resumed
    assert counting(running) == [own(keys)]


def test_one_that_is_refused_is_tried_anew_with_the_same_key(following, running, keys):
    running.exchange.say(MemberSaid(action="suspend", member="dana")).result()
    with pytest.raises(Refused) as caught:
        following.rotate("hub")
    assert caught.value.code == "suspended"
    fresh = keys.read("hub", Which.NEXT)
    running.exchange.say(MemberSaid(action="reinstate", member="dana")).result()
    assert following.rotate("hub").key == key_id(raw(fresh)).hex()


def test_a_key_that_was_added_before_the_database_was_lost_is_not_added_twice(
    following, running, store, folder, keys
):
    kill(following, folder, "added", "after")
    store.write(lambda connection: connection.execute(delete(shared.outbox)) and None).result()
    done = following.rotate("hub")
    assert len(done.entries) == 1
    assert counting(running) == [done.key] == [own(keys)]


@pytest.mark.usefixtures("contributing")
def test_what_the_old_key_still_seals_is_kept_and_sent_with_the_new_one(following, running):
    slow = following.publisher("hub")
    following.rotate("hub")
    with pytest.raises(Unavailable, match="changed meanwhile"):
        slow.publish(an_item(1))
    assert (following.status()[0].waiting, following.status()[0].refused) == (1, 0)
    assert following.publisher("hub").send() == 1


@pytest.mark.usefixtures("contributing")
def test_what_a_key_says_that_others_revoked_is_refused(following, running):
    public = raw(running.dana.key).hex()
    running.exchange.say(KeySaid(action="revoke", member="dana", key=public)).result()
    with pytest.raises(Refused) as caught:
        following.publisher("hub").publish(an_item(1))
    assert caught.value.code == "revoked_key"


def test_a_stolen_key_takes_the_key_along_that_it_added(following, running):
    since = running.exchange.head.checkpoint.size
    following.rotate("hub")
    public = raw(running.dana.key).hex()
    said = KeySaid(action="revoke", member="dana", key=public, since=since)
    running.exchange.say(said).result()
    assert counting(running) == []


def test_two_processes_never_change_a_key_at_once(following, folder):
    with MemberKeys(folder).alone(), pytest.raises(Conflict, match="another process"):
        following.rotate("hub")
    assert following.rotate("hub").resumed is False


def test_whoever_has_no_key_is_told_how_to_get_one(following, keys):
    keys.drop("hub")
    with pytest.raises(Conflict) as caught:
        following.rotate("hub")
    assert "invitation" in caught.value.advice


def test_whoever_leaves_leaves_no_key_of_a_change_that_was_cut_short(following, folder):
    kill(following, folder, "kept", "after")
    following.remove("hub", actor="cli")
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("contributing")
def test_a_node_that_serves_goes_over_to_the_new_key(following, monkeypatch):
    monkeypatch.setattr(lines, "LOOK_S", 0.05)
    monkeypatch.setattr(line, "POST_S", 0.05)
    following.start()
    following.rotate("hub")
    following.publisher("hub").put([an_item(1)])
    wait_until(lambda: not following.status()[0].waiting)
    assert following.status()[0].refused == 0


def test_a_key_is_never_kept_in_place_of_another(following, keys, folder):
    before = (folder / "hub.key").read_bytes()
    with pytest.raises(Conflict):
        keys.make("hub")
    assert [one.name for one in folder.iterdir()] == ["hub.key"]
    assert (folder / "hub.key").read_bytes() == before


def test_a_key_that_others_can_read_is_not_used(following, folder):
    (folder / "hub.key").chmod(0o640)
    with pytest.raises(InvalidInput, match="can be read by others"):
        following.rotate("hub")
