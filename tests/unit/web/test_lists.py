import csv
import json
from io import StringIO

import pytest

DEFAULTS = {
    "kind": "block",
    "radius": 31,
    "quality_floor": 50,
    "verdict": "hold",
    "exact_verdict": "hold",
    "labels": [],
    "territories": [],
    "sample_ratio": 1.0,
    "reason": "",
    "enabled": True,
    "ttl_days": 365.0,
}


def tags(served, subject):
    found = served.node.history.page(subject=subject, limit=1000)
    return [one.event.tag.value for one in found]


def add(api, known, count):
    rows = [json.dumps({"md5": f"{n:032x}", "note": "=1+1"}) for n in range(count)]
    sent = api.post(
        f"/v1/lists/{known}/import",
        content="\n".join(rows),
        headers={"content-type": "application/jsonl"},
    )
    assert sent.json()["added"] == count


def test_a_new_list_has_the_defaults(api, known):
    assert api.get(f"/v1/lists/{known}").json() == DEFAULTS | {
        "name": known,
        "counts": {"items": 0},
    }


def test_a_list_takes_every_field(api, known):
    wanted = {
        "name": f"{known}-full",
        "kind": "allow",
        "radius": 10,
        "quality_floor": 80,
        "verdict": "refuse",
        "exact_verdict": "limit",
        "labels": ["incitement"],
        "territories": ["DE", "FR"],
        "sample_ratio": 0.5,
        "reason": "court order",
        "enabled": False,
        "ttl_days": 0.0,
    }
    assert api.post("/v1/lists", json=wanted).json() == wanted


def test_a_name_is_taken_once(api, known):
    assert api.post("/v1/lists", json={"name": known}).status_code == 409


def test_a_block_list_needs_an_end(api, known):
    refused = api.post("/v1/lists", json={"name": f"{known}-x", "ttl_days": 0})
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/invalid-input")


def test_a_change_leaves_the_other_fields_alone(api, known):
    changed = api.patch(f"/v1/lists/{known}", json={"radius": 20}).json()
    assert changed == DEFAULTS | {"name": known, "radius": 20}


def test_a_list_is_renamed(api, known):
    assert api.patch(f"/v1/lists/{known}", json={"name": f"{known}-new"}).status_code == 200
    assert api.get(f"/v1/lists/{known}").status_code == 404


def test_a_list_cannot_take_the_name_of_another(api, known):
    other = f"{known}-other"
    api.post("/v1/lists", json={"name": other})
    assert api.patch(f"/v1/lists/{other}", json={"name": known}).status_code == 409


def test_all_lists_are_shown_by_name(api, known):
    names = [one["name"] for one in api.get("/v1/lists").json()["lists"]]
    assert known in names
    assert names == sorted(names)


def test_a_removed_list_is_gone_and_its_record_stays(api, served, known):
    assert api.delete(f"/v1/lists/{known}").status_code == 204
    assert api.get(f"/v1/lists/{known}").status_code == 404
    assert tags(served, known) == ["list:rule:created", "list:rule:removed"]


@pytest.mark.parametrize(
    "change",
    [
        {"radius": 65},
        {"radius": -1},
        {"radius": 31.5},
        {"radius": "31"},
        {"verdict": "not_inspectable"},
        {"labels": ["nonsense"]},
        {"labels": ["graphic", "graphic"]},
        {"territories": ["Germany"]},
        {"sample_ratio": 1.1},
        {"kind": "allow"},
        {"enabled": 1},
        {"name": "a b"},
        {"unknown": 1},
    ],
    ids=str,
)
def test_a_rule_that_makes_no_sense_is_refused(api, known, change):
    assert api.patch(f"/v1/lists/{known}", json=change).status_code == 422


def test_an_export_reads_back_as_the_same_list(api, known):
    add(api, known, 1500)
    exported = api.get(f"/v1/lists/{known}/export")
    assert exported.headers["content-type"] == "application/jsonl"
    other = f"{known}-copy"
    api.post("/v1/lists", json={"name": other})
    sent = {"content": exported.content, "headers": {"content-type": "application/jsonl"}}
    copied = api.post(f"/v1/lists/{other}/import", **sent).json()
    assert (copied["added"], copied["refused"]) == (1500, 0)


def test_an_export_as_csv_cannot_run_in_a_spreadsheet(api, known):
    add(api, known, 2)
    exported = api.get(f"/v1/lists/{known}/export", params={"format": "csv"})
    rows = list(csv.DictReader(StringIO(exported.text)))
    assert [row["signal"] for row in rows] == [f"{n:032x}" for n in range(2)]
    assert {row["note"] for row in rows} == {"'=1+1"}


def test_an_export_is_recorded(api, served, known):
    api.get(f"/v1/lists/{known}/export")
    assert tags(served, known)[-1] == "list:items:exported"


def test_the_vocabulary_gives_each_word_its_meaning(api):
    found = api.get("/v1/labels").json()
    assert found["behaviour"]["incitement"]
    assert found["producer"]["producer:news"]
