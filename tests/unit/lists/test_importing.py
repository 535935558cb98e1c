"""Imports take what is right, report what is wrong by line, and can be run again."""

import io
import json

import pytest

from tocsin.errors import InvalidInput
from tocsin.lists import importing
from tocsin.lists.exporting import export_lines
from tocsin.lists.rules import ListDraft

PDQ = "0f" * 32
MD5 = "ab" * 16


def load(items, text, name="block"):
    steps = list(importing.import_lines(items, name, io.StringIO(text), actor="alice"))
    return steps[-1].added, steps[-1].known, [fault for step in steps for fault in step.faults]


def test_csv_with_one_signal_a_row(items, block):
    added, _, faults = load(items, f"type,signal,quality\npdq,{PDQ},90\nMD5,{MD5.upper()},\n")
    assert (added, faults) == (2, [])
    assert [s.text for item in items.walk("block") for s in item.signals] == [PDQ, MD5]


def test_csv_with_a_column_for_each_type_makes_one_item_a_row(items, block):
    added, _, _ = load(items, f"pdq,md5,labels,note\n{PDQ},{MD5},threat;graphic,two\n")
    (item,) = items.walk("block")
    assert added == 1
    assert len(item.signals) == 2
    assert item.labels == ("threat", "graphic")


def test_json_lines_with_nested_signals(items, block):
    row = {"signals": [{"type": "pdq", "signal": PDQ, "quality": 77}], "source_id": "a"}
    assert load(items, json.dumps(row) + "\n")[0] == 1
    (item,) = items.walk("block")
    assert item.signals[0].quality == 77
    assert item.source_id == "a"


def test_a_malformed_row_is_reported_with_its_line_and_stops_nothing(items, block):
    text = f"type,signal\nmd5,{MD5}\nmd5,xyz\nmd5\nmagic,{MD5}\nmd5,{'cd' * 16}\n"
    added, _, faults = load(items, text)
    assert added == 2
    assert [fault.line for fault in faults] == [3, 4, 5]
    assert "32 hex digits" in faults[0].reason


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"md5": 7}',
        '{"md5": "' + MD5 + '", "md5": "' + MD5 + '"}',
        '{"md5": "' + MD5 + '", "colour": "red"}',
        '{"signals": "no"}',
        '{"pdq": "' + PDQ + '", "quality": 101}',
        '{"pdq": "' + PDQ + '", "quality": true}',
        '{"md5": "' + MD5 + '", "expires_at": "tomorrow"}',
        '{"md5": "' + MD5 + '", "expires_at": "2030-01-01T00:00:00"}',
        '{"md5": "' + MD5 + '", "labels": ["heresy"]}',
        "[" * 100_000,
    ],
)
def test_a_bad_json_line_is_a_fault_between_good_ones(items, block, line):
    good = json.dumps({"md5": MD5})
    other = json.dumps({"md5": "cd" * 16})
    added, _, faults = load(items, f"{good}\n{line}\n{other}\n")
    assert added == 2
    assert [fault.line for fault in faults] == [2]


def test_an_endless_line_is_a_fault_and_not_kept_in_memory(items, block, monkeypatch):
    monkeypatch.setattr(importing, "MAX_LINE", 1000)
    good = json.dumps({"md5": MD5})
    added, _, faults = load(items, f'{good}\n{{"note": "{"x" * 9000}"}}\n{good[:-3]}0"}}\n')
    assert (added, [fault.line for fault in faults]) == (2, [2])


def test_importing_again_adds_only_what_was_missing(items, block):
    rows = [f"md5,{n:032x}" for n in range(30)]
    load(items, "type,signal\n" + "\n".join(rows[:20]))
    added, known, _ = load(items, "type,signal\n" + "\n".join(rows))
    assert (added, known) == (10, 20)


def test_a_header_that_is_none_is_refused(items, block):
    with pytest.raises(InvalidInput, match="header"):
        load(items, f"{MD5}\n{MD5}\n")


def test_an_empty_file_adds_nothing(items, block):
    assert load(items, "\n\n") == (0, 0, [])


def test_progress_grows_batch_by_batch(items, block, monkeypatch):
    monkeypatch.setattr(importing, "BATCH", 10)
    text = "type,signal\n" + "".join(f"md5,{n:032x}\n" for n in range(35))
    steps = list(importing.import_lines(items, "block", io.StringIO(text), actor="alice"))
    assert [step.added for step in steps] == [10, 20, 30, 35]
    assert steps[-1].bytes_read <= len(text)


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_what_is_exported_can_be_imported(items, rules, block, format):
    text = f"type,signal,quality,source_id,note\npdq,{PDQ},90,s,=1+1\nmd5,{MD5},,,\n"
    load(items, text)
    rules.create(ListDraft("copy"), actor="alice")
    exported = "".join(export_lines(items.walk("block"), format))
    assert load(items, exported, "copy")[2] == []
    pairs = [[item.signals for item in items.walk(name)] for name in ("block", "copy")]
    assert pairs[0] == pairs[1]


def test_a_file_that_cannot_be_read_says_so(items, block, tmp_path):
    with pytest.raises(InvalidInput, match="cannot be read"):
        list(importing.import_file(items, "block", tmp_path / "absent.csv", actor="alice"))
