"""`tocsin signals show|remove|restore|disable|enable`: single items of a list."""

from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli.options import ACTOR, AsJson, Data, ListName
from tocsin.cli.output import say_json, tell
from tocsin.cli.records import open_records
from tocsin.cli.tables import show_fields, show_table
from tocsin.lists.exporting import item_fields
from tocsin.model import Item
from tocsin.recording.events import Tag

ItemId = Annotated[int, typer.Argument(metavar="ITEM", help="Number of the item.")]
Reason = Annotated[str, typer.Option(help="Why, for the record.")]


def show(name: ListName, item: ItemId, data: Data = None, as_json: AsJson = False) -> None:
    """Show an item and its signals, removed or not. It is recorded.

    For example:
      tocsin signals show known 12
    """
    with open_records(data) as records:
        found = records.items.get(name, item)
        records.note(Tag.LIST_READ, name, first=item, last=item)
    if as_json:
        say_json(_fields(found))
        return
    show_fields({key: one for key, one in _fields(found).items() if key != "signals"})
    rows = [(one.type.value, one.quality, one.text) for one in found.signals]
    show_table(("type", "quality>", "signal"), rows)


def remove(
    name: ListName,
    item: ItemId,
    reason: Reason = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Take an item off its list, at once. It can be restored.

    For example:
      tocsin signals remove known 12 --reason "not what it seemed"
    """
    with open_records(data) as records:
        records.items.remove(name, item, actor=ACTOR, reason=reason)
    tell(as_json, f"removed {name}/{item}", list=name, item=item, removed=True)


def restore(
    name: ListName,
    item: ItemId,
    reason: Reason = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Put a removed item back, at once.

    For example:
      tocsin signals restore known 12
    """
    with open_records(data) as records:
        records.items.restore(name, item, actor=ACTOR, reason=reason)
    tell(as_json, f"restored {name}/{item}", list=name, item=item, removed=False)


def disable(name: ListName, item: ItemId, data: Data = None, as_json: AsJson = False) -> None:
    """Let an item count no longer, at once; it stays on its list.

    For example:
      tocsin signals disable known 12
    """
    _set_enabled(name, item, data, as_json, enabled=False)


def enable(name: ListName, item: ItemId, data: Data = None, as_json: AsJson = False) -> None:
    """Let an item count again, at once.

    For example:
      tocsin signals enable known 12
    """
    _set_enabled(name, item, data, as_json, enabled=True)


def _set_enabled(name: str, item: int, data: Path | None, as_json: bool, *, enabled: bool) -> None:
    with open_records(data) as records:
        records.items.change(name, item, actor=ACTOR, enabled=enabled)
    done = "enabled" if enabled else "disabled"
    tell(as_json, f"{done} {name}/{item}", list=name, item=item, enabled=enabled)


def _fields(item: Item) -> dict[str, object]:
    return {
        "item": item.id,
        "list": item.list,
        "enabled": item.enabled,
        "active_from": item.active_from,
        "created_at": item.created_at,
        "removed_at": item.removed_at,
        "stage": item.stage.value,
        "disputed": item.disputed,
        "issuer": item.issuer,
        **item_fields(item),
    }
