"""The road as a whole: a real node, real pictures, from upload to record."""

import pytest

from tocsin import intake
from tocsin.app import build
from tocsin.config import load
from tocsin.errors import NotFound, Unavailable
from tocsin.hashing.views import item_signals
from tocsin.lists.items import ItemDraft
from tocsin.lists.rules import ListDraft
from tocsin.model import ListKind, Obstacle, Signal, SignalType, Verdict
from tocsin.recording.events import Tag
from tocsin.sample import altered, encode, picture


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with build(load({}, data=tmp_path_factory.mktemp("node"))) as built:
        built.rules.create(ListDraft("block", reason="house rule 4"), actor="alice")
        data = encode(picture(1), "PNG")
        signals = item_signals(data, built.decoder.decode(data))
        built.items.add("block", ItemDraft(signals), actor="alice")
        yield built


def screen(node, content, **wishes):
    return node.road.screen(intake.from_bytes(content, name="upload"), actor="cli", **wishes)


@pytest.mark.parametrize("name", [name for name, _ in altered(picture(1))])
def test_an_altered_copy_is_held_for_a_person_with_the_rule_named(node, name):
    screening = screen(node, dict(altered(picture(1)))[name])
    assert screening.judgement.verdict is Verdict.HOLD
    assert "house rule 4" in screening.judgement.reasons[0].text
    assert screening.hits[0].distance <= 31


@pytest.mark.parametrize("number", [2, 3, 4])
def test_a_stranger_is_allowed_and_told_why(node, number):
    judgement = screen(node, encode(picture(number), "PNG")).judgement
    assert (judgement.verdict, judgement.reasons[0].code) == (Verdict.ALLOW, "no_match")


def test_the_same_file_is_found_by_its_hash_as_well(node):
    hits = screen(node, encode(picture(1), "PNG")).hits
    assert {hit.signal.type for hit in hits} >= {SignalType.SHA256, SignalType.PDQ}
    assert hits[0].view == "file"


def test_a_broken_file_is_not_inspectable_and_never_clean(node):
    judgement = screen(node, encode(picture(1), "PNG")[:-2000]).judgement
    assert judgement.verdict is Verdict.NOT_INSPECTABLE
    assert judgement.reasons[0].code == Obstacle.BROKEN


def test_a_broken_file_is_still_known_by_its_hash(node):
    content = b"\xff\xd8\xff not a picture"
    signals = item_signals(content, node.decoder.decode(content))
    node.items.add("block", ItemDraft(signals), actor="alice")
    assert screen(node, content).judgement.verdict is Verdict.HOLD


def test_a_flat_picture_says_that_its_quality_is_too_low(node):
    flat = encode(picture(1).resize((1, 1)).resize((300, 300)), "PNG")
    judgement = screen(node, flat).judgement
    assert judgement.verdict is Verdict.ALLOW
    assert [reason.code for reason in judgement.reasons] == ["low_quality"]


def test_an_allow_list_wins_over_a_block_list(node):
    node.rules.create(ListDraft("news", kind=ListKind.ALLOW), actor="bob")
    content = encode(picture(1).rotate(180), "PNG")
    signals = item_signals(content, node.decoder.decode(content))
    node.items.add("news", ItemDraft(signals), actor="bob")
    judgement = screen(node, content).judgement
    node.rules.remove("news", actor="bob")
    assert judgement.verdict is Verdict.ALLOW
    assert [reason.code for reason in judgement.reasons][:2] == ["allow_listed", "overruled"]


def test_a_screening_is_on_record_when_its_answer_is_given(node):
    screening = screen(node, encode(picture(1), "PNG"))
    event = node.history.screening(screening.id).event
    assert (event.tag, event.actor) == (Tag.SCREENED, "cli")
    assert event.body["verdict"] == "hold"
    assert event.body["draw"] == screening.judgement.draw
    assert "name" not in event.body


def test_a_link_is_found_below_a_listed_place(node):
    node.items.add(
        "block", ItemDraft((Signal(SignalType.URL, b"example.org/bad/"),)), actor="alice"
    )
    link = intake.from_link("hxxps://www.EXAMPLE[.]org/bad/page?utm_source=x")
    assert node.road.screen(link, actor="cli").judgement.verdict is Verdict.HOLD


def test_a_link_that_is_none_is_not_inspectable(node):
    verdict = node.road.screen(intake.from_link("http://"), actor="cli").judgement.verdict
    assert verdict is Verdict.NOT_INSPECTABLE


def test_a_list_that_does_not_exist_is_an_error_and_no_verdict(node):
    with pytest.raises(NotFound):
        screen(node, b"x", only=["nowhere"])


def test_nothing_is_answered_when_the_record_cannot_be_stored(tmp_path):
    with build(load({}, data=tmp_path)) as node:
        (tmp_path / "tocsin.db").unlink()
        with pytest.raises(Unavailable):
            screen(node, encode(picture(1), "PNG"))


def test_a_signal_of_today_finds_the_upload_of_yesterday(tmp_path):
    with build(load({}, data=tmp_path)) as node:
        node.rules.create(ListDraft("block"), actor="alice")
        screening = screen(node, encode(picture(1).resize((400, 300)), "JPEG", quality=60))
        data = encode(picture(1), "PNG")
        signals = item_signals(data, node.decoder.decode(data))
        node.items.add("block", ItemDraft(signals), actor="alice")
        list(node.lookback.run())
        (found,) = node.history.page(tags=[Tag.LOOKBACK_MATCHED])
    assert found.event.subject == screening.id
