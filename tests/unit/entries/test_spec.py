"""The specification says what the code does: its examples, tables and codes are the code's."""

import json
import re
from pathlib import Path

import pytest

from ledger import ORIGIN
from tocsin.entries import applying, judging
from tocsin.entries.envelope import EntryType
from tocsin.entries.parties import EXCLUSIVE, Kind, Role
from tocsin.entries.statements import TYPES, Rules, Statement

ROOT = Path(__file__).parents[3]
SPEC = (ROOT / "docs" / "spec" / "exchange-record.md").read_text()
TEXTS = json.loads((ROOT / "tests/vectors/exchange-record/texts.json").read_text())
MODELS = {model.model_fields["type"].default: model for model in Statement.__origin__.__args__}
ROWS = [
    [cell.strip() for cell in line.split("|")[1:-1]]
    for line in SPEC.splitlines()
    if line[:1] == "|"
]


def section(title):
    return SPEC.split(f"## {title}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("name", sorted(set(TEXTS) - {"founding"}))
def test_the_examples_are_those_of_the_vectors(name):
    assert f"```\n{TEXTS[name]}```" in SPEC


def test_every_kind_and_role_is_explained():
    firsts = {row[0] for row in ROWS}
    assert {f"`{one.value}`" for one in (*Kind, *Role)} <= firsts


def test_the_numbers_of_the_types_are_those_of_the_code():
    told = {row[1].strip("`"): int(row[0]) for row in ROWS if len(row) == 5 and row[0].isdigit()}
    assert told == {name: int(number) for name, number in TYPES.items()}


def test_the_roles_of_the_types_are_those_of_the_code():
    told = {row[1].strip("`"): row[4] for row in ROWS if len(row) == 5 and row[0].isdigit()}
    for name, roles in told.items():
        held = judging.ROLES[EntryType[name.upper()]]
        said = set(Role) if roles == "any" else set(roles.split(", "))
        assert said == held, name


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_field_of_a_statement_is_named(name):
    told = SPEC.split(f"**{name}**:")[1].split("\n\n")[0]
    common = {"type", "audience", "person"}
    for one in MODELS[name].model_fields.keys() - common:
        assert f"`{one}`" in told, f"{name}.{one}"


@pytest.mark.parametrize("name", list(Rules.model_fields))
def test_every_rule_stands_with_its_default(name):
    (row,) = [row for row in ROWS if row[0] == f"`{name}`"]
    assert int(row[1]) == Rules.model_fields[name].default


def test_every_code_of_a_judgement_is_explained():
    source = Path(judging.__file__).read_text()
    codes = set(re.findall(r'Barred\(\s*"(\w+)"', source)) | applying.NOT_ITS_OWN
    told = set(re.findall(r"`(\w+)`", section("Judging")))
    assert codes <= told


def test_what_a_judgement_explains_exists():
    folders = [ROOT / "src/tocsin" / name for name in ("entries", "sharing", "operating", "web")]
    source = "".join(path.read_text().lower() for one in folders for path in one.rglob("*.py"))
    told = {code for row in ROWS if len(row) == 3 for code in re.findall(r"`(\w+)`", row[1])}
    assert {code for code in told if code not in source} == set()


def test_the_separation_of_duties_is_the_one_that_is_told():
    told = section("Members")
    for role in EXCLUSIVE[Role.OPERATOR]:
        assert f"`{role.value}`" in told.split("MUST NOT also be")[1].split(":")[0]


def test_the_example_s_origin_is_that_of_the_vectors():
    assert ORIGIN in SPEC
