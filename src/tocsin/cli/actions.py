"""`tocsin actions`: what could not be carried out."""

from typing import Annotated

import typer

from tocsin.cli.node import open_node
from tocsin.cli.options import ACTOR, AsJson, Data
from tocsin.cli.output import say, say_json
from tocsin.cli.tables import show_table
from tocsin.recording.actions import StoredAction


def show(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most actions to show.")] = 100,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """List the actions that failed for good, newest first, and why.

    For example:
      tocsin actions list
    """
    with open_node(data) as node:
        dead = node.dispatcher.dead(limit)
    if as_json:
        for one in dead:
            say_json(_fields(one))
        return
    rows = [
        (
            one.action.id,
            one.action.connector,
            one.action.upload_id,
            one.action.attempts,
            one.outcome,
        )
        for one in dead
    ]
    show_table(("action", "connector", "upload", "attempts>", "outcome"), rows)


def retry(
    action: Annotated[str, typer.Argument(metavar="ACTION", help="The id of the action.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Try a failed action again: at once if this node knows the connector, else when it serves.

    For example:
      tocsin actions retry 5d41402abc4b2a76b9719d911017c592
    """
    with open_node(data) as node:
        stored = node.dispatcher.retry(action, actor=ACTOR)
    if as_json:
        say_json(_fields(stored))
    else:
        say(f"{stored.action.connector} will try {action} again")


def _fields(stored: StoredAction) -> dict[str, object]:
    return {
        "action": stored.action.id,
        "connector": stored.action.connector,
        "upload": stored.action.upload_id,
        "state": stored.state.value,
        "attempts": stored.action.attempts,
        "outcome": stored.outcome,
        "created_at": stored.created_at.isoformat(),
    }
