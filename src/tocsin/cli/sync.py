"""`tocsin sync`: bring followed exchanges up to date once."""

from contextlib import closing
from typing import Annotated

import typer

from tocsin.cli.exits import Exit
from tocsin.cli.node import fold, open_node
from tocsin.cli.options import AsJson, Data
from tocsin.cli.output import tell, warn
from tocsin.cli.tables import progress
from tocsin.errors import Conflict, Unavailable
from tocsin.sharing.follower import Frozen
from tocsin.sharing.following import Following


def sync(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[EXCHANGE…]", help="All when none is named.")
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> int:
    """Bring followed exchanges up to date once, and send what waits in the outbox.

    For a node that does not serve; one that does follows by itself, within a second. One exchange
    that does not answer does not keep the others waiting; the exit code is then 5.

    For example:
      tocsin sync
    """
    failed = False
    with open_node(data, merge=True) as node:
        chosen = names or [one.name for one in node.following.all()]
        for one in chosen:
            try:
                _sync(node.following, one)
            except Unavailable as error:
                warn(f"{one}: {error}")
                failed = True
        fold(node)
        for status in node.following.status():
            if status.followed.name not in chosen:
                continue
            name, size = status.followed.name, status.size
            tell(as_json, f"{name}: entries verified: {size:,}", exchange=name, size=size)
    return Exit.UNAVAILABLE if failed else Exit.OK


def _sync(following: Following, name: str) -> None:
    catch_up(following, name)
    if not following.get(name).member:
        return
    with closing(following.publisher(name)) as publisher:
        sent = publisher.send()
    if sent:  # What we said ourselves is read like anybody's.
        catch_up(following, name)


def catch_up(following: Following, name: str) -> None:
    """Read and verify what is new, unless a node that serves is at it. Raises as that does."""
    try:
        with progress(f"verifying {name}", "entries") as show:
            following.catch_up(name, show)
    except Frozen:
        raise
    except Conflict:
        warn(f"{name} is being read by a node that serves; what follows is as far as it came")
