"""Policy: the same hits always give the same verdict, and each reason can be shown to a person."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samples import NOW, PDQ, SHA256, a_hit, a_rule, an_upload
from tocsin.deciding import decide
from tocsin.model import (
    Hit,
    ListKind,
    Obstacle,
    Signal,
    SignalType,
    Stage,
    Undecodable,
    Unhashable,
    Verdict,
)

BROKEN = Undecodable(Obstacle.BROKEN, "the file ends early")
VERDICTS = (Verdict.ALLOW, Verdict.LIMIT, Verdict.HOLD, Verdict.REFUSE)
ALLOW_LIST = a_rule(name="news", kind=ListKind.ALLOW, ttl_days=0)


def judge(*hits, upload=None, draw=0.5, **more):
    return decide(upload or an_upload(), hits, now=NOW, draw=draw, **more)


def codes(judgement):
    return [reason.code for reason in judgement.reasons]


@st.composite
def rules(draw, kind=None):
    return a_rule(
        name=draw(st.sampled_from(["one", "two", "three"])),
        kind=kind or draw(st.sampled_from(ListKind)),
        radius=draw(st.integers(0, 64)),
        quality_floor=draw(st.integers(0, 100)),
        verdict=draw(st.sampled_from(VERDICTS)),
        exact_verdict=draw(st.sampled_from(VERDICTS)),
        territories=draw(st.sampled_from([(), ("DE",), ("DE", "FR")])),
        sample_ratio=draw(st.sampled_from([0.0, 0.3, 1.0])),
        enabled=draw(st.booleans()),
        reason=draw(st.sampled_from(["", "court order"])),
    )


@st.composite
def hits(draw, kind=None) -> Hit:
    return a_hit(
        draw(rules(kind)),
        signal=draw(st.sampled_from([PDQ, SHA256, Signal(SignalType.PDQ, bytes(32), 20)])),
        distance=draw(st.integers(0, 70)),
        quality=draw(st.sampled_from([None, 10, 60, 100])),
        expires_at=draw(
            st.sampled_from([None, NOW - timedelta(days=1), NOW, NOW + timedelta(days=1)])
        ),
        stage=draw(st.sampled_from(Stage)),
        disputed=draw(st.booleans()),
        item_id=draw(st.integers(1, 9)),
    )


cases = st.fixed_dictionaries(
    {
        "draw": st.floats(0, 1, exclude_max=True),
        "upload": st.sampled_from(["", "DE", "AT"]).map(lambda code: an_upload(territory=code)),
        "obstacle": st.sampled_from([None, BROKEN, Unhashable("nothing to hash")]),
        "low_quality": st.sampled_from([None, 12]),
    }
)


def counts(hit, draw, upload):
    """Say by the words of the design whether a hit counts: what `decide` is compared with."""
    rule, perceptual = hit.rule, hit.signal.type.perceptual
    qualities = [one for one in (hit.quality, hit.signal.quality) if one is not None]
    return (
        rule.enabled
        and (hit.expires_at is None or hit.expires_at > NOW)
        and not (perceptual and hit.distance > rule.radius)
        and not (perceptual and any(one < rule.quality_floor for one in qualities))
        and (not rule.territories or upload.territory in ("", *rule.territories))
        and (rule.kind is ListKind.ALLOW or draw < rule.sample_ratio)
        and (rule.kind is ListKind.ALLOW or hit.stage is not Stage.SHADOW)
    )


def demanded(hit):
    return hit.rule.verdict if hit.signal.type.perceptual else hit.rule.exact_verdict


def permitted(hit, contested):
    """Say by the words of the design what a hit may lead to."""
    alone = hit.stage is Stage.ENFORCED and not hit.disputed and not contested
    strongest = Verdict.REFUSE if alone else Verdict.HOLD
    return min(demanded(hit), strongest, key=lambda one: one.strength)


@given(some=st.lists(hits(), max_size=6), case=cases)
def test_the_verdict_is_the_strongest_of_the_hits_that_count(some, case):
    counting = [hit for hit in some if counts(hit, case["draw"], case["upload"])]
    allowing = [hit for hit in counting if hit.rule.kind is ListKind.ALLOW]
    if not all(hit.disputed for hit in allowing):
        expected = Verdict.ALLOW
    else:
        blocking = [hit for hit in counting if hit.rule.kind is ListKind.BLOCK]
        demands = [permitted(hit, bool(allowing)) for hit in blocking]
        demands += [Verdict.NOT_INSPECTABLE] if case["obstacle"] else []
        expected = max(demands, key=lambda one: one.strength, default=Verdict.ALLOW)
    assert judge(*some, **case).verdict is expected


@given(some=st.lists(hits(), max_size=6), case=cases)
def test_the_same_input_gives_the_same_judgement(some, case):
    assert judge(*some, **case) == judge(*some, **case)


@given(some=st.lists(hits(), max_size=6), case=cases, data=st.data())
def test_the_order_of_the_hits_changes_neither_verdict_nor_reasons(some, case, data):
    shuffled = data.draw(st.permutations(some))
    first, second = judge(*some, **case), judge(*shuffled, **case)
    assert first.verdict is second.verdict
    assert set(first.reasons) == set(second.reasons)


@given(some=st.lists(hits(), max_size=6), case=cases)
def test_a_verdict_is_never_stronger_than_the_strongest_list_demands(some, case):
    demands = [demanded(hit).strength for hit in some if hit.rule.kind is ListKind.BLOCK]
    obstacle = [Verdict.NOT_INSPECTABLE.strength] if case["obstacle"] else []
    assert judge(*some, **case).verdict.strength <= max([*demands, *obstacle, 0])


@given(some=st.lists(hits(), max_size=6), case=cases)
def test_every_verdict_has_reasons_in_words_and_none_twice(some, case):
    reasons = judge(*some, **case).reasons
    assert reasons
    assert all(reason.code and reason.text for reason in reasons)
    assert len(set(reasons)) == len(reasons)


@given(some=st.lists(hits(), max_size=4), allowing=hits(ListKind.ALLOW), case=cases)
def test_an_allow_list_in_force_that_nobody_disputes_always_wins(some, allowing, case):
    if counts(allowing, case["draw"], case["upload"]) and not allowing.disputed:
        assert judge(*some, allowing, **case).verdict is Verdict.ALLOW


@given(draw=st.floats(0, 1, exclude_max=True))
def test_the_draw_is_recorded(draw):
    assert judge(draw=draw).draw == draw


def test_nothing_found_is_allowed_and_says_so():
    judgement = judge()
    assert (judgement.verdict, codes(judgement)) == (Verdict.ALLOW, ["no_match"])


def test_a_perceptual_hit_falls_under_the_verdict_for_those():
    judgement = judge(a_hit(a_rule(verdict=Verdict.LIMIT, exact_verdict=Verdict.REFUSE)))
    assert judgement.verdict is Verdict.LIMIT


@pytest.mark.parametrize("type", [one for one in SignalType if not one.perceptual])
def test_an_exact_hit_falls_under_the_verdict_for_those(type):
    rule = a_rule(verdict=Verdict.LIMIT, exact_verdict=Verdict.REFUSE)
    judgement = judge(a_hit(rule, signal=Signal(type, b"x"), quality=None, distance=0))
    assert judgement.verdict is Verdict.REFUSE


def test_the_reason_names_the_list_its_ground_the_view_and_the_distance():
    (reason,) = judge(a_hit(a_rule(name="attack", reason="order 7"), distance=9)).reasons
    assert (reason.code, reason.list) == ("matched", "attack")
    assert all(part in reason.text for part in ("attack", "order 7", "9 bits", "image 512"))


def test_reasons_stand_strongest_first():
    weak = a_hit(a_rule(name="weak", verdict=Verdict.LIMIT))
    strong = a_hit(a_rule(name="strong", verdict=Verdict.REFUSE))
    assert [reason.list for reason in judge(weak, strong).reasons] == ["strong", "weak"]


def test_what_an_allow_list_overrules_is_said():
    judgement = judge(a_hit(), a_hit(ALLOW_LIST))
    assert codes(judgement) == ["allow_listed", "overruled"]
    assert [reason.list for reason in judgement.reasons] == ["news", "block"]


@pytest.mark.parametrize(("distance", "verdict"), [(31, Verdict.HOLD), (32, Verdict.ALLOW)])
def test_the_radius_of_the_list_belongs_to_it(distance, verdict):
    assert judge(a_hit(distance=distance)).verdict is verdict


@pytest.mark.parametrize(("quality", "verdict"), [(50, Verdict.HOLD), (49, Verdict.ALLOW)])
@pytest.mark.parametrize("side", ["upload", "listed"])
def test_a_picture_below_the_quality_floor_does_not_count(side, quality, verdict):
    listed = Signal(SignalType.PDQ, bytes(32), quality if side == "listed" else 100)
    judgement = judge(a_hit(signal=listed, quality=quality if side == "upload" else 100))
    assert judgement.verdict is verdict
    assert ("low_quality" in codes(judgement)) is (verdict is Verdict.ALLOW)


def test_a_quality_nobody_knows_is_not_held_against_a_hit():
    hit = a_hit(signal=Signal(SignalType.PDQ, bytes(32), None), quality=None)
    assert judge(hit).verdict is Verdict.HOLD


@pytest.mark.parametrize(("seconds", "verdict"), [(0, Verdict.ALLOW), (1, Verdict.HOLD)])
def test_an_item_counts_until_it_expires_and_not_at_that_moment(seconds, verdict):
    judgement = judge(a_hit(expires_at=NOW + timedelta(seconds=seconds)))
    assert judgement.verdict is verdict


@pytest.mark.parametrize(
    ("territory", "verdict"), [("DE", Verdict.HOLD), ("AT", Verdict.ALLOW), ("", Verdict.HOLD)]
)
def test_a_list_counts_in_its_territories_and_where_the_territory_is_unknown(territory, verdict):
    hit = a_hit(a_rule(territories=("DE", "FR")))
    assert judge(hit, upload=an_upload(territory=territory)).verdict is verdict


@pytest.mark.parametrize(("draw", "verdict"), [(0.09, Verdict.HOLD), (0.1, Verdict.ALLOW)])
def test_a_canary_list_acts_on_its_share_only(draw, verdict):
    judgement = judge(a_hit(a_rule(sample_ratio=0.1)), draw=draw)
    assert judgement.verdict is verdict


def test_a_list_with_a_share_of_nothing_never_acts():
    assert judge(a_hit(a_rule(sample_ratio=0.0)), draw=0.0).verdict is Verdict.ALLOW


def test_a_share_does_not_weaken_an_allow_list():
    allowing = a_hit(a_rule(kind=ListKind.ALLOW, sample_ratio=0.0))
    assert judge(a_hit(), allowing).verdict is Verdict.ALLOW


def test_a_disabled_list_neither_blocks_nor_allows():
    assert codes(judge(a_hit(a_rule(enabled=False)))) == ["list_disabled"]
    off = a_hit(a_rule(kind=ListKind.ALLOW, enabled=False))
    assert judge(a_hit(), off).verdict is Verdict.HOLD


@pytest.mark.parametrize("obstacle", Obstacle)
def test_what_could_not_be_decoded_is_not_inspectable_with_the_reason(obstacle):
    judgement = judge(obstacle=Undecodable(obstacle, "in words"))
    assert judgement.verdict is Verdict.NOT_INSPECTABLE
    assert codes(judgement) == [obstacle.value]


def test_what_could_not_be_hashed_is_not_inspectable():
    judgement = judge(obstacle=Unhashable("no link"))
    assert (judgement.verdict, codes(judgement)) == (Verdict.NOT_INSPECTABLE, ["unhashable"])


def test_a_hit_on_the_file_hash_counts_though_the_file_could_not_be_decoded():
    judgement = judge(a_hit(signal=SHA256), obstacle=BROKEN)
    assert judgement.verdict is Verdict.REFUSE
    assert codes(judgement) == ["matched", "broken"]


def test_a_picture_too_poor_to_compare_is_allowed_with_its_quality():
    judgement = judge(low_quality=12)
    assert (judgement.verdict, codes(judgement)) == (Verdict.ALLOW, ["low_quality"])
    assert "12" in judgement.reasons[0].text


REFUSING = a_rule(verdict=Verdict.REFUSE)


@given(some=st.lists(hits(), max_size=6), case=cases)
def test_nothing_in_shadow_changes_a_verdict(some, case):
    lit = [hit for hit in some if hit.stage is not Stage.SHADOW or hit.rule.kind is ListKind.ALLOW]
    assert judge(*some, **case).verdict is judge(*lit, **case).verdict


@given(some=st.lists(hits(ListKind.BLOCK), max_size=6), case=cases)
def test_nothing_is_refused_that_rests_on_doubtful_items_alone(some, case):
    doubtful = [hit for hit in some if hit.disputed or hit.stage is not Stage.ENFORCED]
    assert judge(*doubtful, **case).verdict is not Verdict.REFUSE


@given(some=st.lists(hits(), max_size=6), case=cases)
def test_without_the_items_it_rests_on_a_verdict_would_not_stand(some, case):
    judgement = judge(*some, **case)
    rest = [hit for hit in some if hit.item_id not in judgement.rests_on]
    if judgement.rests_on:
        assert judge(*rest, **case).verdict is not judgement.verdict


def test_a_hit_in_shadow_is_noted_and_counted():
    judgement = judge(a_hit(REFUSING, stage=Stage.SHADOW, item_id=7))
    assert (judgement.verdict, codes(judgement)) == (Verdict.ALLOW, ["shadow"])
    assert (judgement.rests_on, judgement.in_shadow) == ((), (7,))


def test_a_hit_in_shadow_that_would_not_count_anyway_is_not_counted():
    far = a_hit(REFUSING, stage=Stage.SHADOW, distance=40)
    assert judge(far).in_shadow == ()


def test_the_canary_share_does_not_hide_what_is_in_shadow():
    hit = a_hit(a_rule(sample_ratio=0.0), stage=Stage.SHADOW, item_id=7)
    assert judge(hit).in_shadow == (7,)


@pytest.mark.parametrize(
    ("word", "change"),
    [("advisory", {"stage": Stage.ADVISORY}), ("disputed", {"disputed": True})],
)
@pytest.mark.parametrize("asked", VERDICTS)
def test_an_advisory_or_disputed_item_holds_at_most_and_says_so(word, change, asked):
    judgement = judge(a_hit(a_rule(verdict=asked), **change))
    expected = Verdict.HOLD if asked is Verdict.REFUSE else asked
    assert (judgement.verdict, codes(judgement)) == (expected, ["matched", word])


def test_an_allow_list_has_no_stages():
    allowing = a_hit(ALLOW_LIST, stage=Stage.SHADOW)
    assert judge(a_hit(REFUSING), allowing).verdict is Verdict.ALLOW


def test_a_disputed_entry_of_an_allow_list_leaves_the_upload_to_a_person():
    allowing = a_hit(ALLOW_LIST, disputed=True)
    judgement = judge(a_hit(REFUSING), allowing)
    assert (judgement.verdict, codes(judgement)) == (Verdict.HOLD, ["matched", "disputed"])


def test_an_enforced_item_acts_in_full_beside_an_advisory_one():
    advisory = a_hit(REFUSING, stage=Stage.ADVISORY, item_id=1)
    judgement = judge(advisory, a_hit(REFUSING, item_id=2))
    assert judgement.verdict is Verdict.REFUSE
    assert judgement.rests_on == (1, 2)


def test_letting_pass_rests_on_an_allow_list_only_where_something_was_overruled():
    allowing = a_hit(ALLOW_LIST, item_id=5)
    assert judge(allowing).rests_on == ()
    assert judge(allowing, a_hit(item_id=6)).rests_on == (5,)
