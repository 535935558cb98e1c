"""`tocsin lists`: create, show, change, remove, export."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli.options import ACTOR, AsJson, Data, ListName, given
from tocsin.cli.output import counted, say, say_json, tell, warn, write
from tocsin.cli.records import Records, open_records
from tocsin.cli.tables import Cell, show_fields, show_table, verdict_cell
from tocsin.errors import InvalidInput
from tocsin.lists.exporting import Format, export_lines, item_fields
from tocsin.lists.rules import ListDraft
from tocsin.model import Item, ListKind, ListRule, Verdict
from tocsin.recording.events import Tag

Radius = Annotated[
    int | None, typer.Option(help="Bits within which a picture matches, 0 to 64.  [default: 31]")
]
QualityFloor = Annotated[
    int | None,
    typer.Option(help="PDQ quality below which nothing matches, 0 to 100.  [default: 50]"),
]
PerceptualVerdict = Annotated[
    Verdict | None, typer.Option(help="Verdict for a picture that matches.  [default: hold]")
]
ExactVerdict = Annotated[
    Verdict | None,
    typer.Option(help="Verdict for the very same file or link.  [default: as --verdict]"),
]
Labels = Annotated[
    list[str] | None,
    typer.Option("--label", help="Label of every item; repeat it. See `tocsin labels`."),
]
Territories = Annotated[
    list[str] | None,
    typer.Option("--territory", help="Country where the list counts, such as DE; repeat it."),
]
SampleRatio = Annotated[
    float | None,
    typer.Option(help="Share of the hits that is acted upon, 0 to 1: a canary.  [default: 1]"),
]
Reason = Annotated[str | None, typer.Option(help="Why the list exists, shown with each verdict.")]
Enabled = Annotated[
    bool | None, typer.Option("--enabled/--disabled", help="Whether the list counts.")
]
TtlDays = Annotated[
    float | None,
    typer.Option(help="Days until an item expires; 0: never, allow lists only.  [default: 365]"),
]


def create(
    name: ListName,
    kind: Annotated[
        ListKind | None,
        typer.Option(help="An allow list wins over block lists.  [default: block]"),
    ] = None,
    radius: Radius = None,
    quality_floor: QualityFloor = None,
    verdict: PerceptualVerdict = None,
    exact_verdict: ExactVerdict = None,
    labels: Labels = None,
    territories: Territories = None,
    sample_ratio: SampleRatio = None,
    reason: Reason = None,
    enabled: Enabled = None,
    ttl_days: TtlDays = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Create a list and the rule it stands for.

    Without options it is a block list that holds what matches for a person, everywhere, and whose
    items count for a year.

    For example:
      tocsin lists create known --label glorification --reason "court order 12"
      tocsin lists create news --kind allow --ttl-days 0
    """
    fields = given(
        kind=kind,
        radius=radius,
        quality_floor=quality_floor,
        verdict=verdict,
        exact_verdict=exact_verdict,
        labels=labels,
        territories=territories,
        sample_ratio=sample_ratio,
        reason=reason,
        enabled=enabled,
        ttl_days=ttl_days,
    )
    with open_records(data) as records:
        _report(records.rules.create(ListDraft(name, **fields), actor=ACTOR), "created", as_json)


def change(
    name: ListName,
    rename: Annotated[str | None, typer.Option(help="Another name for the list.")] = None,
    radius: Radius = None,
    quality_floor: QualityFloor = None,
    verdict: PerceptualVerdict = None,
    exact_verdict: ExactVerdict = None,
    labels: Labels = None,
    territories: Territories = None,
    everywhere: Annotated[bool, typer.Option(help="Let the list count in every country.")] = False,
    sample_ratio: SampleRatio = None,
    reason: Reason = None,
    enabled: Enabled = None,
    ttl_days: TtlDays = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Change the rule of a list; what is not named stays as it is. It counts at once.

    For example:
      tocsin lists change known --radius 24 --verdict refuse
      tocsin lists change known --sample-ratio 0.1
    """
    fields = given(
        name=rename,
        radius=radius,
        quality_floor=quality_floor,
        verdict=verdict,
        exact_verdict=exact_verdict,
        labels=labels,
        territories=[] if everywhere else territories,
        sample_ratio=sample_ratio,
        reason=reason,
        enabled=enabled,
        ttl_days=ttl_days,
    )
    if not fields:
        raise InvalidInput("nothing to change was named", advice="See `tocsin lists change -h`.")
    _change(name, data, as_json, "changed", **fields)


def enable(name: ListName, data: Data = None, as_json: AsJson = False) -> None:
    """Let a list count again, at once.

    For example:
      tocsin lists enable known
    """
    _change(name, data, as_json, "enabled", enabled=True)


def disable(name: ListName, data: Data = None, as_json: AsJson = False) -> None:
    """Let a list count no longer, at once, without losing it.

    For example:
      tocsin lists disable known
    """
    _change(name, data, as_json, "disabled", enabled=False)


def remove(
    name: ListName,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Remove a list with all its items. The record of what it did stays.

    For example:
      tocsin lists remove known --yes
    """
    with open_records(data) as records:
        counts = records.items.count(name)
        if not yes:
            typer.confirm(
                f"Remove list {name} with {counted(counts['items'], 'item')}?", abort=True, err=True
            )
        records.rules.remove(name, actor=ACTOR)
    done = f"removed {name} with {counted(counts['items'], 'item')}"
    tell(as_json, done, list=name, items=counts["items"], removed=True)


def show(
    name: Annotated[str | None, typer.Argument(metavar="LIST", help="One list alone.")] = None,
    after: Annotated[int, typer.Option(help="Show items with ids above this one.")] = 0,
    limit: Annotated[int, typer.Option(min=0, max=10_000, help="Most items to show.")] = 20,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show all lists, or one of them with its items. Reading a list's items is recorded.

    For example:
      tocsin lists show
      tocsin lists show known --limit 100 --json
    """
    with open_records(data) as records:
        if name is None:
            _show_all(records, as_json)
        else:
            _show_one(records, name, after, limit, as_json)


def export(
    name: ListName,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; stdout without it.")
    ] = None,
    format: Annotated[Format, typer.Option(help="One item a line, or one signal.")] = "jsonl",
    data: Data = None,
) -> None:
    """Export the items of a list, in a form that `tocsin lists import` reads. It is recorded.

    For example:
      tocsin lists export known > known.jsonl
      tocsin lists export known --format csv -o known.csv
    """
    with open_records(data) as records:
        records.note(Tag.LIST_EXPORTED, name, format=format, **records.items.count(name))
        lines = export_lines(records.items.walk(name), format)
        if output is None:
            for line in lines:
                write(line)
            return
        try:
            with output.open("w", encoding="utf-8") as file:
                file.writelines(lines)
        except OSError as error:
            raise InvalidInput(f"{output} cannot be written: {error.strerror}") from error
    warn(f"exported {name} to {output}")


def _change(name: str, data: Path | None, as_json: bool, done: str, /, **fields: object) -> None:
    with open_records(data) as records:
        _report(records.rules.change(name, actor=ACTOR, **fields), done, as_json)


def _report(rule: ListRule, done: str, as_json: bool) -> None:
    if as_json:
        say_json(asdict(rule))
    else:
        say(f"{done} {rule.kind} list {rule.name}")


def _show_all(records: Records, as_json: bool) -> None:
    rules = [(rule, records.items.count(rule.name)) for rule in records.rules.all()]
    if as_json:
        for rule, counts in rules:
            say_json(asdict(rule) | {"counts": counts})
        return
    rows = [
        (
            rule.name,
            rule.kind.value,
            "yes" if rule.enabled else "no",
            counts["items"],
            sum(count for type_, count in counts.items() if type_ != "items"),
            rule.radius,
            verdict_cell(rule.verdict),
            verdict_cell(rule.exact_verdict),
            rule.reason,
        )
        for rule, counts in rules
    ]
    headings = ("list", "kind", "counts", "items>", "signals>", "radius>", "verdict", "exact")
    show_table((*headings, "reason"), rows)


def _show_one(records: Records, name: str, after: int, limit: int, as_json: bool) -> None:
    rule, counts = records.rules.get(name), records.items.count(name)
    items = records.items.page(name, after=after, limit=limit) if limit else []
    if items:
        records.note(Tag.LIST_READ, name, first=items[0].id, last=items[-1].id)
    if as_json:
        say_json(asdict(rule) | {"counts": counts})
        for item in items:
            say_json({"item": item.id, "list": name, **_stands(item), **item_fields(item)})
        return
    show_fields(asdict(rule) | counts)
    if items:
        rows = [_item_row(item) for item in items]
        headings = ("item>", "signals", "source id", "labels", "counts", "stage", "issuer")
        show_table((*headings, "expires"), rows)
    if items and items[-1].id and len(items) == limit:
        warn(f"there may be more: --after {items[-1].id}")


def _stands(item: Item) -> dict[str, object]:
    return {"stage": item.stage.value, "disputed": item.disputed, "issuer": item.issuer}


def _item_row(item: Item) -> tuple[Cell, ...]:
    kinds = ", ".join(dict.fromkeys(signal.type.value for signal in item.signals))
    return (
        item.id,
        f"{len(item.signals)} ({kinds})",
        item.source_id,
        ", ".join(item.labels),
        "yes" if item.enabled else "no",
        f"{item.stage}, disputed" if item.disputed else item.stage.value,
        item.issuer or None,
        f"{item.expires_at:%Y-%m-%d}" if item.expires_at else None,
    )
