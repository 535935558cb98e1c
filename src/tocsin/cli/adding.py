"""`tocsin lists add` and `tocsin lists import`: what makes lists grow."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from tocsin.app import Node
from tocsin.cli.exits import Exit
from tocsin.cli.named import Files, Hashes, Labels, Links, Named, Names, Note, Quality, Strict
from tocsin.cli.node import fold, look_back, open_node
from tocsin.cli.options import ACTOR, AsJson, Data, ListName
from tocsin.cli.output import counted, say, say_json, warn
from tocsin.cli.tables import progress, show_table
from tocsin.lists.importing import Fault, import_file
from tocsin.lists.items import ItemDraft

MOST_FAULTS = 50


def add(
    name: ListName,
    files: Files = None,
    pdq: Hashes = None,
    sha256: Hashes = None,
    sha1: Hashes = None,
    md5: Hashes = None,
    url: Links = None,
    quality: Quality = None,
    labels: Labels = None,
    note: Note = "",
    source_id: Annotated[str, typer.Option(help="What its source calls the item.")] = "",
    expires_at: Annotated[
        datetime | None, typer.Option(help="When it ends, UTC.  [default: the list's --ttl-days]")
    ] = None,
    strict: Strict = False,
    data: Data = None,
    as_json: AsJson = False,
) -> int:
    """Add items to a list: each file is one item, all hashes and links together are another.

    Files are decoded in the sandbox and hashed; they are not kept. Adding what is there already
    changes nothing. Uploads seen before are matched against what is new.

    For example:
      tocsin lists add known photo.jpg --label glorification
      tocsin lists add known evidence/ --note "case 12"
      tocsin lists add known --md5 d41d8cd98f00b204e9800998ecf8427e
    """
    draft = partial(
        ItemDraft,
        source_id=source_id,
        labels=tuple(labels or ()),
        note=note,
        expires_at=None if expires_at is None else expires_at.replace(tzinfo=UTC),
    )
    names = Names.of(files, quality, pdq=pdq, sha256=sha256, sha1=sha1, md5=md5, url=url)
    left_out = 0
    with open_node(data, merge=True) as node:
        node.rules.get(name)
        for one in names.items(node):
            if one.signals:
                _add(node, name, one, draft(signals=one.signals), as_json)
            else:
                left_out += 1
        fold(node)
        matched = look_back(node)
    _report_matched(matched)
    return Exit.FAULTS if strict and left_out else Exit.OK


def import_list(
    name: ListName,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or JSON lines.")],
    strict: Annotated[bool, typer.Option(help="Exit with 4 if a row was at fault.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> int:
    """Import items from CSV with a header, or from JSON lines, of any size. See docs/lists.md.

    A row at fault is reported with its line and never stops the rest. Rows are stored in batches:
    an import that was cut off is simply run again, and adds only what is missing.

    For example:
      tocsin lists import known known.csv
      tocsin lists import known known.jsonl --strict --json
    """
    faults: list[Fault] = []
    added = known = 0
    with open_node(data, merge=True) as node:
        node.rules.get(name)
        size = file.stat().st_size if file.exists() else None
        with progress(f"importing into {name}", "bytes") as show:
            for step in import_file(node.items, name, file, actor=ACTOR):
                show(step.bytes_read, size)
                added, known = step.added, step.known
                faults += step.faults
        fold(node)
        matched = look_back(node)
    if as_json:
        rows = [{"line": fault.line, "reason": fault.reason} for fault in faults]
        say_json({"added": added, "known": known, "faults": rows, "matched": matched})
    else:
        news, at_fault = counted(added, "item"), counted(len(faults), "row")
        say(f"{news} added to {name}, {known:,} known already, {at_fault} at fault")
        _show_faults(faults)
        _report_matched(matched)
    return Exit.FAULTS if strict and faults else Exit.OK


def _add(node: Node, name: str, one: Named, draft: ItemDraft, as_json: bool) -> None:
    added = node.items.add(name, draft, actor=ACTOR)
    count = len(one.signals)
    if as_json:
        item = {"path": one.source, "list": name, "item": added.item_id, "fresh": added.fresh}
        say_json(item | {"signals": count})
    else:
        done = "added" if added.fresh else "known already"
        say(f"{done}: {name}/{added.item_id} {one.source}, {counted(count, 'signal')}")


def _show_faults(faults: Sequence[Fault]) -> None:
    if faults:
        show_table(("line>", "fault"), [(one.line, one.reason) for one in faults[:MOST_FAULTS]])
    if len(faults) > MOST_FAULTS:
        warn(f"{len(faults) - MOST_FAULTS} more; --json shows all")


def _report_matched(matched: int) -> None:
    if matched:
        warn(f"{counted(matched, 'upload')} of the past found by this; see `tocsin events`")
