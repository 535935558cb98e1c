"""NUL in a text: PostgreSQL stores none, SQLite does; a node refuses it on both, with a reason."""

import re
from urllib.parse import quote

import pytest

from nodes import running
from tocsin.errors import InvalidInput
from tocsin.keys import Scope
from tocsin.lists.rules import ListDraft
from tocsin.recording.events import Event, Tag

NUL = "a\0b"
IN_PATH = re.compile(r"\{\w+\}")
REFUSED = (400, 422)
METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture
def served(tmp_path, store_url):
    with running(tmp_path / "node", database_url=store_url) as node:
        node.node.rules.create(ListDraft("block"), actor="alice")
        yield node


def operations(client):
    """Every method, path and description of the API that asks for a key."""
    paths = client.get("/openapi.json").json()["paths"]
    for path, methods in paths.items():
        for method, described in methods.items():
            if method in METHODS and "x-scope" in described:
                yield method, path, described


def statuses(client, asked):
    """Ask, and return what was not refused."""
    found = {}
    for method, path, more in asked:
        answer = client.request(method, path, **more)
        if answer.status_code not in REFUSED:
            found[method, path, str(more)] = (answer.status_code, answer.text[:100])
    return found


def test_no_path_takes_a_nul(served):
    with served.client() as client:
        asked = [
            (method, IN_PATH.sub(quote(NUL), path), {})
            for method, path, _ in operations(client)
            if IN_PATH.search(path)
        ]
        assert len(asked) > 10
        assert statuses(client, asked) == {}


def test_no_query_takes_a_nul(served):
    with served.client() as client:
        asked = [
            (method, IN_PATH.sub("1", path), {"params": {one["name"]: NUL}})
            for method, path, described in operations(client)
            for one in described.get("parameters", [])
            if one["in"] == "query"
        ]
        assert len(asked) > 10
        assert statuses(client, asked) == {}


def test_no_json_takes_a_nul(served):
    bodies = ({"name": NUL}, {NUL: 1}, {"signals": [{"type": "url", "signal": NUL}]})
    with served.client() as client:
        asked = [
            (method, IN_PATH.sub("block", path), {"json": body})
            for method, path, described in operations(client)
            if "application/json" in described.get("requestBody", {}).get("content", {})
            for body in bodies
        ]
        assert len(asked) > 10
        assert statuses(client, asked) == {}


@pytest.mark.parametrize("text", [r"\u0000", r"\\\u0000", "\0"])
def test_a_nul_is_refused_however_it_is_written(served, text):
    body = b'{"name": "a%sb"}' % text.encode()
    headers = {"Content-Type": "application/json"}
    with served.client() as client:
        answer = client.post("/v1/lists", content=body, headers=headers)
    assert answer.status_code in REFUSED
    assert answer.json()["advice"]


def test_what_only_looks_like_a_nul_is_taken(served):
    body = {"name": "harmless", "reason": r"the escape \u0000 and %00"}
    with served.client() as client:
        assert client.post("/v1/lists", json=body).status_code == 201
        assert client.get("/v1/lists/harmless").json()["reason"] == body["reason"]


def test_a_form_loses_its_nuls(served):
    part = 'Content-Disposition: form-data; name="{}"'
    form = "\r\n".join(
        (
            "--x",
            part.format("file") + '; filename="pho\0to.jpg"',
            "",
            "no picture",
            "--x",
            part.format("item"),
            "",
            '{"note": "a\0b"}',
            "--x--",
            "",
        )
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    with served.client() as client:
        for path in ("/v1/screen/file", "/v1/lists/block/files"):
            answer = client.post(path, content=form.encode(), headers=headers)
            assert answer.status_code < 500, answer.text


def test_an_import_loses_its_nuls_or_names_the_line(served):
    lines = (
        '{"md5": "00000000000000000000000000000001", "source_id": "a\\u0000b", "note": "\\u0000"}',
        '{"md5": "00000000000000000000000000000002", "labels": "\\u0000"}',
        '{"url": "example.org/\\u0000"}',
        '{"md5": "00000000000000000000000000000003", "note": "a\0b"}',
        '{"md5": "00000000000000000000000000000004"}',
    )
    headers = {"Content-Type": "application/jsonl"}
    with served.client() as client:
        answer = client.post("/v1/lists/block/import", content="\n".join(lines), headers=headers)
        assert answer.status_code == 200, answer.text
        assert {one["line"] for one in answer.json()["faults"]} >= {2, 4}
        items = client.get("/v1/lists/block/items").json()["items"]
    assert items[0]["source_id"] == "ab"
    assert NUL not in str(items)


def test_a_csv_loses_its_nuls_or_names_the_line(served):
    text = "md5,source_id\n" + "0" * 31 + "1,a\0b\n" + "0" * 31 + "2,c\n"
    with served.client() as client:
        answer = client.post(
            "/v1/lists/block/import", content=text, headers={"Content-Type": "text/csv"}
        )
        assert answer.status_code == 200, answer.text
        items = client.get("/v1/lists/block/items").json()["items"]
    assert items[-1]["source_id"] == "c"
    assert "\0" not in str(items)


def test_a_name_of_an_upload_reaches_the_record_without_harm(served):
    with served.client(Scope.SCREEN) as client:
        answer = client.post(
            f"/v1/screen/file?name={quote(NUL)}",
            content=b"x",
            headers={"Content-Type": "application/octet-stream"},
        )
    assert answer.status_code == 422


def test_a_nul_that_got_as_far_as_the_database_is_no_outage(postgresql_store, clock):
    happened = Event(clock(), Tag.LIST_READ, "alice", NUL)
    recorded = postgresql_store.record(happened)
    neighbour = postgresql_store.record(Event(clock(), Tag.LIST_READ, "alice", "block"))
    with pytest.raises(InvalidInput, match="NUL"):
        recorded.result()
    assert neighbour.result() is None
