"""`tocsin events`: the record."""

import json
from typing import Annotated

import typer

from tocsin.cli.options import AsJson, Data
from tocsin.cli.output import say_json
from tocsin.cli.records import open_records
from tocsin.cli.tables import show_table
from tocsin.recording.events import Tag
from tocsin.recording.history import Recorded


def events(
    after: Annotated[int, typer.Option(help="Show events with numbers above this one.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most events to show.")] = 100,
    tag: Annotated[
        list[Tag] | None, typer.Option(help="Only what has this tag; repeat it.", metavar="TAG")
    ] = None,
    subject: Annotated[str, typer.Option(help="Only what concerns this upload or list.")] = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show what happened on this node, oldest first. That the record was read is recorded too.

    For example:
      tocsin events --tag upload:screening:completed
      tocsin events --after 1000 --json
    """
    with open_records(data) as records:
        found = records.history.page(after=after, limit=limit, tags=tag or (), subject=subject)
        records.note(Tag.EVENTS_READ, "events", after=after, events=len(found))
    if as_json:
        for one in found:
            say_json(_fields(one))
    else:
        show_table(("event>", "at", "tag", "actor", "subject", "what"), map(_row, found))


def _fields(recorded: Recorded) -> dict[str, object]:
    event = recorded.event
    return {
        "event": recorded.id,
        "at": event.at.isoformat(),
        "tag": event.tag.value,
        "actor": event.actor,
        "subject": event.subject,
        "body": event.body,
    }


def _row(recorded: Recorded) -> tuple[str | int, ...]:
    event = recorded.event
    what = event.body.get("verdict") or (json.dumps(event.body) if event.body else "")
    at = f"{event.at:%Y-%m-%d %H:%M:%S}"
    return recorded.id, at, event.tag.value, event.actor, event.subject, str(what)[:80]
