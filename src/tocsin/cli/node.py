"""The whole node, for the commands that decode, hash or match."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tocsin.app import Node, build
from tocsin.cli.options import settings
from tocsin.cli.tables import progress


@contextmanager
def open_node(data: Path | None, *, merge: bool = False) -> Iterator[Node]:
    """Open the node in a data folder, making it if need be.

    One process at a time writes index files, so only a command that makes lists grow asks to
    (`merge`): a server that starts meanwhile would have to do without.

    On the way out it carries out what was intended, where this command knows how: a command that
    has no connector must not give up the actions of a server that has one.

    Raises ConfigurationError, Unavailable.
    """
    with build(settings(data), merge=merge) as node:
        yield node
        if node.settings.webhook_url:
            node.dispatcher.run_due()


def fold(node: Node) -> None:
    """Put what was added into index files now, so that the next command need not read it all."""
    node.indices.refresh()
    node.indices.merge()


def look_back(node: Node, *, everything: bool = False) -> int:
    """Match the uploads of the past against what changed; return how many matched."""
    matched = 0
    with progress("looking back", "uploads") as show:
        for step in node.lookback.run(everything=everything):
            show(step.done, step.total)
            matched = step.matched
    return matched
