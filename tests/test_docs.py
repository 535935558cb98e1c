"""What a user can name is in the docs, and what the docs show runs."""

import io
import json
import re
from pathlib import Path

import pytest

from program import run_apart
from samples import a_screening
from tocsin.acting.planning import plan
from tocsin.config import Settings
from tocsin.errors import TocsinError
from tocsin.lists.importing import import_lines
from tocsin.lists.items import Items
from tocsin.lists.rules import ListDraft, Rules
from tocsin.lists.vocabulary import LABELS
from tocsin.model import Obstacle
from tocsin.recording.events import Tag
from tocsin.recording.store import Store
from tocsin.web import problems

ROOT = Path(__file__).parent.parent
DOCS = {path: path.read_text() for path in [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]}
ALL = "\n".join(DOCS.values())
OPERATIONS = DOCS[ROOT / "docs/operations.md"]
API = DOCS[ROOT / "docs/api.md"]
MODULE = re.compile(r"`((?!src|tests|docs)(?:[a-z]+/)+[a-z_]+\.py)`")
STEPS = [
    line for line in DOCS[ROOT / "docs/life-of-a-signal.md"].splitlines() if MODULE.search(line)
]


def leaves(error: type[TocsinError]) -> set[str]:
    ours = [one for one in error.__subclasses__() if one.__module__ == error.__module__]
    return {error.__name__}.union(*map(leaves, ours))


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented(name):
    assert f"| `{name}` |" in OPERATIONS


def test_no_setting_is_documented_that_does_not_exist():
    section = OPERATIONS.split("## Settings")[1].split("\n## ")[0]
    named = re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)
    assert set(named) == set(Settings.model_fields)


@pytest.mark.parametrize("tag", Tag)
def test_every_tag_of_the_record_is_documented(tag):
    assert f"`{tag.value}`" in OPERATIONS


@pytest.mark.parametrize("name", sorted(leaves(TocsinError) - {"TocsinError"}))
def test_every_error_is_documented(name):
    assert f"| `{name}` |" in OPERATIONS


@pytest.mark.parametrize(("error", "status", "kind", "title"), problems.KINDS)
def test_every_error_that_http_answers_is_documented_with_its_status(error, status, kind, title):
    types = [line for line in API.splitlines() if line.startswith("| `/problems/")]
    assert [line for line in types if f"`/problems/{kind}`" in line and f"| {status} |" in line]
    if error is not TocsinError:
        (row,) = [line for line in OPERATIONS.splitlines() if f"| `{error.__name__}` |" in line]
        assert f"| {status} |" in row


def test_every_error_of_the_web_is_answered_as_one():
    ours = [one for one in vars(problems).values() if isinstance(one, type)]
    errors = {one for one in ours if issubclass(one, TocsinError)}
    assert errors == {row[0] for row in problems.KINDS}


def test_every_metric_is_documented():
    source = (ROOT / "src/tocsin/web/metrics.py").read_text()
    named = set(re.findall(r'"(tocsin_\w+)"', source))
    assert named
    assert [one for one in sorted(named) if f"| `{one}` |" not in OPERATIONS] == []


@pytest.mark.parametrize("word", [*LABELS, *(one.value for one in Obstacle)])
def test_every_label_and_obstacle_is_documented(word):
    assert f"`{word}`" in ALL


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_between_documents_leads_somewhere(path):
    targets = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", DOCS[path])
    missing = [one for one in targets if not (path.parent / one).exists()]
    assert missing == []


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_source_file_that_is_named_exists(path):
    named = set(re.findall(r"`((?:src|tests|docs)/[\w/.-]+\.\w+)`", DOCS[path]))
    named |= {f"src/tocsin/{one}" for one in MODULE.findall(DOCS[path])}
    missing = [one for one in sorted(named) if not (ROOT / one).exists()]
    assert missing == []


@pytest.mark.parametrize("step", STEPS)
def test_each_step_of_a_signals_life_is_taken_in_the_files_that_it_names(step):
    source = "".join((ROOT / "src/tocsin" / one).read_text() for one in MODULE.findall(step))
    types = re.findall(r"`([A-Z][a-z]\w+)`s?", step)
    assert [one for one in types if not re.search(rf"\b{one}\b", source)] == []


def blocks(path: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCS[ROOT / path], flags=re.DOTALL)


@pytest.mark.parametrize("language", ["csv", "json"])
def test_the_files_that_the_docs_show_can_be_imported(tmp_path, clock, language):
    store = Store(f"sqlite:///{tmp_path / 'tocsin.db'}")
    Rules(store, clock).create(ListDraft("block"), actor="alice")
    for text in blocks("docs/lists.md", language):
        steps = list(import_lines(Items(store, clock), "block", io.StringIO(text), actor="alice"))
        assert [step.faults for step in steps] == [()]
        assert steps[-1].added
    store.close()


def test_the_message_of_the_webhook_is_the_one_that_the_docs_show():
    (shown,) = [one for one in blocks("docs/api.md", "json") if '"upload.hold"' in one]
    (action,) = plan(a_screening(), ["webhook"])
    assert shape(action.body) == shape(json.loads(shown))


def shape(content):
    """Return the names of the fields, nested as they are, and nothing of their values."""
    if isinstance(content, dict):
        return {key: shape(value) for key, value in content.items()}
    return [shape(one) for one in content] if isinstance(content, list) else None


def test_what_the_readme_shows_of_a_run_is_what_a_run_prints(tmp_path):
    (shown,) = blocks("README.md", "text")[:1]
    done = run_apart("demo", folder=tmp_path)
    assert done.code == 0, done.err
    printed = {" ".join(line.split()) for line in done.out.splitlines()}
    missing = [line for line in shown.splitlines() if " ".join(line.split()) not in printed]
    assert missing == []


def test_every_command_that_the_readme_shows_exists():
    commands = re.findall(
        r"^\$ tocsin ([a-z]+)(?: ([a-z]+))?", DOCS[ROOT / "README.md"], re.MULTILINE
    )
    assert commands
    for group, command in commands:
        words = [group] if group in ("screen", "serve") else [group, command]
        assert run_apart(*words, "--help", folder=ROOT).code == 0
