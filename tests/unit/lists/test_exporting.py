"""Exports keep every field and give a spreadsheet nothing to run."""

import json

from tocsin.lists.exporting import export_lines
from tocsin.lists.items import ItemDraft
from tocsin.model import Signal, SignalType

MD5 = Signal(SignalType.MD5, bytes(16))


def test_json_lines_hold_one_item_each(items, block):
    draft = ItemDraft((MD5,), labels=("threat",), note="Grüße")
    items.add("block", draft, actor="alice")
    (line,) = export_lines(items.walk("block"), "jsonl")
    fields = json.loads(line)
    assert fields["signals"] == [{"type": "md5", "signal": "00" * 16}]
    assert (fields["labels"], fields["note"]) == (["threat"], "Grüße")


def test_a_formula_in_a_csv_cell_is_made_text(items, block):
    items.add("block", ItemDraft((MD5,), note='=HYPERLINK("x")'), actor="alice")
    header, row = export_lines(items.walk("block"), "csv")
    assert header.startswith("type,signal")
    assert "'=HYPERLINK" in row
