"""What the commands of a member share: its exchanges, and how it says something there."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer

from tocsin.app import Member, member_of
from tocsin.cli.options import settings
from tocsin.cli.output import say, say_json
from tocsin.cli.tables import progress
from tocsin.entries.statements import Statement
from tocsin.errors import Conflict, NotFound
from tocsin.recording.store import Store
from tocsin.sharing.following import Following

At = Annotated[str, typer.Argument(metavar="EXCHANGE", help="Your name for the exchange.")]
Audience = Annotated[str, typer.Option(help="Who reads it: members, public, or a group.")]
Person = Annotated[str, typer.Option(help="A pseudonym for who decided, to tell persons apart.")]
Why = Annotated[str, typer.Option("--reason", help="Why; its audience reads it.")]


@contextmanager
def open_following(data: Path | None) -> Iterator[Following]:
    """Open the exchanges that the node in a data folder follows. Raises as `open_member`."""
    with open_member(data) as member:
        yield member.following


@contextmanager
def open_member(data: Path | None) -> Iterator[Member]:
    """Open what the node in a data folder trusts and says, without what screens.

    Raises ConfigurationError, Unavailable.
    """
    chosen = settings(data)
    chosen.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = Store(chosen.store_url)
    try:
        with member_of(chosen, store) as member:
            yield member
    finally:
        store.close()


def refresh(following: Following, name: str) -> None:
    """Read what is new, so that one speaks of the present state. Raises NotFound, Unavailable.

    Where a node that serves is at it already, nothing is to be done.
    """
    with suppress(Conflict), progress(f"verifying {name}", "entries") as show:
        following.catch_up(name, show)


def audience_of(following: Following, name: str, entry: int) -> str:
    """Return who reads what was said at an entry: what was just published may not be read yet.

    Raises NotFound, Unavailable.
    """
    with suppress(NotFound):
        return following.dossier.audience(name, entry)
    refresh(following, name)
    return following.dossier.audience(name, entry)


def put(
    following: Following, name: str, said: Statement, as_json: bool, *, urgent: bool = False
) -> int:
    """Publish one statement, say its index, and return it. Raises as `Publisher.publish`."""
    with closing(following.publisher(name)) as publisher:
        index = publisher.publish(said, urgent=urgent)
    if as_json:
        say_json({"index": index, "type": said.type})
    else:
        say(f"entry {index}")
    return index
