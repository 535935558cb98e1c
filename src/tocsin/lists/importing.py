"""Read lists from CSV and JSON lines of any size.

A malformed row is reported with its line and never stops the rest. Rows are stored in batches, so
an import that is cut off has stored whole batches, and running it again adds only the others.

CSV needs a header. Columns: `type` and `signal` (one signal a row), or a column for each type
(`pdq`, `sha256`, `sha1`, `md5`, `url`) with the signals of one item; optional `quality`,
`source_id`, `labels` (separated by `;`), `note`, `expires_at` (ISO 8601 with a zone).
JSON lines use the same names; there `signals` may hold a list of `{"type", "signal", "quality"}`.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any, TextIO

from tocsin.errors import InvalidInput
from tocsin.lists.items import ItemDraft, Items
from tocsin.model import Signal, SignalType

BATCH = 5_000
MAX_LINE = 1_000_000

_COLUMNS = {
    "type",
    "signal",
    "signals",
    "quality",
    "source_id",
    "labels",
    "note",
    "expires_at",
    *SignalType,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that was not imported: its line in the file, from 1, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is: bytes read, items added, items that were there, rows at fault."""

    bytes_read: int
    added: int
    known: int
    faults: tuple[Fault, ...]


def import_file(items: Items, name: str, path: Path, *, actor: str) -> Iterator[Progress]:
    """Import a file into a list, yielding progress after each batch; the faults are those since.

    Raises InvalidInput if it is neither CSV with a header nor JSON lines, NotFound, Unavailable.
    """
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            yield from import_lines(items, name, file, actor=actor)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}") from error


def import_lines(items: Items, name: str, file: TextIO, *, actor: str) -> Iterator[Progress]:
    """Import from an open text file. See `import_file`."""
    batch: list[ItemDraft] = []
    faults: list[Fault] = []
    added = known = read = 0

    def flush() -> Progress:
        nonlocal added, known
        answers = items.add_many(name, batch, actor=actor)
        added += sum(answer.fresh for answer in answers)
        known += sum(not answer.fresh for answer in answers)
        progress = Progress(read, added, known, tuple(faults))
        batch.clear()
        faults.clear()
        return progress

    for row in _rows(file):
        read = row.end
        if isinstance(row.content, str):
            faults.append(Fault(row.line, row.content))
        else:
            try:
                batch.append(_draft(row.content).checked())
            except InvalidInput as error:
                faults.append(Fault(row.line, str(error)))
        if len(batch) >= BATCH or len(faults) >= BATCH:
            yield flush()
    yield flush()


@dataclass(frozen=True, slots=True)
class _Row:
    """One row: its line, where it ends in characters, and its fields, or what is wrong with it."""

    line: int
    end: int
    content: Mapping[str, Any] | str


def _rows(file: TextIO) -> Iterator[_Row]:
    first = file.readline(MAX_LINE)
    while first and not first.strip():
        first = file.readline(MAX_LINE)
    if not first:
        return iter(())
    if first.lstrip().startswith("{"):
        return _json_rows(first, file)
    return _csv_rows(first, file)


def _json_rows(first: str, file: TextIO) -> Iterator[_Row]:
    end, number, text = 0, 0, first
    while text:
        number, end = number + 1, end + len(text)
        if len(text) >= MAX_LINE and not text.endswith("\n"):
            text = _skip_line(file)
            yield _Row(number, end, f"the line is longer than {MAX_LINE} characters")
        elif text.strip():
            yield _Row(number, end, _json_content(text))
        text = file.readline(MAX_LINE)


def _skip_line(file: TextIO) -> str:
    text = file.readline(MAX_LINE)
    while text and not text.endswith("\n"):
        text = file.readline(MAX_LINE)
    return text


def _json_content(text: str) -> Mapping[str, Any] | str:
    try:
        content = json.loads(text, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError, InvalidInput) as error:
        return f"not JSON: {error}"
    return content if isinstance(content, dict) else "not a JSON object"


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise InvalidInput("a key occurs twice")
    return content


def _csv_rows(first: str, file: TextIO) -> Iterator[_Row]:
    header = [one.strip().lower() for one in next(csv.reader(StringIO(first)))]
    unknown = [one for one in header if one not in _COLUMNS]
    if unknown or len(set(header)) != len(header):
        raise InvalidInput(
            f"the header names {', '.join(unknown)[:200] or 'a column twice'}",
            advice="The first line names columns such as `type,signal,quality` or `pdq,sha256`; "
            "see docs/lists.md.",
        )
    reader = csv.reader(file)
    end = len(first)
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield _Row(reader.line_num + 1, end, f"not CSV: {error}")
            continue
        end += sum(map(len, fields)) + len(fields)
        if not any(fields):
            continue
        if len(fields) != len(header):
            problem = f"{len(fields)} fields where the header names {len(header)}"
            yield _Row(reader.line_num + 1, end, problem)
        else:
            yield _Row(reader.line_num + 1, end, dict(zip(header, fields, strict=True)))


def _draft(row: Mapping[str, Any]) -> ItemDraft:
    unknown = [key for key in row if key not in _COLUMNS]
    if unknown:
        raise InvalidInput(f"unknown field {', '.join(unknown)[:200]}")
    return ItemDraft(
        signals=tuple(_signals(row)),
        source_id=_text(row, "source_id"),
        labels=_labels(row.get("labels")),
        note=_text(row, "note"),
        expires_at=_time(row.get("expires_at")),
    )


def _signals(row: Mapping[str, Any]) -> Iterator[Signal]:
    quality = _quality(row.get("quality"))
    if row.get("type") or row.get("signal"):
        yield _signal(_text(row, "type"), _text(row, "signal"), quality)
    for type_ in SignalType:
        if row.get(type_):
            value = _text(row, type_)
            yield _signal(type_, value, quality if type_ is SignalType.PDQ else None)
    nested = row.get("signals") or []
    if not isinstance(nested, list) or not all(isinstance(one, dict) for one in nested):
        raise InvalidInput("`signals` must be a list of objects")
    for one in nested:
        yield _signal(_text(one, "type"), _text(one, "signal"), _quality(one.get("quality")))


def _signal(type_: str, text: str, quality: int | None) -> Signal:
    try:
        known = SignalType(type_.strip().lower())
    except ValueError as error:
        raise InvalidInput(
            f"{type_[:40]!r} is not a signal type; use one of {', '.join(SignalType)}"
        ) from error
    return Signal.parse(known, text.strip(), quality)


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key) or ""
    if not isinstance(value, str):
        raise InvalidInput(f"`{key}` must be text")
    return value.strip()


def _quality(value: object) -> int | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise InvalidInput("`quality` must be a whole number")
    try:
        return int(value)
    except ValueError as error:
        raise InvalidInput(f"`quality` must be a whole number, not {value!r:.40}") from error


def _labels(value: object) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    if isinstance(value, str):
        return tuple(value.split(";"))
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    raise InvalidInput("`labels` must be text separated by `;`, or a list of texts")


def _time(value: object) -> datetime | None:
    if value is None or value == "":
        return None
    try:
        time = datetime.fromisoformat(str(value).strip())
    except ValueError as error:
        raise InvalidInput(f"{str(value)[:40]!r} is not an ISO 8601 time") from error
    if time.tzinfo is None:
        raise InvalidInput(f"{str(value)[:40]!r} has no time zone; add Z or an offset")
    return time.astimezone(UTC)
