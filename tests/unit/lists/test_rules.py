"""Lists are created, changed and removed with their record."""

import pytest

from tocsin.errors import Conflict, InvalidInput, NotFound
from tocsin.lists.rules import ListDraft
from tocsin.model import ListKind, Verdict
from tocsin.recording.events import Tag
from tocsin.recording.history import History


def test_a_list_that_says_nothing_else_holds_for_a_person_for_a_year(rules):
    rule = rules.create(ListDraft("plain"), actor="alice")
    assert rule.verdict is Verdict.HOLD
    assert rule.exact_verdict is Verdict.HOLD
    assert rule.radius == 31
    assert rule.ttl_days == 365


def test_every_field_comes_back_as_it_was_given(rules):
    draft = ListDraft(
        "full",
        radius=12,
        quality_floor=70,
        verdict=Verdict.LIMIT,
        exact_verdict=Verdict.REFUSE,
        labels=("incitement", "producer:supporter"),
        territories=("DE", "FR"),
        sample_ratio=0.25,
        reason="order 7",
        enabled=False,
        ttl_days=3,
    )
    rule = rules.create(draft, actor="alice")
    assert rules.get("full") == rule
    assert {name: getattr(rule, name) for name in draft.__slots__} == {
        name: getattr(draft, name) for name in draft.__slots__
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "../etc"),
        ("name", "a" * 65),
        ("radius", -1),
        ("radius", 65),
        ("quality_floor", 101),
        ("sample_ratio", 1.5),
        ("sample_ratio", float("nan")),
        ("verdict", Verdict.NOT_INSPECTABLE),
        ("exact_verdict", Verdict.NOT_INSPECTABLE),
        ("labels", ("made-up",)),
        ("territories", ("Germany",)),
        ("ttl_days", -1),
        ("ttl_days", 10_000),
    ],
)
def test_a_value_out_of_range_is_refused(rules, field, value):
    with pytest.raises(InvalidInput):
        rules.create(ListDraft(**{"name": "x", field: value}), actor="alice")
    assert rules.all() == ()


def test_a_block_list_without_an_end_is_refused(rules):
    with pytest.raises(InvalidInput, match="without end"):
        rules.create(ListDraft("forever", ttl_days=0), actor="alice")
    assert rules.create(ListDraft("news", kind=ListKind.ALLOW, ttl_days=0), actor="alice")


def test_a_name_is_taken_once(rules, block):
    with pytest.raises(Conflict):
        rules.create(ListDraft("block"), actor="bob")


def test_a_change_keeps_the_other_fields(rules, block):
    changed = rules.change("block", radius=20, actor="bob")
    assert changed.radius == 20
    assert changed.quality_floor == block.quality_floor
    assert rules.get("block") == changed


def test_a_list_cannot_turn_from_block_to_allow(rules, block):
    with pytest.raises(InvalidInput):
        rules.change("block", kind=ListKind.ALLOW, actor="bob")


def test_renaming_onto_another_list_is_refused(rules, block):
    rules.create(ListDraft("other"), actor="alice")
    with pytest.raises(Conflict):
        rules.change("block", name="other", actor="bob")


def test_a_removed_list_is_gone_and_its_name_free(rules, block):
    rules.remove("block", actor="bob")
    with pytest.raises(NotFound):
        rules.get("block")
    assert rules.create(ListDraft("block"), actor="bob").id != block.id


def test_every_change_takes_a_revision(rules, store):
    before = store.revision()
    rules.create(ListDraft("one"), actor="alice")
    rules.change("one", radius=3, actor="alice")
    rules.remove("one", actor="alice")
    assert store.revision() == before + 3


def test_who_changed_what_is_on_record(rules, store, block):
    rules.change("block", radius=9, actor="bob")
    last = History(store).page()[-1].event
    assert (last.tag, last.actor, last.subject) == (Tag.LIST_CHANGED, "bob", "block")
    assert last.body == {"radius": 9}


def test_a_refused_change_leaves_no_record(rules, store, block):
    before = len(History(store).page())
    with pytest.raises(InvalidInput):
        rules.change("block", radius=99, actor="bob")
    assert len(History(store).page()) == before
