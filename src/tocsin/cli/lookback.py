"""`tocsin lookback`: uploads of the past against signals of today."""

from typing import Annotated

import typer

from tocsin.cli.node import look_back, open_node
from tocsin.cli.options import AsJson, Data
from tocsin.cli.output import counted, say, say_json


def lookback(
    everything: Annotated[
        bool, typer.Option("--all", help="Match against all signals, not the new ones alone.")
    ] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Match the hashes of uploads seen before against signals added since.

    A serving node does this by itself after every change, and so do `lists add` and `lists import`.
    What is found is an event and goes to the connectors like any other verdict.

    For example:
      tocsin lookback
      tocsin lookback --all
    """
    with open_node(data) as node:
        matched = look_back(node, everything=everything)
    if as_json:
        say_json({"matched": matched})
    else:
        say(f"{counted(matched, 'upload')} of the past found")
