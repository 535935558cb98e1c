import pytest
from pydantic import ValidationError

from tocsin.lists.rules import ListDraft
from tocsin.model import ListKind, Verdict
from tocsin.web.schemas import ItemChange, KeyNew, ListChange, ListNew, ScreenHashes


def test_a_list_of_which_only_the_name_is_given_is_the_default_draft():
    assert ListNew(name="known").draft() == ListDraft("known")


def test_what_is_given_reaches_the_draft_in_its_own_type():
    draft = ListNew(name="known", kind="allow", verdict="refuse", labels=["graphic"]).draft()
    assert (draft.kind, draft.verdict) == (ListKind.ALLOW, Verdict.REFUSE)
    assert draft.labels == ("graphic",)


def test_a_change_holds_only_what_was_given():
    assert ListChange(radius=5).changes() == {"radius": 5}
    assert ItemChange(note="").changes() == {"note": ""}
    assert ItemChange(expires_at=None).changes() == {"expires_at": None}


def test_a_number_as_text_is_refused_where_a_number_is_asked_for():
    with pytest.raises(ValidationError):
        ListNew.model_validate({"name": "known", "radius": "31"})


def test_a_whole_number_is_taken_however_it_is_written():
    assert ListNew.model_validate({"name": "known", "radius": 20.0}).radius == 20
    for wrong in (20.5, True, float("inf")):
        with pytest.raises(ValidationError):
            ListNew.model_validate({"name": "known", "radius": wrong})


def test_a_time_is_taken_as_text_with_a_zone_and_in_no_other_way():
    fields = {"name": "x", "scopes": ["screen"]}
    assert KeyNew.model_validate({**fields, "expires_at": "2027-01-31T12:00:00+01:00"})
    for wrong in (1_900_000_000, "2027-01-31T12:00:00", "1969-12-31T00:00:00Z"):
        with pytest.raises(ValidationError):
            KeyNew.model_validate({**fields, "expires_at": wrong})


def test_each_kind_of_hash_has_its_own_length():
    lengths = {"pdq": 64, "sha256": 64, "sha1": 40, "md5": 32}
    for type_, length in lengths.items():
        good = {"signals": [{"type": type_, "signal": "a" * length}]}
        assert ScreenHashes.model_validate(good)
        for wrong in (length - 1, length + 1):
            bad = {"signals": [{"type": type_, "signal": "a" * wrong}]}
            with pytest.raises(ValidationError):
                ScreenHashes.model_validate(bad)
