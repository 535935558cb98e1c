"""A node that follows an exchange has on its lists what the log says, and nothing else."""

import base64
import hashlib

import pytest
from sqlalchemy import select

from exchanges import NOW, ORIGIN, URL, an_item
from logs import cosigner
from shares import policy_of
from tocsin.entries.statements import Erase, GroupSaid, Opinion, Retract, Supersede
from tocsin.errors import Conflict, InvalidInput, NotFound, Unavailable, UnsafeAddress
from tocsin.exchange.keys import SigningKey
from tocsin.exchange.note import sign_note
from tocsin.exchange.tiles import CHECKPOINT
from tocsin.lists.items import place_in
from tocsin.model import ListKind, Stage, Verdict
from tocsin.recording import tables
from tocsin.sharing.following import Following
from tocsin.sharing.keeping import Keeper

EMPTY = base64.b64encode(hashlib.sha256().digest()).decode()
SIGNAL = tables.signals.c


def listed(items, name="hub"):
    return [one.note for one in items.page(name)]


def test_an_item_that_a_member_asserts_is_on_the_list_of_the_exchange(running, following, items):
    running.alice.say(an_item(1), an_item(2))
    following.catch_up("hub")
    assert listed(items) == ["item number 1", "item number 2"]
    (status,) = following.status()
    assert (status.size, status.told, status.faults) == (6, 6, {})


def test_an_item_bears_its_issuer_and_begins_in_shadow(running, following, items):
    running.alice.say(an_item(1))
    following.catch_up("hub")
    (one,) = items.page("hub")
    assert (one.issuer, one.stage, one.source_id) == ("alice", Stage.SHADOW, "4")


def test_catching_up_again_changes_nothing(running, following, items):
    running.alice.say(an_item(1))
    following.catch_up("hub")
    following.catch_up("hub")
    assert listed(items) == ["item number 1"]


def test_what_is_retracted_or_superseded_is_off_the_list(running, following, items, trust):
    first, second, third = running.alice.say(an_item(1), an_item(2), an_item(3))
    following.catch_up("hub")
    running.alice.say(Retract(of=first, reason="a mistake"))
    running.alice.say(Supersede(of=second, by=third, reason="a better copy"))
    following.catch_up("hub")
    assert listed(items) == ["item number 3"]
    assert [one[0] for one in trust.told].count("retracted") == 2


def test_an_opinion_is_told_to_trust(running, following, trust):
    (first,) = running.alice.say(an_item(1))
    running.bob.say(Opinion(of=first, opinion="dispute", reason="a news photo"))
    following.catch_up("hub")
    assert ("heard", 1, "bob", "dispute") in trust.told


def test_what_is_erased_is_gone_from_the_tables_and_a_receipt_is_due(running, following, items):
    (first,) = running.alice.say(an_item(1, labels=("threat",)))
    following.catch_up("hub")
    running.alice.say(Erase(of=first, reason="error"))
    following.catch_up("hub")
    erased = items.get("hub", 1)
    assert (erased.note, erased.labels, [one.value for one in erased.signals]) == ("", (), [b""])
    assert following.status()[0].waiting == 1
    following.publisher("hub").send()
    assert running.exchange.position("dana").sequence == 1


def test_items_of_other_territories_and_kinds_have_lists_of_their_own(running, following):
    running.alice.say(an_item(1, territories=("FR", "DE")), an_item(2, list="allow"))
    following.catch_up("hub")
    assert following.dossier.lists("hub") == ["hub-allow", "hub-de-fr"]


def test_lists_count_only_once_the_operator_lets_them(running, following, store, rules):
    running.alice.say(an_item(1), an_item(2, list="allow"))
    following.catch_up("hub")
    assert not any(one.enabled for one in rules.all())
    following.activate("hub", actor="cli")
    assert {one.kind: one.enabled for one in rules.all()} == {
        ListKind.BLOCK: True,
        ListKind.ALLOW: False,
    }
    following.deactivate("hub", actor="cli")
    assert not any(one.enabled for one in rules.all())


def test_lists_that_begin_to_count_are_looked_back_for(running, following, store):
    running.alice.say(an_item(1), an_item(2))
    following.catch_up("hub")
    with store.read() as connection:
        before = dict(connection.execute(select(SIGNAL.item_id, SIGNAL.revision)).all())
    store.write(lambda one: place_in(one, [1], Stage.ADVISORY, disputed=False)).result()
    since = store.revision()
    following.activate("hub", actor="cli")
    following.activate("hub", actor="cli")
    with store.read() as connection:
        after = dict(connection.execute(select(SIGNAL.item_id, SIGNAL.revision)).all())
    assert after[1] > since
    assert after[2] == before[2]


def test_beginning_anew_that_is_cut_short_never_joins_two_logs(
    running, following, store, monkeypatch
):
    running.alice.say(an_item(1))
    following.catch_up("hub")
    monkeypatch.setattr(Keeper, "thaw", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        following.resume("hub", actor="cli", forget=True)
    assert following.status()[0].size == 0


def test_a_list_of_an_exchange_holds_and_no_more_unless_the_terms_say_so(following, running, rules):
    running.alice.say(an_item(1))
    following.catch_up("hub")
    assert rules.get("hub").verdict is Verdict.HOLD


def test_what_a_group_was_told_is_removed_when_we_leave_it(running, following, items):
    running.exchange.say(GroupSaid(audience="cell", members=("alice", "dana"))).result()
    running.alice.say(an_item(1, audience="cell"), an_item(2))
    following.catch_up("hub")
    assert listed(items) == ["item number 1", "item number 2"]
    running.exchange.say(GroupSaid(audience="cell", members=("alice",))).result()
    following.catch_up("hub")
    assert listed(items) == ["item number 2"]


def test_who_joins_a_group_reads_what_it_was_told_before(running, following, items):
    running.exchange.say(GroupSaid(audience="cell", members=("alice",))).result()
    running.alice.say(an_item(1, audience="cell"))
    following.catch_up("hub")
    running.exchange.say(GroupSaid(audience="cell", members=("alice", "dana"))).result()
    following.catch_up("hub")
    assert listed(items) == ["item number 1"]


def test_a_replay_keeps_every_item_as_it_is(running, following, items):
    running.alice.say(an_item(1), an_item(2))
    following.catch_up("hub")
    before = items.page("hub")
    following.replay("hub", actor="cli")
    following.catch_up("hub")
    assert items.page("hub") == before
    assert not following.status()[0].replaying


def test_an_exchange_that_is_left_takes_its_lists_along(running, following, rules):
    running.alice.say(an_item(1))
    following.catch_up("hub")
    following.remove("hub", actor="cli")
    assert rules.all() == ()
    assert following.all() == []
    with pytest.raises(NotFound):
        following.catch_up("hub")


def test_an_exchange_can_be_followed_again_after_it_was_left(running, following, items):
    running.alice.say(an_item(1))
    following.catch_up("hub")
    following.remove("hub", actor="cli")
    terms = {"origin": ORIGIN, "url": URL, "policy": policy_of(running), "actor": "cli"}
    following.add("hub", member="dana", key=running.dana.key, **terms)
    following.catch_up("hub")
    assert listed(items) == ["item number 1"]


@pytest.mark.parametrize("name", ["", "Hub", "hub_", "x" * 25, "a/b", "-a"])
def test_a_name_that_could_not_name_lists_is_refused(following, running, name):
    with pytest.raises(InvalidInput):
        following.add(name, origin=ORIGIN, url=URL, policy=policy_of(running), actor="cli")


def test_two_exchanges_never_have_one_name(following, running):
    with pytest.raises(Conflict):
        following.add("hub", origin=ORIGIN, url=URL, policy=policy_of(running), actor="cli")


@pytest.mark.parametrize("policy", ["", "quorum none\n", "log nonsense\nquorum none\n"])
def test_a_policy_that_does_not_name_the_log_is_refused(following, policy):
    with pytest.raises(InvalidInput):
        following.add("other", origin=ORIGIN, url=URL, policy=policy, actor="cli")


def test_the_policy_of_an_exchange_is_changed_for_one_that_names_the_same_key(following, running):
    running.alice.say(an_item(1))
    following.catch_up("hub")
    witness = f"witness w {cosigner('w.example').verifier}\nquorum w\n"
    following.move("hub", policy=policy_of(running).replace("quorum none\n", witness), actor="cli")
    running.alice.say(an_item(2))
    following.catch_up("hub")
    (status,) = following.status()
    assert (status.size, status.followed.quorum.quorum, status.followed.url) == (6, "w", URL)


def test_a_policy_with_another_key_of_that_name_is_refused(following, running):
    running.alice.say(an_item(1))
    following.catch_up("hub")
    stranger = SigningKey.generate(ORIGIN)
    with pytest.raises(InvalidInput, match="another key"):
        following.move("hub", policy=f"log {stranger.verifier}\nquorum none\n", actor="cli")
    assert following.get("hub").policy == policy_of(running)


def test_an_exchange_that_moved_is_looked_for_where_it_is_now(following, place):
    following.catch_up("hub")
    following.move("hub", url="https://new.example/hub", actor="cli")
    assert following.get("hub").url == "https://new.example/hub"
    assert following.status()[0].size == 4


def test_an_address_where_nobody_answers_or_another_log_is_changes_nothing(following, place):
    place.broken = True
    with pytest.raises(Unavailable):
        following.move("hub", url="https://new.example/hub", actor="cli")
    place.broken = False
    stranger = SigningKey.generate(ORIGIN)
    shown = sign_note(f"{ORIGIN}\n0\n{EMPTY}\n", [stranger], NOW).encode()
    place.get = {CHECKPOINT: shown}.__getitem__
    with pytest.raises(InvalidInput, match="another key"):
        following.move("hub", url="https://new.example/hub", actor="cli")
    assert following.get("hub").url == URL


def test_an_exchange_at_an_address_that_is_not_allowed_does_not_keep_a_node_from_starting(
    store, running, trust, tmp_path, following
):
    def refuse(*_):
        raise UnsafeAddress("an exchange is reached by https")

    more = {"connect": refuse, "changed": lambda: None, "processes": 1}
    other = Following(store, trust, running.clock, tmp_path / "keys", **more)
    other.start()
    assert "is not reached: an exchange is reached by https" in other.problems()[0]
    other.close()
