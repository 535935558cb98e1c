"""Sequences of a client that keeps banks in HMA."""

import json
import time

import pytest

JSON = {"content-type": "application/json"}


@pytest.fixture
def content(api, bank, seed):
    """The address of content of a bank that no other test uses."""
    added = api.post(f"/c/bank/{bank}/signal", json={"video_md5": f"{seed:032x}", "note": "a note"})
    return f"/c/bank/{bank}/content/{added.json()['id']}"


def matches(api, seed):
    asked = {"signal": f"{seed:032x}", "signal_type": "video_md5"}
    return api.get("/m/lookup", params=asked).json()


def test_a_bank_is_created_and_shown(api, bank):
    shown = {"name": bank, "matching_enabled_ratio": 1.0}
    assert api.get(f"/c/bank/{bank}").json() == shown
    assert shown in api.get("/c/banks").json()


def test_a_bank_exists_once(api, bank):
    again = api.post("/c/banks", json={"name": bank})
    assert (again.status_code, again.json()) == (403, {"message": "Bank already exists"})


@pytest.mark.parametrize("name", ["01_BANK", "my_bank", "", "A-B", "X" * 65])
def test_a_bank_has_a_name_as_hma_wants_it(api, name):
    assert api.post("/c/banks", json={"name": name}).status_code == 400


def test_a_bank_can_be_created_switched_off(api, bank):
    made = api.post("/c/banks", json={"name": f"{bank}_OFF", "enabled": False})
    assert (made.status_code, made.json()["matching_enabled_ratio"]) == (201, 0.0)


def test_a_bank_is_renamed_and_its_ratio_changed(api, bank):
    renamed = api.put(f"/c/bank/{bank}", json={"name": f"{bank}_NEW"})
    assert renamed.json()["name"] == f"{bank}_NEW"
    changed = api.put(f"/c/bank/{bank}_NEW", json={"enabled_ratio": 0.5})
    assert changed.json() == {"name": f"{bank}_NEW", "matching_enabled_ratio": 0.5}
    assert api.get(f"/c/bank/{bank}").status_code == 404


def test_a_ratio_out_of_range_is_refused(api, bank):
    assert api.put(f"/c/bank/{bank}", json={"enabled_ratio": 2}).status_code == 400


def test_removing_a_bank_twice_is_done_twice(api, bank):
    for _ in range(2):
        removed = api.delete(f"/c/bank/{bank}")
        assert (removed.status_code, removed.json()) == (200, {"message": "Done"})


def test_a_bank_is_a_list_of_ours_and_an_allow_list_is_no_bank(api, bank, known):
    assert api.get(f"/v1/lists/{bank}").json()["verdict"] == "hold"
    assert api.get(f"/c/bank/{known}").status_code == 200
    allow = f"{known}-allow"
    api.post("/v1/lists", json={"name": allow, "kind": "allow", "ttl_days": 0})
    assert api.get(f"/c/bank/{allow}").status_code == 404
    assert allow not in {one["name"] for one in api.get("/c/banks").json()}


def test_content_is_shown_with_what_is_asked_for(api, bank, content, seed):
    shown = {
        "id": int(content.rpartition("/")[2]),
        "disable_until_ts": 1,
        "collab_metadata": {},
        "original_media_uri": None,
        "bank": {"name": bank, "matching_enabled_ratio": 1.0},
        "note": "a note",
    }
    assert api.get(content).json() == shown
    more = api.get(content, params={"include_signals": "true", "include_metadata": "true"}).json()
    assert more == {**shown, "signals": {"video_md5": f"{seed:032x}"}, "metadata": {}}


def test_content_is_switched_off_and_on_again(api, content, seed):
    assert api.put(content, json={"disable_until_ts": 0}).json()["disable_until_ts"] == 0
    assert matches(api, seed) == {}
    assert api.put(content, json={"disable_until_ts": 1}).json()["disable_until_ts"] == 1
    assert matches(api, seed)


def test_content_is_switched_off_until_a_time(api, content, seed):
    until = int(time.time()) + 3600
    changed = api.put(content, json={"disable_until_ts": until, "note": "later"}).json()
    assert (changed["disable_until_ts"], changed["note"]) == (until, "later")
    assert matches(api, seed) == {}


@pytest.mark.parametrize("until", [-1, 9_999_999_999, "soon"])
def test_a_time_that_hma_would_refuse_is_refused(api, content, until):
    assert api.put(content, json={"disable_until_ts": until}).status_code == 400


def test_content_is_removed_through_its_own_bank_alone(api, bank, content, seed):
    other = f"{bank}_OTHER"
    api.post("/c/banks", json={"name": other})
    wrong = content.replace(bank, other)
    assert api.get(wrong).status_code == 404
    assert api.delete(wrong).json() == {"deleted": 0}
    assert matches(api, seed)
    assert [api.delete(content).json() for _ in range(2)] == [{"deleted": 1}, {"deleted": 0}]
    assert api.get(content).status_code == 404


def test_a_photo_becomes_content_under_hmas_signal_and_ours(api, bank, photo):
    added = api.post(f"/c/bank/{bank}/content", files={"photo": ("x.jpg", photo)}).json()
    hashed = api.post("/h/hash", files={"photo": ("x.jpg", photo)}).json()
    assert added["signals"] == hashed
    stored = api.get(f"/v1/lists/{bank}/items/{added['id']}").json()["signals"]
    assert hashed["pdq"] in {one["signal"] for one in stored}
    assert {one["type"] for one in stored} == {"pdq", "sha256", "md5"}


def test_what_is_said_of_content_is_kept(api, bank, photo):
    said = {"content_id": "case 12", "content_uri": "s3://x", "json": {"a": 1}}
    form = {"files": {"photo": ("x.jpg", photo)}, "data": {"metadata": json.dumps(said)}}
    added = api.post(f"/c/bank/{bank}/content", **form).json()
    asked = {"include_metadata": "true"}
    shown = api.get(f"/c/bank/{bank}/content/{added['id']}", params=asked).json()
    assert shown["metadata"] == said
    assert shown["original_media_uri"] == "s3://x"


def test_metadata_with_a_key_that_hma_does_not_know_is_refused(api, bank, photo):
    form = {"files": {"photo": ("x.jpg", photo)}, "data": {"metadata": '{"colour": "red"}'}}
    refused = api.post(f"/c/bank/{bank}/content", **form)
    assert (refused.status_code, "unexpected keys" in refused.json()["message"]) == (400, True)


def test_content_needs_a_file_or_an_address(api, bank):
    assert api.post(f"/c/bank/{bank}/content").status_code in {400, 415}
    named = api.post(f"/c/bank/{bank}/content?url=https://example.org/x.jpg", json={})
    assert named.status_code == 403  # This node does not fetch.


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"note": "nothing else"},
        {"pdq": "short"},
        {"pdq": 1},
        {"tmk": "0" * 64},
        [],
        {"video_md5": "0" * 32, "note": "x" * 256},
    ],
    ids=str,
)
def test_signals_out_of_form_are_refused_and_nothing_is_stored(api, bank, body):
    assert api.post(f"/c/bank/{bank}/signal", json=body).status_code == 400
    assert api.get(f"/v1/lists/{bank}").json()["counts"] == {"items": 0}


def test_signals_for_a_bank_that_does_not_exist_are_not_found(api):
    refused = api.post("/c/bank/NOWHERE/signal", json={"pdq": "0" * 64})
    assert (refused.status_code, refused.json()) == (404, {"message": "bank 'NOWHERE' not found"})


def test_the_configuration_names_what_is_hashed_and_how_much_is_indexed(api, content):
    assert api.get("/c/signal_type").json() == [
        {"name": "pdq", "enabled_ratio": 1.0},
        {"name": "video_md5", "enabled_ratio": 1.0},
    ]
    assert api.get("/c/content_type").json() == [
        {"name": "photo", "enabled": True},
        {"name": "video", "enabled": True},
    ]
    index = api.get("/c/signal_type/index", params={"signal_type": "video_md5"}).json()
    assert index["video_md5"]["db_size"] == index["video_md5"]["index_size"] >= 1
    assert index["video_md5"]["index_out_of_date"] is False
    assert api.get("/c/exchanges").json() == []
