"""`tocsin follow`, `unfollow`, `sync`: which exchanges this node follows, and on which terms."""

import json
import re
import sys
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from tocsin.app import Node, connect, enter
from tocsin.cli.exchanges import At, open_following
from tocsin.cli.node import fold, open_node
from tocsin.cli.options import ACTOR, AsJson, Data, given
from tocsin.cli.output import counted, say, say_json, warn
from tocsin.cli.tables import progress, show_table
from tocsin.entries.invitation import Invitation
from tocsin.errors import Conflict, InvalidInput
from tocsin.model import Verdict
from tocsin.sharing.follower import Frozen
from tocsin.sharing.following import Following
from tocsin.sharing.preview import Preview
from tocsin.sharing.settings import Terms

PREVIEW_DAYS = 30

Days = Annotated[float, typer.Option(min=0.01, help="Days of past uploads for the preview.")]


def follow(
    target: Annotated[
        str,
        typer.Argument(metavar="TARGET", help="An invitation, a file with one, an URL, a name."),
    ],
    name: Annotated[str | None, typer.Option(help="Your name for the exchange.")] = None,
    policy: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Logs and witnesses you trust (C2SP tlog-policy)."),
    ] = None,
    verdict: Annotated[
        Verdict | None, typer.Option(help="For what looks like an enforced item; else hold.")
    ] = None,
    exact_verdict: Annotated[
        Verdict | None, typer.Option(help="For what is an enforced item, bit for bit; else hold.")
    ] = None,
    allow: Annotated[
        bool | None, typer.Option("--allow/--no-allow", help="Take its allow lists too.")
    ] = None,
    rule: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Who may assert what, as JSON."),
    ] = None,
    activate: Annotated[
        bool, typer.Option("--activate", help="Let its lists count, without asking.")
    ] = False,
    deactivate: Annotated[
        bool, typer.Option("--deactivate", help="Let its lists count no more; follow on.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a frozen exchange: read `status` first.")
    ] = False,
    replay: Annotated[bool, typer.Option("--replay", help="Read its log anew.")] = False,
    days: Days = PREVIEW_DAYS,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Follow an exchange: join by invitation, fetch and verify all of it, and preview it.

    Nothing acts before you saw what its lists would have matched among your own past uploads and
    agreed. Even then an item acts only as far as trust in it goes. With the name of an exchange
    that is followed already, change how it is followed.

    For example:
      tocsin follow 'https://exchange.example/join#key=…'
      tocsin follow invitation.txt --name gifct
      tocsin follow gifct --activate
      tocsin follow gifct --exact-verdict refuse
      tocsin follow https://exchange.example --policy trusted.txt
    """
    terms = given(
        verdict=verdict,
        exact_verdict=exact_verdict,
        allow=allow,
        rule=None if rule is None else _read_rule(rule),
    )
    with open_node(data, merge=True) as node:
        following = node.following
        known = {one.name for one in following.all()}
        if target not in known:
            target = _begin(node, target, name, policy, Terms(**terms), as_json)
        elif terms:
            present = following.get(target).terms
            following.change_terms(target, replace(present, **terms), actor=ACTOR)
            node.standing.review(everything=True)
        if resume:
            following.resume(target, actor=ACTOR)
        if replay:
            following.replay(target, actor=ACTOR)
        if deactivate:
            following.deactivate(target, actor=ACTOR)
            say(f"the lists of {target} count no more")
            return
        _catch_up(following, target)
        fold(node)
        preview = node.previewer.preview(following.lists(target), days=days)
        _show_preview(target, preview, following.get(target).acting, as_json)
        if not following.get(target).acting and (activate or _agreed(as_json)):
            following.activate(target, actor=ACTOR)
            say(f"the lists of {target} count from now on") if not as_json else None


def unfollow(
    name: At,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: Data = None,
) -> None:
    """Follow an exchange no more: its items leave the lists, and the key for it is removed.

    For example:
      tocsin unfollow gifct
    """
    with open_following(data) as following:
        following.get(name)
        if not yes:
            typer.confirm(f"take all items of {name} off the lists?", abort=True, err=True)
        following.remove(name, actor=ACTOR)
        say(f"{name} is not followed any more")


def sync(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[EXCHANGE…]", help="All when none is named.")
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Bring followed exchanges up to date once, and send what waits in the outbox.

    For a node that does not serve; one that does follows by itself, within a second.

    For example:
      tocsin sync
    """
    with open_node(data, merge=True) as node:
        for one in names or [one.name for one in node.following.all()]:
            _catch_up(node.following, one)
            if node.following.get(one).member:
                with closing(node.following.publisher(one)) as publisher:
                    publisher.send()
        fold(node)
        for status in node.following.status():
            if as_json:
                say_json({"exchange": status.followed.name, "size": status.size})
            else:
                say(f"{status.followed.name}: entries verified: {status.size:,}")


def _begin(
    node: Node,
    target: str,
    name: str | None,
    policy: Path | None,
    terms: Terms,
    as_json: bool,
) -> str:
    """Join, or follow as a stranger; return the exchange's name here."""
    path = Path(target)
    text = path.read_text().strip() if len(target) < 255 and path.is_file() else target
    if "#" not in text:
        return _follow_as_stranger(node, text, name, policy, terms)
    invitation = Invitation.parse(text)
    chosen = name or _named(invitation.origin)
    trusted = policy.read_text() if policy else _policy_of(invitation)
    node.following.join(
        chosen,
        invitation,
        partial(enter, node.settings),
        policy=trusted,
        actor=ACTOR,
        terms=terms,
    )
    if not as_json:
        say(f"joined {invitation.origin} as {invitation.member}; it is called {chosen} here")
    return chosen


def _follow_as_stranger(
    node: Node, url: str, name: str | None, policy: Path | None, terms: Terms
) -> str:
    if policy is None:
        raise InvalidInput(
            f"{url[:80]!r} is no invitation and no exchange that is followed",
            advice="Following as a stranger takes --policy with the log's key.",
        )
    with closing(connect(node.settings, url)) as remote:
        about = remote.about()
    chosen = name or _named(about.origin)
    node.following.add(
        chosen, origin=about.origin, url=url, policy=policy.read_text(), actor=ACTOR, terms=terms
    )
    return chosen


def _catch_up(following: Following, name: str) -> None:
    try:
        with progress(f"verifying {name}", "entries") as show:
            following.catch_up(name, show)
    except Frozen:
        raise
    except Conflict:
        warn(f"{name} is being read by a node that serves; what follows is as far as it came")


def _read_rule(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise InvalidInput(f"{path} does not hold a JSON object")
    return found


def _policy_of(invitation: Invitation) -> str:
    return f"log {invitation.key}\nquorum none\n"


def _named(origin: str) -> str:
    """Return a name for an exchange: the first part of its origin that is one."""
    host = urlsplit(f"//{origin}").hostname or origin
    parts = [one for one in re.split(r"[^a-z0-9-]+", host.lower()) if one not in {"", "www"}]
    return (parts[0] if parts else "exchange").strip("-")[:24] or "exchange"


def _show_preview(name: str, preview: Preview, acting: bool, as_json: bool) -> None:
    if as_json:
        told = {"exchange": name, "lists": list(preview.lists), "acting": acting}
        counts = {"days": preview.days, "uploads": preview.uploads, "matched": preview.matched}
        say_json(told | counts | {"items": dict(preview.items)})
        return
    lists = ", ".join(preview.lists) or "none yet"
    say(f"{name} fills these lists: {lists}")
    uploads = counted(preview.uploads, "upload")
    say(f"they would have matched {preview.matched:,} of {uploads} of {preview.days:g} days")
    if preview.items:
        show_table(("item>", "uploads>"), preview.items)


def _agreed(as_json: bool) -> bool:
    """Ask whether the lists may count; without a terminal nobody agrees."""
    if as_json or not sys.stdin.isatty():
        if not as_json:
            say("they do not count yet: `tocsin follow NAME --activate` lets them")
        return False
    return typer.confirm("let them count?", default=False, err=True)
