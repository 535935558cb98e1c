"""`tocsin follow`, `unfollow`: which exchanges this node follows, and on which terms."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from tocsin.app import Node
from tocsin.cli.exchanges import At, open_following
from tocsin.cli.joining import begin
from tocsin.cli.node import fold, open_node
from tocsin.cli.options import ACTOR, AsJson, Data, given
from tocsin.cli.output import counted, say, say_json, tell
from tocsin.cli.reading import read_text
from tocsin.cli.sync import catch_up
from tocsin.cli.tables import show_table
from tocsin.entries.statements import View
from tocsin.errors import InvalidInput
from tocsin.model import Verdict
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
    url: Annotated[
        str | None, typer.Option(help="Where the exchange is by now, if it has moved.")
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
    feedback: Annotated[
        list[View] | None,
        typer.Option(help="An opinion of this node that it is told; repeat it.  [default: flood]"),
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
      tocsin follow gifct --url https://new.example/gifct
      tocsin follow https://exchange.example --policy trusted.txt
    """
    terms = given(
        verdict=verdict,
        exact_verdict=exact_verdict,
        allow=allow,
        rule=None if rule is None else _read_rule(rule),
        feedback=feedback,
    )
    with open_node(data, merge=True) as node:
        following = node.following
        target = _begin_or_change(node, target, name, url, policy, terms, as_json)
        if resume:
            following.resume(target, actor=ACTOR)
        if replay:
            following.replay(target, actor=ACTOR)
        if deactivate:
            following.deactivate(target, actor=ACTOR)
            tell(as_json, f"the lists of {target} count no more", exchange=target, acting=False)
            return
        catch_up(following, target)
        fold(node)
        preview = node.previewer.preview(following.dossier.lists(target), days=days)
        _preview_and_agree(following, target, preview, activate, as_json)


def unfollow(
    name: At,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Follow an exchange no more: its items leave the lists, and the key for it is removed.

    Without that key nobody speaks as this member any more: to come back takes an invitation under
    another id.

    For example:
      tocsin unfollow gifct
    """
    with open_following(data) as following:
        following.get(name)
        if not yes:
            typer.confirm(f"take all items of {name} off the lists?", abort=True, err=True)
        following.remove(name, actor=ACTOR)
    tell(as_json, f"{name} is not followed any more", exchange=name, followed=False)


def _begin_or_change(
    node: Node,
    target: str,
    name: str | None,
    url: str | None,
    policy: Path | None,
    terms: dict[str, Any],
    as_json: bool,
) -> str:
    """Begin to follow, or change how; return the name of the exchange."""
    if target in {one.name for one in node.following.all()}:
        _change(node, target, name, url, policy, terms)
        return target
    if url is not None:
        raise InvalidInput(
            f"{target[:80]!r} is no exchange that is followed; --url is for one that has moved",
            advice="`tocsin status` names those that are followed.",
        )
    begun = begin(node, target, name, policy, Terms(**terms))
    if not as_json:
        say(f"following {begun.origin} as {begun.member or 'a stranger'}, named {begun.name}")
    return begun.name


def _change(
    node: Node,
    name: str,
    other: str | None,
    url: str | None,
    policy: Path | None,
    terms: dict[str, Any],
) -> None:
    """Change where an exchange is that is followed, whom we trust, and on which terms."""
    if other is not None:
        raise InvalidInput(
            f"{name} is followed already; --name is for its beginning",
            advice=f"`tocsin unfollow {name}` ends it; to begin anew takes another invitation.",
        )
    if url is not None or policy is not None:
        trusted = None if policy is None else read_text(policy)
        node.following.move(name, url=url, policy=trusted, actor=ACTOR)
    if terms:
        present = node.following.get(name).terms
        node.following.change_terms(name, replace(present, **terms), actor=ACTOR)
        node.standing.review(everything=True)


def _read_rule(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_text(path))
    except ValueError as error:
        raise InvalidInput(f"{path} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise InvalidInput(f"{path} does not hold a JSON object")
    return found


def _preview_and_agree(
    following: Following, name: str, preview: Preview, activate: bool, as_json: bool
) -> None:
    """Show the preview, and let the lists count if that was or is agreed to."""
    followed = following.get(name)
    if not as_json:
        _show_preview(name, preview)
    acting = followed.acting or activate or _agreed(name, as_json)
    if acting and not followed.acting:
        following.activate(name, actor=ACTOR)
        say(f"the lists of {name} count from now on") if not as_json else None
    if as_json:
        about = {"exchange": name, "member": followed.member, "lists": list(preview.lists)}
        counts = {"days": preview.days, "uploads": preview.uploads, "matched": preview.matched}
        say_json(about | {"acting": acting} | counts | {"items": dict(preview.items)})


def _show_preview(name: str, preview: Preview) -> None:
    lists = ", ".join(preview.lists) or "none yet"
    say(f"{name} fills these lists: {lists}")
    uploads = counted(preview.uploads, "upload")
    say(f"they would have matched {preview.matched:,} of {uploads} of {preview.days:g} days")
    if preview.items:
        show_table(("item>", "uploads>"), preview.items)


def _agreed(name: str, as_json: bool) -> bool:
    """Ask whether the lists may count; without a terminal nobody agrees."""
    if as_json:
        return False
    if not sys.stdin.isatty():
        say(f"they do not count yet: `tocsin follow {name} --activate` lets them")
        return False
    return typer.confirm("let them count?", default=False, err=True)
