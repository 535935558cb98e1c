"""How following an exchange begins: by an invitation, or as a stranger."""

import re
from contextlib import closing
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from tocsin.app import Node, connect, enter
from tocsin.cli.options import ACTOR
from tocsin.cli.reading import read_text
from tocsin.entries.invitation import Invitation
from tocsin.errors import InvalidInput
from tocsin.sharing.settings import Followed, Terms

_LONGEST_PATH = 255


def begin(node: Node, target: str, name: str | None, policy: Path | None, terms: Terms) -> Followed:
    """Join by an invitation or a file with one, or follow an address as a stranger.

    Raises InvalidInput, Conflict, Refused, Unavailable.
    """
    path = Path(target)
    text = read_text(path).strip() if len(target) < _LONGEST_PATH and path.is_file() else target
    trusted = None if policy is None else read_text(policy)
    if "#" in text:
        return _join(node, Invitation.parse(text), name, trusted, terms)
    if trusted is None:
        raise InvalidInput(
            f"{text[:80]!r} is no invitation and no exchange that is followed",
            advice="Following as a stranger takes --policy with the log's key.",
        )
    return _follow_as_stranger(node, text, name, trusted, terms)


def _join(
    node: Node, invitation: Invitation, name: str | None, policy: str | None, terms: Terms
) -> Followed:
    return node.following.join(
        name or _named(invitation.origin),
        invitation,
        partial(enter, node.settings),
        policy=policy or f"log {invitation.key}\nquorum none\n",
        actor=ACTOR,
        terms=terms,
    )


def _follow_as_stranger(
    node: Node, url: str, name: str | None, policy: str, terms: Terms
) -> Followed:
    with closing(connect(node.settings, url)) as remote:
        about = remote.about()
    return node.following.add(
        name or _named(about.origin),
        origin=about.origin,
        url=url,
        policy=policy,
        actor=ACTOR,
        terms=terms,
    )


def _named(origin: str) -> str:
    """Return a name for an exchange: the first part of its origin that is one."""
    host = urlsplit(f"//{origin}").hostname or origin
    parts = [one for one in re.split(r"[^a-z0-9-]+", host.lower()) if one not in {"", "www"}]
    return (parts[0] if parts else "exchange").strip("-")[:24] or "exchange"
