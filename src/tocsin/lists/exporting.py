"""Write lists as JSON lines or CSV: what `importing.py` reads comes out again."""

import csv
import json
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Any, Literal

from tocsin.model import Item

Format = Literal["jsonl", "csv"]

_HEADER = ("type", "signal", "quality", "source_id", "labels", "note", "expires_at")


def export_lines(items: Iterable[Item], format: Format) -> Iterator[str]:
    """Yield the lines of a file, each with its end of line.

    JSON lines hold one item each; CSV holds one signal each, since a table has no lists.
    """
    if format == "jsonl":
        yield from (json.dumps(item_fields(item), ensure_ascii=False) + "\n" for item in items)
        return
    yield _csv_line(_HEADER)
    for item in items:
        fields = item_fields(item)
        for signal in item.signals:
            yield _csv_line(
                (
                    signal.type.value,
                    signal.text,
                    "" if signal.quality is None else str(signal.quality),
                    item.source_id,
                    ";".join(item.labels),
                    item.note,
                    fields.get("expires_at", ""),
                )
            )


def item_fields(item: Item) -> dict[str, Any]:
    """Return an item in the fields of an export; what is empty is left out."""
    fields = {
        "signals": [
            {"type": one.type.value, "signal": one.text}
            | ({} if one.quality is None else {"quality": one.quality})
            for one in item.signals
        ],
        "source_id": item.source_id,
        "labels": list(item.labels),
        "note": item.note,
        "expires_at": item.expires_at.isoformat() if item.expires_at else "",
    }
    return {key: value for key, value in fields.items() if value}


def _csv_line(fields: Iterable[str]) -> str:
    # A spreadsheet runs what begins like a formula; a leading quote makes it text again.
    safe = ["'" + one if one[:1] in "=+-@\t\r" and one else one for one in fields]
    line = StringIO()
    csv.writer(line, lineterminator="\n").writerow(safe)
    return line.getvalue()
