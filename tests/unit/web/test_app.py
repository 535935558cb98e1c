"""The document of the API, and what a program makes of it that knows nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from nodes import running
from signals import md5
from tocsin.lists.items import ItemDraft
from tocsin.lists.rules import ListDraft
from tocsin.web.app import HMA_ROUTERS, ROUTERS
from tocsin.web.problems import KINDS

DOCS = Path(__file__).parents[3] / "docs"
OURS = ("/v1/", "/health", "/ready")
HMA = ("/h/", "/m/", "/c/", "/status", "/site-map")
CONFIG = Path(__file__).parent / "schemathesis.toml"


@pytest.fixture(scope="module")
def document(served):
    with served.stranger() as client:
        return client.get("/openapi.json").json()


def operations(document):
    return [one for methods in document["paths"].values() for one in methods.values()]


def test_nothing_that_the_document_allows_goes_wrong(tmp_path):
    with running(tmp_path) as node:
        # A list and an item by the names that Schemathesis tries first.
        node.node.rules.create(ListDraft("0"), actor="alice")
        node.node.items.add("0", ItemDraft((md5(0),)), actor="alice")
        # The key that it uses must not be revoked half-way, so it may not revoke keys.
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG)]
        asked = ["run", f"{node.url}/openapi.json", "--exclude-path", "/v1/keys/{id}"]
        header = ["--header", f"Authorization: Bearer {node.token()}"]
        ran = subprocess.run(
            [*command, *asked, *header],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
            cwd=tmp_path,
            env=os.environ | {"NO_COLOR": "1"},
        )
    assert ran.returncode == 0, ran.stdout[-8000:]


def test_every_route_is_in_the_document(document):
    routers = (*ROUTERS, *HMA_ROUTERS)
    routes = [one for router in routers for one in router.routes if isinstance(one, APIRoute)]
    declared = {(one.path, method.lower()) for one in routes for method in one.methods}
    shown = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert shown == declared


@pytest.mark.parametrize(("name", "prefixes"), [("api", OURS), ("hma", HMA)])
def test_every_route_is_in_the_manual(document, name, prefixes):
    manual = (DOCS / f"{name}.md").read_text()
    paths = [path for path in document["paths"] if path.startswith(prefixes)]
    assert [path for path in paths if path not in manual] == []


def test_every_kind_of_problem_is_in_the_manual():
    manual = (DOCS / "api.md").read_text()
    assert [kind for *_, kind, _ in KINDS if f"`/problems/{kind}`" not in manual] == []


def test_every_operation_says_what_it_does(document):
    assert all(one["description"].endswith((".", "allows it.")) for one in operations(document))
    ids = [one["operationId"] for one in operations(document)]
    assert len(set(ids)) == len(ids)


def test_every_reference_of_the_document_leads_somewhere(document):
    def references(part):
        if isinstance(part, dict):
            yield from [part["$ref"]] if isinstance(part.get("$ref"), str) else []
            for one in part.values():
                yield from references(one)
        elif isinstance(part, list):
            for one in part:
                yield from references(one)

    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= known


def test_no_shape_of_input_takes_unknown_fields(document):
    schemas = document["components"]["schemas"]
    inputs = [one for one in operations(document) if "/v1/" in one["operationId"].replace("_", "/")]
    for operation in inputs:
        content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
        if name:
            assert schemas[name]["additionalProperties"] is False
