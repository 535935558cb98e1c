"""An item rises as the evidence for it grows, and falls when it is gone."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codes import random_codes
from samples import NOW
from tocsin.model import ListKind, Signal, SignalType, Stage
from tocsin.trust.benign import Benign
from tocsin.trust.opinions import Opinion, Party, Quorum, Stance
from tocsin.trust.outcome import Sound, doubtful, joined, rejected
from tocsin.trust.rule import Claim, Right, TrustRule
from tocsin.trust.stages import next_stage
from tocsin.trust.structure import Structure
from trusting import ALICE, BOB, CONFIRMED, ISSUER, POLICE, evidence, says

RULE = TrustRule()
FRESH = NOW - timedelta(hours=1)
BAD, ODD = rejected("degenerate", "a pattern"), doubtful("off_balance", "odd")


def place(*opinions, rule=RULE, now=NOW, **changes):
    return next_stage(evidence(*opinions, **changes), rule, now)


def codes(placed):
    return [reason.code for reason in placed.reasons]


stances = st.builds(
    Opinion,
    st.sampled_from([ISSUER, ALICE, BOB, POLICE]),
    st.sampled_from(Stance),
    st.just(NOW),
    st.booleans(),
)
situations = st.fixed_dictionaries(
    {
        "received_at": st.sampled_from([FRESH, NOW - timedelta(days=2)]),
        "structure": st.sampled_from([Sound(), ODD, BAD]),
        "benign": st.sampled_from([Sound(), ODD, Benign(0), Benign(31)]),
        "matches": st.sampled_from([0, 20, 21, 1000]),
        "issuer_items": st.sampled_from([0, 10_001]),
        "incident": st.booleans(),
        "tripped": st.booleans(),
        "retracted": st.booleans(),
    }
)


@given(said=st.lists(stances, max_size=8), situation=situations, data=st.data())
def test_the_same_evidence_gives_the_same_stage_in_whatever_order(said, situation, data):
    shuffled = data.draw(st.permutations(said))
    assert place(*said, **situation) == place(*shuffled, **situation)


@given(said=st.lists(stances, max_size=8), situation=situations)
def test_nothing_is_enforced_that_a_rule_still_speaks_against(said, situation):
    placed = place(*said, **situation)
    if placed.stage is Stage.ENFORCED:
        assert set(codes(placed)) <= {"met", "disputed"}
        confirming = {one.party.organisation for one in said if one.stance is Stance.CONFIRM}
        assert len(confirming - {ISSUER.organisation}) >= 2
        assert (situation["structure"], situation["benign"]) == (Sound(), Sound())
        assert not situation["tripped"]


@given(said=st.lists(stances, max_size=8), situation=situations)
def test_an_incident_skips_the_wait_and_nothing_else(said, situation):
    crisis = place(*said, **situation | {"incident": True})
    waited = situation | {"incident": False, "received_at": NOW - timedelta(days=2), "matches": 0}
    if situation["issuer_items"] == 0:
        assert crisis.stage is place(*said, **waited).stage


@given(said=st.lists(stances, max_size=8), situation=situations)
def test_every_stage_has_reasons_in_words_and_none_twice(said, situation):
    reasons = place(*said, **situation).reasons
    assert all(reason.code and reason.text for reason in reasons)
    assert len(set(reasons)) == len(reasons) > 0


@given(accounts=st.integers(1, 30), situation=situations)
def test_no_number_of_accounts_of_one_organisation_makes_an_item_act(accounts, situation):
    crowd = [Party(f"forum-{number}", "Forum", "platform", "US") for number in range(accounts)]
    placed = place(*(says(one, Stance.CONFIRM) for one in crowd), **situation)
    assert placed.stage is not Stage.ENFORCED


def test_a_thousand_crafted_hashes_never_pass_advisory_without_a_quorum():
    crafted = random_codes(1000)
    signals = [Signal(SignalType.PDQ, code.tobytes(), 100) for code in crafted]
    for outcome in Structure().check(signals):
        alone = place(structure=joined([outcome]), incident=True)
        echoed = place(says(ISSUER, Stance.CONFIRM), structure=joined([outcome]))
        assert Stage.ENFORCED not in (alone.stage, echoed.stage)


def test_a_new_item_waits_in_shadow_and_it_is_known_until_when():
    placed = place(*CONFIRMED, received_at=FRESH)
    assert (placed.stage, codes(placed)) == (Stage.SHADOW, ["waiting"])
    assert placed.due_at == FRESH + timedelta(hours=24)
    assert place(*CONFIRMED, received_at=FRESH, now=placed.due_at).stage is Stage.ENFORCED


def test_a_sound_item_that_only_its_issuer_speaks_for_is_advisory():
    placed = place()
    assert placed.stage is Stage.ADVISORY
    assert set(codes(placed)) == {"no_quorum"}


def test_an_item_that_independent_members_confirm_is_enforced():
    placed = place(*CONFIRMED)
    assert (placed.stage, codes(placed), placed.due_at) == (Stage.ENFORCED, ["met"], None)


@pytest.mark.parametrize(
    ("changes", "stage", "code"),
    [
        ({"structure": BAD}, Stage.SHADOW, "degenerate"),
        ({"structure": ODD}, Stage.ADVISORY, "off_balance"),
        ({"benign": Benign(31)}, Stage.ADVISORY, "benign"),
        ({"benign": ODD}, Stage.ADVISORY, "off_balance"),
        ({"tripped": True}, Stage.ADVISORY, "breaker"),
        ({"retracted": True}, Stage.SHADOW, "retracted"),
        ({"issuer_items": 10_001, "received_at": FRESH}, Stage.SHADOW, "burst"),
        ({"rule": TrustRule(max_stage=Stage.ADVISORY)}, Stage.ADVISORY, "rule_maximum"),
        ({"rule": TrustRule(rights=())}, Stage.SHADOW, "not_permitted"),
    ],
)
def test_what_a_quorum_does_not_overrule(changes, stage, code):
    placed = place(*CONFIRMED, **changes)
    assert placed.stage is stage
    assert code in codes(placed)


@pytest.mark.parametrize(
    ("changes", "without", "code"),
    [
        ({"benign": Benign(0)}, Stage.SHADOW, "benign"),
        ({"matches": 21}, Stage.SHADOW, "too_many_matches"),
        ({"rule": TrustRule(trusted=())}, Stage.SHADOW, "untrusted_issuer"),
    ],
)
def test_what_keeps_an_item_in_shadow_until_others_confirm_it(changes, without, code):
    placed = place(**changes)
    assert (placed.stage, placed.reasons[0].code) == (without, code)
    assert place(*CONFIRMED, **changes).stage is not Stage.SHADOW


def test_an_untrusted_issuer_needs_one_other_who_saw_the_media():
    rule = TrustRule(trusted=("alice",))
    assert place(says(BOB, Stance.SAW), rule=rule).stage is Stage.ADVISORY


def test_an_incident_with_too_many_items_of_one_issuer_waits_all_the_same():
    placed = place(incident=True, received_at=FRESH, issuer_items=10_001)
    assert (placed.stage, placed.due_at) == (Stage.SHADOW, FRESH + timedelta(days=1))


def test_any_dispute_stops_automatic_action_unless_the_rule_says_otherwise():
    said = (*CONFIRMED, says(POLICE, Stance.DISPUTE))
    placed = place(*said)
    assert placed.disputed
    assert codes(placed)[0] == "disputed"
    assert not place(*said, rule=TrustRule(agreement=0.6)).disputed
    assert place(*said, rule=TrustRule(agreement=0.7)).disputed


def test_a_dispute_without_any_confirmation_counts_as_one():
    assert place(says(BOB, Stance.DISPUTE), rule=TrustRule(agreement=0.1)).disputed


def test_three_members_that_are_flooded_demote_an_item():
    others = [Party(f"m{n}", f"Site {n}", "platform", "IT") for n in range(3)]
    floods = [says(one, Stance.FLOOD) for one in others]
    assert place(*CONFIRMED, *floods[:2]).stage is Stage.ENFORCED
    placed = place(*CONFIRMED, *floods)
    assert (placed.stage, codes(placed)) == (Stage.ADVISORY, ["flood"])


@pytest.mark.parametrize("pinned", Stage)
def test_what_the_operator_sets_by_hand_holds_but_not_against_breaker_and_retraction(pinned):
    assert place(pinned=pinned, structure=BAD).stage is pinned
    tripped = place(pinned=pinned, tripped=True).stage
    assert tripped.height <= Stage.ADVISORY.height
    assert place(pinned=pinned, retracted=True).stage is Stage.SHADOW


def test_an_allow_list_is_in_or_out_and_asks_neither_wait_nor_quorum():
    rule = TrustRule(rights=(Right(list_kinds=(ListKind.ALLOW,)),))
    claim = Claim(list_kind=ListKind.ALLOW)
    ask = {"rule": rule, "claim": claim, "received_at": NOW}
    assert place(benign=Benign(0), **ask).stage is Stage.ENFORCED
    assert place(structure=BAD, **ask).stage is Stage.SHADOW
    assert place(claim=claim).stage is Stage.SHADOW


def test_a_rule_may_ask_for_less():
    rule = TrustRule(quorum=Quorum(0, 0, 0, 0), shadow_hours=0)
    assert place(rule=rule, received_at=NOW).stage is Stage.ENFORCED
