"""Items of others rise and fall on the evidence, each step on record, and corrections go back."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signals import md5
from tocsin.errors import NotFound
from tocsin.hashing.exact import file_signals
from tocsin.lists.items import ItemDraft
from tocsin.lists.rules import ListDraft
from tocsin.model import ListKind, Stage, Verdict, View
from tocsin.recording.events import Tag
from tocsin.recording.history import History
from tocsin.trust.benign import BenignCorpus
from tocsin.trust.breaker import Trip
from tocsin.trust.opinions import Party, Stance
from tocsin.trust.rule import Right, TrustRule
from tocsin.trust.stages import next_stage
from tocsin.trust.standing import Received, Standing
from trusting import ALICE, BOB, CONFIRMED, ISSUER, POLICE, photo, says

DAY_S = 86_400


def events(store, tag):
    return [one.event for one in History(store).page(tags=[tag], limit=5000)]


def codes(placed):
    return [reason.code for reason in placed.reasons]


@pytest.fixture
def confirmed(receive, standing, clock):
    """An item that two independent members confirmed after its wait."""
    item = receive()
    clock.advance(DAY_S)
    standing.review()
    for opinion in CONFIRMED:
        standing.opinion(item, opinion)
    return item


def test_an_item_goes_from_shadow_to_advisory_to_enforced(receive, standing, items, clock):
    item = receive()
    assert items.get("followed", item).stage is Stage.SHADOW
    clock.advance(DAY_S)
    assert standing.review().moved == 1
    assert items.get("followed", item).stage is Stage.ADVISORY
    for opinion in CONFIRMED:
        standing.opinion(item, opinion)
    assert items.get("followed", item).stage is Stage.ENFORCED


def test_every_step_is_an_event_with_a_digest_of_the_evidence(confirmed, store):
    steps = [(one.body["from"], one.body["to"]) for one in events(store, Tag.STAGE_CHANGED)]
    assert steps == [("shadow", "advisory"), ("advisory", "enforced")]
    first, second = events(store, Tag.STAGE_CHANGED)
    assert first.subject == f"followed/{confirmed}"
    assert len(first.body["evidence"]) == 64
    assert first.body["evidence"] != second.body["evidence"]


def test_where_an_item_stands_can_be_read_with_its_evidence(confirmed, standing, clock):
    stood = standing.get(confirmed)
    assert (stood.list, stood.exchange, stood.since) == ("followed", "north", clock())
    assert (stood.placed.stage, codes(stood.placed)) == (Stage.ENFORCED, ["met"])
    assert stood.evidence.issuer == ISSUER
    assert {one.party for one in stood.evidence.opinions} == {ALICE, BOB}
    assert stood.evidence.claim.labels == ("threat",)


def test_verdicts_follow_the_stage(receive, standing, screen, clock):
    item = receive()
    assert screen(1, photo(1)).judgement.verdict is Verdict.ALLOW
    clock.advance(DAY_S)
    standing.review()
    assert screen(2, photo(1)).judgement.verdict is Verdict.HOLD
    for opinion in CONFIRMED:
        standing.opinion(item, opinion)
    assert screen(3, photo(1)).judgement.verdict is Verdict.REFUSE
    standing.opinion(item, says(POLICE, Stance.DISPUTE))
    assert screen(4, photo(1)).judgement.verdict is Verdict.HOLD
    standing.retracted(item)
    assert screen(5, photo(1)).judgement.verdict is Verdict.ALLOW


def test_leaving_the_shadow_makes_look_back_look_again(receive, standing, store, clock):
    receive()
    before = store.revision()
    clock.advance(DAY_S)
    standing.review()
    assert store.revision() > before


def test_too_many_matches_in_shadow_keep_an_item_there(receive, standing, screen, clock):
    item = receive()
    for number in range(21):
        screen(number, photo(1))
    clock.advance(DAY_S)
    standing.review()
    stood = standing.get(item)
    assert (stood.evidence.matches, stood.placed.stage) == (21, Stage.SHADOW)
    assert codes(stood.placed)[0] == "too_many_matches"


def test_an_incident_acts_at_once_but_not_on_what_the_checks_reject(receive, items):
    urgent = receive(1, incident=True)
    empty = receive(2, signal=file_signals(b"")[0], incident=True)
    assert items.get("followed", urgent).stage is Stage.ADVISORY
    assert items.get("followed", empty).stage is Stage.SHADOW


def test_the_benign_corpus_has_a_veto(items, followed, store, clock, trust_rules, tmp_path):
    own = photo(5)
    with BenignCorpus(tmp_path / "benign", writer=True) as corpus:
        list(corpus.add([_medium(5)]))
        standing = Standing(store, clock, trust_rules.__getitem__, benign=corpus)
        draft = ItemDraft((own,), stage=Stage.SHADOW, issuer="dana")
        item = items.add("followed", draft, actor="node").item_id
        placed = standing.received(Received(item, "north", ISSUER, (own,), incident=True))
    assert (placed.stage, placed.reasons[0].code) == (Stage.SHADOW, "benign")


def _medium(number):
    from_file = file_signals(str(number).encode())[0]
    return [View("file", from_file), View("image 512", photo(number))]


@pytest.mark.parametrize("again", [1, 3])
def test_receiving_the_same_again_changes_nothing(receive, standing, clock, again):
    item = receive()
    clock.advance(3600)
    before = standing.get(item)
    for _ in range(again):
        assert receive() == item
    assert standing.get(item) == before


def test_another_organisation_that_asserts_the_same_confirms_it(receive, standing):
    item = receive(issuer=ISSUER)
    assert receive(issuer=ALICE) == item
    receive(issuer=Party("second account", ISSUER.organisation, "platform", "DE"))
    (opinion,) = standing.get(item).evidence.opinions
    assert (opinion.party, opinion.stance, opinion.own_media) == (ALICE, Stance.CONFIRM, False)


def test_what_the_operator_listed_stays_as_it_is(items, followed, standing):
    item = items.add("followed", ItemDraft((photo(1),)), actor="alice").item_id
    placed = standing.received(Received(item, "north", ISSUER, (photo(1),)))
    assert (placed.stage, codes(placed)) == (Stage.ENFORCED, ["own"])
    assert items.get("followed", item).stage is Stage.ENFORCED
    with pytest.raises(NotFound):
        standing.get(item)


def test_thousands_are_received_together(items, followed, standing):
    drafts = [ItemDraft((photo(n),), stage=Stage.SHADOW, issuer="dana") for n in range(1000)]
    added = items.add_many("followed", drafts, actor="node")
    received = [
        Received(one.item_id, "north", ISSUER, draft.signals)
        for one, draft in zip(added, drafts, strict=True)
    ]
    placed = standing.received_many(received)
    assert [one.stage for one in placed] == [Stage.SHADOW] * 1000
    assert len(standing.waiting(limit=2000)) == 1000


def test_a_burst_of_one_issuer_waits_a_day_even_in_an_incident(receive, standing, trust_rules):
    trust_rules["north"] = TrustRule(daily_items=3)
    last = [receive(number, incident=True) for number in range(1, 6)][-1]
    assert codes(standing.get(last).placed)[0] == "burst"


def test_a_member_that_changes_its_mind_is_heard_once(confirmed, standing):
    assert standing.opinion(confirmed, says(ALICE, Stance.DISPUTE)).disputed
    assert not standing.opinion(confirmed, says(ALICE, Stance.CONFIRM)).disputed
    assert len(standing.get(confirmed).evidence.opinions) == 2


def test_an_opinion_that_is_withdrawn_counts_no_longer(confirmed, standing):
    assert standing.withdrawn(confirmed, "alice").stage is Stage.ADVISORY
    standing.opinion(confirmed, says(POLICE, Stance.DISPUTE))
    placed = standing.withdrawn(confirmed, "bka", Stance.DISPUTE)
    assert not placed.disputed


def test_a_dispute_reopens_every_decision_that_rested_on_the_item_once(
    confirmed, standing, screen, store, clock
):
    for number in range(3):
        screen(number, photo(1, flips=number))
    screen(9, photo(2))
    clock.advance(60)
    standing.opinion(confirmed, says(POLICE, Stance.DISPUTE))
    standing.opinion(confirmed, says(Party("eve", "Chat", "platform", "IT"), Stance.DISPUTE))
    reopened = events(store, Tag.DECISION_REOPENED)
    assert sorted(one.subject for one in reopened) == [f"{number:032x}" for number in range(3)]
    assert reopened[0].body == {"item": confirmed, "because": "disputed"}


def test_what_a_disputed_item_holds_later_is_reopened_by_a_second_dispute_only(
    confirmed, standing, screen, store, clock
):
    standing.opinion(confirmed, says(POLICE, Stance.DISPUTE))
    clock.advance(60)
    screen(1, photo(1))
    standing.review()
    assert events(store, Tag.DECISION_REOPENED) == []
    standing.withdrawn(confirmed, "bka")
    clock.advance(60)
    standing.opinion(confirmed, says(POLICE, Stance.DISPUTE))
    assert len(events(store, Tag.DECISION_REOPENED)) == 1


def test_a_retraction_reopens_thousands_and_a_crash_in_between_loses_none(
    confirmed, standing, screen, store, clock, monkeypatch
):
    for number in range(12):
        screen(number, photo(1))
    monkeypatch.setattr("tocsin.trust.reopening.CHUNK", 5)
    monkeypatch.setattr(standing, "_reopen", lambda _: 0)  # killed between the two
    standing.retracted(confirmed)
    monkeypatch.undo()
    assert standing.review().reopened == 12
    assert standing.review().reopened == 0
    assert len({one.subject for one in events(store, Tag.DECISION_REOPENED)}) == 12


def test_a_retracted_item_that_is_asserted_again_starts_over(confirmed, standing, receive, items):
    standing.retracted(confirmed)
    assert receive(issuer=ALICE) == confirmed
    stood = standing.get(confirmed)
    assert (stood.evidence.issuer, stood.placed.stage) == (ALICE, Stage.SHADOW)
    assert codes(stood.placed)[0] == "waiting"


def test_the_operator_can_set_a_stage_by_hand_and_let_go_again(confirmed, standing, items):
    assert standing.pin(confirmed, Stage.SHADOW, actor="alice").stage is Stage.SHADOW
    assert items.get("followed", confirmed).stage is Stage.SHADOW
    assert standing.pin(confirmed, None, actor="alice").stage is Stage.ENFORCED


def test_items_that_do_not_act_in_full_are_listed_with_what_they_wait_for(receive, standing):
    first, second = receive(1), receive(2, signal=file_signals(b"")[1])
    assert [one.item_id for one in standing.waiting()] == [first, second]
    assert [one.item_id for one in standing.waiting(after=first)] == [second]
    assert codes(standing.waiting(limit=1)[0].placed)[0] == "waiting"


def test_a_change_of_rule_is_applied_to_all_by_a_review_of_everything(
    receive, standing, clock, trust_rules
):
    item = receive()
    clock.advance(DAY_S)
    standing.review()
    trust_rules["north"] = TrustRule(rights=())
    assert standing.review().seen == 0
    standing.review(everything=True)
    assert codes(standing.get(item).placed)[0] == "not_permitted"


def test_a_flood_is_demoted_once_and_comes_back_when_a_person_clears_it(
    confirmed, standing, items, store, clock, followed
):
    trip = Trip(confirmed, followed.id, "dana", 21, clock())
    assert standing.tripped(trip)
    assert standing.tripped(trip)
    assert items.get("followed", confirmed).stage is Stage.ADVISORY
    assert len(events(store, Tag.BREAKER_TRIPPED)) == 1
    standing.cleared(confirmed, actor="alice")
    assert items.get("followed", confirmed).stage is Stage.ENFORCED
    assert not standing.tripped(trip)
    clock.advance(2 * DAY_S)
    assert standing.tripped(Trip(confirmed, followed.id, "dana", 21, clock()))


def test_an_own_item_of_the_operator_trips_and_is_cleared_too(items, followed, standing, clock):
    item = items.add("followed", ItemDraft((md5(1),)), actor="alice").item_id
    assert standing.tripped(Trip(item, followed.id, "", 21, clock()))
    assert items.get("followed", item).stage is Stage.ADVISORY
    standing.cleared(item, actor="alice")
    assert items.get("followed", item).stage is Stage.ENFORCED


def test_an_issuer_that_floods_is_demoted_at_once_with_all_it_listed(
    confirmed, receive, standing, items, clock, followed
):
    other = receive(2, issuer=ALICE, incident=True)
    standing.pin(other, Stage.ENFORCED, actor="alice")
    assert standing.tripped(Trip(None, followed.id, "dana", 201, clock()))
    assert items.get("followed", confirmed).stage is Stage.ADVISORY
    assert items.get("followed", other).stage is Stage.ENFORCED
    standing.review()
    assert codes(standing.get(confirmed).placed) == ["breaker"]
    standing.cleared_issuer(followed.id, "dana", actor="alice")
    standing.review()
    assert items.get("followed", confirmed).stage is Stage.ENFORCED


@pytest.mark.parametrize(("permitted", "enabled"), [(True, True), (False, False)])
def test_an_allow_list_is_added_to_only_by_those_who_may(
    items, rules, standing, trust_rules, permitted, enabled
):
    rules.create(ListDraft("news", kind=ListKind.ALLOW, ttl_days=0), actor="alice")
    if permitted:
        trust_rules["north"] = TrustRule(rights=(Right(list_kinds=(ListKind.ALLOW,)),))
    draft = ItemDraft((photo(1),), stage=Stage.SHADOW, issuer="dana")
    item = items.add("news", draft, actor="node").item_id
    standing.received(Received(item, "north", ISSUER, draft.signals))
    assert items.get("news", item).enabled is enabled
    standing.retracted(item)
    assert not items.get("news", item).enabled


@pytest.mark.parametrize(
    "call",
    [
        lambda standing: standing.get(999),
        lambda standing: standing.opinion(999, says(BOB, Stance.CONFIRM)),
        lambda standing: standing.withdrawn(999, "bob"),
        lambda standing: standing.retracted(999),
        lambda standing: standing.pin(999, None, actor="alice"),
        lambda standing: standing.cleared(999, actor="alice"),
        lambda standing: standing.received(Received(999, "north", ISSUER, (photo(1),))),
    ],
)
def test_an_item_that_does_not_exist_is_not_found(standing, call):
    with pytest.raises(NotFound):
        call(standing)


steps = st.lists(
    st.tuples(
        st.sampled_from([ISSUER, ALICE, BOB, POLICE]),
        st.sampled_from(Stance),
    ),
    max_size=6,
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=steps, number=st.integers(10, 10**9))
def test_the_database_places_an_item_as_the_pure_rule_does(receive, standing, said, number):
    item = receive(number)
    for party, stance in said:
        standing.opinion(item, says(party, stance))
    stood = standing.get(item)
    assert stood.placed == next_stage(stood.evidence, TrustRule(), stood.since)
