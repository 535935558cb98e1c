import json

import pytest

from tocsin.lists.items import ItemDraft
from tocsin.model import Signal, SignalType, Stage
from tocsin.sample import encode, picture
from tocsin.trust.standing import Received
from trusting import ISSUER


def md5(number):
    return {"type": "md5", "signal": f"{number:032x}"}


def add(api, known, *signals, **more):
    return api.post(f"/v1/lists/{known}/items", json={"signals": list(signals), **more})


def hits(api, signal):
    return api.post("/v1/screen/hashes", json={"signals": [signal]}).json()["hits"]


def test_an_item_is_matchable_when_its_add_is_answered(api, known, seed):
    assert add(api, known, md5(seed)).status_code == 201
    assert [hit["list"] for hit in hits(api, md5(seed))] == [known]


def test_an_item_shows_all_that_was_said_of_it(api, known, seed):
    said = {
        "source_id": "case 12",
        "labels": ["incitement"],
        "note": "a note",
        "enabled": False,
        "active_from": "2026-01-31T12:00:00+00:00",
        "expires_at": "2999-01-31T12:00:00+00:00",
    }
    item = add(api, known, md5(seed), **said).json()["item"]
    shown = api.get(f"/v1/lists/{known}/items/{item}").json()
    assert shown.items() >= {**said, "id": item, "list": known, "removed_at": None}.items()
    assert shown["signals"] == [{**md5(seed), "quality": None}]


def test_adding_the_same_again_changes_nothing_and_says_so(api, known, seed):
    first = add(api, known, md5(seed)).json()
    again = add(api, known, md5(seed))
    assert again.status_code == 200
    assert again.json() == {"item": first["item"], "fresh": False}


def test_a_link_is_stored_in_its_canonical_form(api, known, seed):
    link = {"type": "url", "signal": f"https://WWW.Example.org/{seed}?utm_source=x#part"}
    item = add(api, known, link).json()["item"]
    (signal,) = api.get(f"/v1/lists/{known}/items/{item}").json()["signals"]
    assert signal["signal"] == f"example.org/{seed}"


def test_a_file_becomes_an_item_with_its_labels(api, known, photo):
    form = {"files": {"file": ("x.jpg", photo)}, "data": {"item": '{"labels": ["graphic"]}'}}
    added = api.post(f"/v1/lists/{known}/files", **form)
    assert added.status_code == 201
    assert {one["type"] for one in added.json()["signals"]} == {"pdq", "sha256", "md5"}
    shown = api.get(f"/v1/lists/{known}/items/{added.json()['item']}").json()
    assert shown["labels"] == ["graphic"]


@pytest.mark.parametrize("said", ["{", "[]", '{"label": []}', '{"enabled": "yes"}'])
def test_a_file_with_nonsense_said_of_it_is_not_added(api, known, photo, said):
    form = {"files": {"file": ("x.jpg", photo)}, "data": {"item": said}}
    assert api.post(f"/v1/lists/{known}/files", **form).status_code in {400, 422}
    assert api.get(f"/v1/lists/{known}").json()["counts"]["items"] == 0


def test_a_file_for_a_list_that_does_not_exist_is_not_found(api, photo):
    form = {"files": {"file": ("x.jpg", photo)}}
    assert api.post("/v1/lists/nowhere/files", **form).status_code == 404


def test_items_are_paged_through_without_a_gap_or_a_double(api, known):
    wanted = [add(api, known, md5(number)).json()["item"] for number in range(25)]
    seen, link = [], f"/v1/lists/{known}/items?limit=10"
    while link:
        page = api.get(link).json()
        seen += [item["id"] for item in page["items"]]
        link = page["next"]
    assert seen == wanted


def test_a_page_of_bad_size_or_place_is_refused(api, known):
    for query in ("limit=0", "limit=1001", "limit=x", "cursor=x", "page=2"):
        assert api.get(f"/v1/lists/{known}/items?{query}").status_code == 422


def test_reading_items_is_recorded_with_who_read_which(api, served, known, seed):
    item = add(api, known, md5(seed)).json()["item"]
    api.get(f"/v1/lists/{known}/items")
    last = served.node.history.page(subject=known, limit=1000)[-1].event
    assert last.tag == "list:items:read"
    assert last.actor == api.headers["authorization"].split("_")[1]
    assert last.body == {"first": item, "last": item}


def test_a_change_acts_at_once_and_can_be_undone(api, known, seed):
    item = add(api, known, md5(seed)).json()["item"]
    address = f"/v1/lists/{known}/items/{item}"
    assert api.patch(address, json={"enabled": False}).json()["enabled"] is False
    assert hits(api, md5(seed)) == []
    api.patch(address, json={"enabled": True})
    assert hits(api, md5(seed))


def test_a_removed_item_matches_no_more_until_it_is_restored(api, known, seed):
    item = add(api, known, md5(seed)).json()["item"]
    address = f"/v1/lists/{known}/items/{item}"
    assert api.delete(address).status_code == 204
    assert hits(api, md5(seed)) == []
    assert api.get(address).json()["removed_at"]
    assert api.post(f"{address}/restore").json()["removed_at"] is None
    assert hits(api, md5(seed))


def test_an_item_is_reached_through_its_own_list_alone(api, known, seed):
    item = add(api, known, md5(seed)).json()["item"]
    other = f"{known}-other"
    api.post("/v1/lists", json={"name": other})
    for method in ("GET", "DELETE"):
        assert api.request(method, f"/v1/lists/{other}/items/{item}").status_code == 404
    assert hits(api, md5(seed))


def test_an_item_of_a_block_list_keeps_an_end(api, known, seed):
    item = add(api, known, md5(seed)).json()["item"]
    refused = api.patch(f"/v1/lists/{known}/items/{item}", json={"expires_at": None})
    assert refused.status_code == 422


@pytest.mark.parametrize(
    "time", ["2026-01-31", "2026-01-31T12:00:00", 1, "9999-12-31T23:59:59-12:00", "soon"]
)
def test_a_time_without_a_zone_or_out_of_reach_is_refused(api, known, seed, time):
    assert add(api, known, md5(seed), expires_at=time).status_code == 422


@pytest.mark.parametrize("item", ["0", "-1", "x", str(2**63), "1.5"])
def test_a_number_that_is_none_is_refused(api, known, item):
    assert api.get(f"/v1/lists/{known}/items/{item}").status_code == 422


def test_a_look_back_finds_an_upload_that_came_before_its_item(api, known, seed):
    body = encode(picture(seed, (320, 240)), "PNG")
    jpeg = {"content-type": "image/png"}
    before = api.post("/v1/screen/file", content=body, headers=jpeg).json()
    assert before["verdict"] == "allow"
    api.post(f"/v1/lists/{known}/files", files={"file": ("x.png", body)})
    api.post("/v1/lookback", json={})
    found = api.get("/v1/events", params={"subject": before["id"]}).json()["events"]
    assert [one["tag"] for one in found] == [
        "upload:screening:completed",
        "upload:lookback:matched",
    ]


def test_a_bulk_import_tells_each_line_at_fault_and_adds_the_rest(api, known, seed):
    rows = [{"md5": f"{seed:032x}"}, {"md5": "short"}, {"pdq": "x"}, {"sha1": f"{seed:040x}"}]
    sent = api.post(
        f"/v1/lists/{known}/import",
        content="\n".join(map(json.dumps, rows)),
        headers={"content-type": "application/x-ndjson"},
    ).json()
    assert (sent["added"], sent["known"], sent["refused"]) == (2, 0, 2)
    assert [fault["line"] for fault in sent["faults"]] == [2, 3]


def test_a_bulk_import_of_another_media_type_is_refused(api, known):
    sent = api.post(f"/v1/lists/{known}/import", json={"md5": "0" * 32})
    assert sent.status_code == 415


def test_a_bulk_import_into_no_list_is_not_found(api):
    csv = {"content": "type,signal\n", "headers": {"content-type": "text/csv"}}
    assert api.post("/v1/lists/nowhere/import", **csv).status_code == 404


def test_a_table_with_unknown_columns_is_refused(api, known):
    csv = {"content": "type,signal,colour\n", "headers": {"content-type": "text/csv"}}
    assert api.post(f"/v1/lists/{known}/import", **csv).status_code == 422


def test_an_item_shows_how_far_it_acts_and_who_asserted_it(api, known, seed):
    item = add(api, known, md5(seed)).json()["item"]
    shown = api.get(f"/v1/lists/{known}/items/{item}").json()
    assert (shown["stage"], shown["disputed"], shown["issuer"]) == ("enforced", False, "")


@pytest.fixture
def asserted(served, known, seed):
    """An item that somebody else asserted, at an exchange that was left since."""
    signal = Signal.parse(SignalType.MD5, f"{seed:032x}")
    draft = ItemDraft((signal,), stage=Stage.SHADOW, issuer="dana")
    item = served.node.items.add(known, draft, actor="node").item_id
    served.node.standing.received(Received(item, "north", ISSUER, (signal,)))
    return f"/v1/lists/{known}/items/{item}"


def test_a_person_disputes_an_item_and_takes_it_back_by_confirming_it(api, served, asserted):
    disputed = api.post(f"{asserted}/dispute", json={"reason": "a news photo"}).json()
    assert (disputed["item"]["disputed"], disputed["told"]) == (True, 0)
    confirmed = api.post(f"{asserted}/confirm", json={"own_media": True}).json()
    assert confirmed["item"]["disputed"] is False
    subject = "/".join(asserted.split("/")[3::2])
    tags = [one.event.tag for one in served.node.history.page(subject=subject, limit=1000)]
    assert {"list:item:disputed", "list:item:confirmed"} <= set(tags)


def test_what_was_listed_here_cannot_be_disputed(api, known, seed):
    item = add(api, known, md5(seed)).json()["item"]
    assert api.post(f"/v1/lists/{known}/items/{item}/dispute", json={}).status_code == 409
    assert api.post(f"/v1/lists/{known}/items/{item}/confirm", json={}).status_code == 200


def test_a_flood_that_a_person_confirmed_acts_again(api, served, known, seed):
    api.patch(f"/v1/lists/{known}", json={"exact_verdict": "refuse"})
    item = add(api, known, md5(seed)).json()["item"]
    verdicts = [_verdict(api, seed, f"account {number}") for number in range(22)]
    assert verdicts == ["refuse"] * 20 + ["hold"] * 2
    address = f"/v1/lists/{known}/items/{item}"
    assert api.get(address).json()["stage"] == "advisory"
    assert api.post(f"{address}/confirm", json={}).json()["item"]["stage"] == "enforced"
    assert [_verdict(api, seed, f"account {number}") for number in range(22)] == ["refuse"] * 22


def test_many_copies_from_one_account_are_no_flood(api, known, seed):
    api.patch(f"/v1/lists/{known}", json={"exact_verdict": "refuse"})
    add(api, known, md5(seed))
    assert {_verdict(api, seed, "one account") for _ in range(30)} == {"refuse"}


def _verdict(api, seed, source):
    asked = {"signals": [md5(seed)], "source": source}
    return api.post("/v1/screen/hashes", json=asked).json()["verdict"]
