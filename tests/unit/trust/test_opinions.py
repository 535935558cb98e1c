"""One organisation has one voice, whatever its accounts say and in whatever order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samples import NOW
from tocsin.trust.opinions import Opinion, Party, Quorum, Stance, heard
from trusting import ALICE, BOB, CONFIRMED, ISSUER, POLICE, says

ORGANISATIONS = ["Video Site", "Photo Site", "Forum", "Police"]


def full(member):
    return 1.0


def hear(*opinions, weight_of=full):
    return heard(opinions, issuer=ISSUER, weight_of=weight_of)


@st.composite
def opinions(draw, organisations=ORGANISATIONS):
    organisation = draw(st.sampled_from(organisations))
    account = f"{organisation} {draw(st.integers(1, 5))}"
    kind = draw(st.sampled_from(["platform", "authority", ""]))
    party = Party(account, organisation, kind, draw(st.sampled_from(["DE", "FR", ""])))
    return Opinion(party, draw(st.sampled_from(Stance)), NOW, draw(st.booleans()))


weights = st.dictionaries(st.sampled_from(["Forum 1", "Forum 2", "Police 1"]), st.floats(0, 1))


@given(said=st.lists(opinions(), max_size=12), weights=weights, data=st.data())
def test_the_order_of_opinions_changes_nothing(said, weights, data):
    shuffled = data.draw(st.permutations(said))
    weigh = {"weight_of": lambda member: weights.get(member, 1.0)}
    assert hear(*said, **weigh) == hear(*shuffled, **weigh)


@given(said=st.lists(opinions(["Forum"]), max_size=12), weights=weights)
def test_no_number_of_accounts_of_one_organisation_weighs_more_than_one(said, weights):
    voices = hear(*said, weight_of=lambda member: weights.get(member, 1.0))
    for group in (voices.confirming, voices.disputing, voices.saw, voices.flooded):
        assert len(group) <= 1
        assert sum(one.weight for one in group) <= 1
    assert not (voices.confirming and voices.disputing)


@given(said=st.lists(opinions(["Video Site"]), max_size=12))
def test_the_issuers_own_organisation_is_not_heard(said):
    assert hear(*said) == hear()


@given(said=st.lists(opinions(["Forum"]), max_size=12))
def test_one_organisation_alone_never_makes_the_quorum(said):
    assert Quorum().missing(hear(*said))


@given(said=st.lists(opinions(), max_size=12), extra=opinions(["Forum"]))
def test_another_account_of_a_heard_organisation_never_completes_a_quorum(said, extra):
    again = [one for one in said if one.party.organisation == "Forum"]
    same = [one for one in again if one.stance is extra.stance]
    facts = {(one.party.kind, one.party.jurisdiction, one.own_media) for one in same}
    known = (extra.party.kind, extra.party.jurisdiction, extra.own_media) in facts
    if known and Quorum().missing(hear(*said)):
        assert Quorum().missing(hear(*said, extra))


def test_two_platforms_of_two_jurisdictions_that_had_the_media_are_enough():
    assert Quorum().missing(hear(*CONFIRMED)) == ()


@pytest.mark.parametrize(
    ("said", "lacking"),
    [
        ([], "organisations: 0 of 2"),
        (CONFIRMED[:1], "organisations: 1 of 2"),
        ([says(ALICE, Stance.CONFIRM), says(BOB, Stance.SAW)], "organisations: 1 of 2"),
        (
            [
                says(ALICE, Stance.CONFIRM),
                says(Party("eve", "Chat", "platform", "FR"), Stance.CONFIRM),
            ],
            "jurisdictions: 1 of 2",
        ),
        (
            [says(one.party, Stance.CONFIRM, own_media=False) for one in CONFIRMED],
            "own media: 0 of 1",
        ),
        (
            [
                says(POLICE, Stance.CONFIRM),
                says(Party("ocrvp", "Interior", "authority", "FR"), Stance.CONFIRM),
            ],
            "only authorities",
        ),
    ],
)
def test_what_a_quorum_lacks_is_said(said, lacking):
    (reason, *_) = Quorum().missing(hear(*said))
    assert reason.code == "no_quorum"
    assert lacking in reason.text


def test_kinds_can_be_asked_for():
    assert Quorum(kinds=2).missing(hear(*CONFIRMED))
    assert Quorum(kinds=2).missing(hear(*CONFIRMED, says(POLICE, Stance.CONFIRM))) == ()


def test_a_member_that_weighs_less_counts_less_and_one_without_weight_not_at_all():
    halved = hear(*CONFIRMED, weight_of=lambda member: 0.5 if member == "bob" else 1.0)
    assert "1.5 of 2" in Quorum().missing(halved)[0].text
    assert hear(says(BOB, Stance.DISPUTE), weight_of=lambda _: 0.0).disputing == ()


def test_agreement_is_the_share_of_weight_that_confirms():
    said = (*CONFIRMED, says(POLICE, Stance.DISPUTE))
    assert hear(*said).agreement == pytest.approx(2 / 3)
    assert hear(*CONFIRMED).agreement == hear().agreement == 1.0
