"""A rule is read as it was meant or not at all, and says who may assert what."""

import json
import re
from pathlib import Path

import pytest

from tocsin.errors import ConfigurationError
from tocsin.model import ListKind, Stage
from tocsin.trust.opinions import Quorum
from tocsin.trust.rule import Claim, Right, TrustRule, parse_rule
from trusting import ALICE, ISSUER, POLICE


def test_nothing_given_is_the_default_rule():
    assert parse_rule("{}") == TrustRule()


def test_the_rule_that_the_docs_show_is_the_default():
    docs = Path(__file__).parents[3] / "docs/trust-in-a-signal.md"
    (shown,) = re.findall(r"```json\n(.*?)```", docs.read_text(), flags=re.DOTALL)
    assert parse_rule(shown) == TrustRule()


def test_every_field_can_be_given():
    given = {
        "rights": [{"kinds": ["authority"], "labels": ["threat"], "list_kinds": ["block"]}],
        "trusted": ["dana"],
        "quorum": {"organisations": 3, "kinds": 2},
        "agreement": 0.75,
        "weights": {"bob": 0.5},
        "max_stage": "advisory",
        "shadow_hours": 6,
        "shadow_matches": 5,
        "daily_items": 100,
        "floods": 2,
    }
    rule = parse_rule(json.dumps(given))
    assert rule.rights == (Right(kinds=("authority",), labels=("threat",)),)
    assert rule.quorum == Quorum(organisations=3, kinds=2)
    assert (rule.max_stage, rule.shadow_hours, rule.floods) == (Stage.ADVISORY, 6.0, 2)
    assert (rule.trusts("dana"), rule.trusts("bob")) == (True, False)
    assert (rule.weight_of("bob"), rule.weight_of("dana")) == (0.5, 1.0)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "not JSON"),
        ("[]", "object"),
        ("[" * 10_000, "not JSON"),
        (" " * 200_000, "at most"),
        ('{"quorom": {}}', "quorom"),
        ('{"quorum": {"organisations": true}}', r"quorum\.organisations"),
        ('{"quorum": {"organisations": -1}}', "quorum"),
        ('{"shadow_hours": "3"}', "shadow_hours"),
        ('{"shadow_hours": 1e999}', "shadow_hours"),
        ('{"agreement": 1.5}', "agreement"),
        ('{"weights": {"bob": 2}}', "bob"),
        ('{"weights": {"bob": NaN}}', "bob"),
        ('{"floods": 0}', "floods"),
        ('{"daily_items": -1}', "daily_items"),
        ('{"max_stage": "all"}', "max_stage"),
        ('{"floods": 1, "floods": 9}', "twice: floods"),
        ('{"rights": [{"labels": ["unheard-of"]}]}', "unheard-of"),
        ('{"rights": [{"territories": ["Germany"]}]}', "Germany"),
    ],
)
def test_a_rule_out_of_form_is_refused_and_the_place_named(text, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        parse_rule(text)


def test_two_rules_have_one_digest_only_if_they_are_the_same():
    texts = ['{"weights":{"a":0.5,"b":1}}', '{"weights":{"b":1,"a":0.5}}', '{"floods":2}']
    same, also, other = (parse_rule(text).digest for text in texts)
    assert same == also != other


@pytest.mark.parametrize(
    ("right", "claim", "expected"),
    [
        (Right(), Claim(), True),
        (Right(kinds=("platform",)), Claim(), True),
        (Right(kinds=("authority",)), Claim(), False),
        (Right(members=("dana",)), Claim(), True),
        (Right(members=("bob",)), Claim(), False),
        (Right(labels=("threat", "graphic")), Claim(labels=("threat",)), True),
        (Right(labels=("threat",)), Claim(labels=("threat", "graphic")), False),
        (Right(labels=("threat",)), Claim(), False),
        (Right(), Claim(list_kind=ListKind.ALLOW), False),
        (Right(list_kinds=(ListKind.ALLOW,)), Claim(list_kind=ListKind.ALLOW), True),
        (Right(territories=("DE",)), Claim(territories=("DE",)), True),
        (Right(territories=("DE",)), Claim(territories=("DE", "FR")), False),
        (Right(territories=("DE",)), Claim(), False),
    ],
)
def test_a_right_covers_what_lies_wholly_within_it(right, claim, expected):
    assert TrustRule(rights=(right,)).permits(ISSUER, claim) is expected


def test_one_right_of_several_is_enough_and_none_permits_nothing():
    rule = TrustRule(rights=(Right(kinds=("authority",)), Right(members=("alice",))))
    assert [rule.permits(one, Claim()) for one in (POLICE, ALICE, ISSUER)] == [True, True, False]
    assert not TrustRule(rights=()).permits(ISSUER, Claim())


def test_every_reason_that_keeps_an_item_down_is_documented():
    root = Path(__file__).parents[3]
    source = "".join(path.read_text() for path in (root / "src/tocsin/trust").glob("*.py"))
    pattern = (
        r'(?:rejected|doubtful|Reason|_Ceiling)\((?:[\w.]+(?: if [\w ]+ else [\w.]+)?, )?"(\w+)"'
    )
    named = set(re.findall(pattern, source))
    assert {"waiting", "benign", "degenerate", "own", "no_quorum"} <= named
    docs = (root / "docs/trust-in-a-signal.md").read_text()
    assert [one for one in sorted(named) if f"`{one}`" not in docs] == []
