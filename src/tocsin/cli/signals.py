"""`tocsin signals search`: what a hash or a link matches."""

from typing import Annotated

import typer

from tocsin.app import now
from tocsin.cli.node import open_node
from tocsin.cli.options import ACTOR, AsJson, Data
from tocsin.cli.output import counted, say, say_json
from tocsin.cli.reading import sought_signals
from tocsin.cli.tables import show_table
from tocsin.errors import InvalidInput
from tocsin.model import Signal, SignalType, View
from tocsin.recording.events import Event, Tag
from tocsin.recording.screenings import hit_fields

_BY_LENGTH = {
    32: (SignalType.MD5,),
    40: (SignalType.SHA1,),
    64: (SignalType.PDQ, SignalType.SHA256),
}


def search(
    text: Annotated[str, typer.Argument(metavar="HEX|LINK", help="The hash or link.")],
    type: Annotated[
        SignalType | None, typer.Option(help="What it is.  [default: by its length]")
    ] = None,
    lists: Annotated[
        list[str] | None, typer.Option("--list", help="Search this list; repeat it.")
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Find what a hash or a link matches on the lists, nearest first. Nothing is screened.

    For example:
      tocsin signals search f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22
      tocsin signals search https://example.org/post/12 --list known
    """
    views = tuple(View("given", signal) for signal in _parse(text, type))
    with open_node(data) as node:
        hits = node.recogniser.recognise(views, lists or ()).hits
        body = {"hits": len(hits)}
        node.store.record(Event(now(), Tag.LIST_READ, ACTOR, "search", body)).result()
    if as_json:
        for hit in hits:
            say_json(hit_fields(hit))
        return
    rows = [
        (hit.distance, hit.signal.type.value, hit.rule.name, hit.item_id, hit.signal.text)
        for hit in hits
    ]
    if rows:
        show_table(("distance>", "type", "list", "item>", "signal"), rows)
    say(f"{counted(len(rows), 'signal')} found")


def _parse(text: str, type: SignalType | None) -> tuple[Signal, ...]:
    if type is not None:
        return sought_signals(type, text)
    if "://" in text:
        return sought_signals(SignalType.URL, text)
    types = _BY_LENGTH.get(len(text.strip()))
    if types is None:
        raise InvalidInput(
            f"{text[:80]!r} is neither a link nor a hash of a known length",
            advice="Say what it is with --type.",
        )
    return tuple(Signal.parse(one, text) for one in types)
