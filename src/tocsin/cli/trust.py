"""`tocsin trust`, `tocsin signals confirm|dispute`: items of others, and what a person decides."""

from typing import Annotated, Any

import typer

from tocsin.cli.exchanges import open_member
from tocsin.cli.items import ItemId
from tocsin.cli.options import ACTOR, AsJson, Data, ListName
from tocsin.cli.output import counted, say, say_json, warn
from tocsin.cli.tables import show_fields, show_table
from tocsin.model import Stage
from tocsin.trust.evidence import checks_json
from tocsin.trust.stages import Placed
from tocsin.trust.standing import Stood

Why = Annotated[str, typer.Option("--reason", help="Why: for the record, and for the exchange.")]
OwnMedia = Annotated[
    bool, typer.Option("--own-media", help="You hold a copy yourself and looked at it.")
]


def waiting(
    after: Annotated[int, typer.Option(help="Show items with ids above this one.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most items to show.")] = 100,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show the items of others that do not act in full, and what each waits for.

    For example:
      tocsin trust waiting
      tocsin trust waiting --limit 1000 --json
    """
    with open_member(data) as member:
        found = member.standing.waiting(after=after, limit=limit)
    if as_json:
        for one in found:
            say_json(_stands(one))
        return
    if not found:
        say("no item waits")
        return
    headings = ("item>", "list", "issuer", "stage", "since", "because")
    show_table(headings, map(_row, found))
    if len(found) == limit:
        warn(f"there may be more: --after {found[-1].item_id}")


def show(item: ItemId, data: Data = None, as_json: AsJson = False) -> None:
    """Show where an item of others stands, why, and all the evidence.

    For example:
      tocsin trust show 12
    """
    with open_member(data) as member:
        stood = member.standing.get(item)
    fields = _stands(stood) | _evidence(stood)
    if as_json:
        say_json(fields)
        return
    checks = {key: fields[key]["outcome"] for key in ("structure", "benign")}
    lines = fields | checks
    show_fields({key: one for key, one in lines.items() if key not in {"reasons", "opinions"}})
    show_table(("reason", "which means"), [(one.code, one.text) for one in stood.placed.reasons])
    if stood.evidence.opinions:
        opinions = [
            (one.party.member, one.stance.value, one.party.kind, one.party.jurisdiction)
            for one in stood.evidence.opinions
        ]
        show_table(("member", "says", "kind", "jurisdiction"), opinions)


def pin(
    item: ItemId,
    stage: Annotated[Stage, typer.Argument(metavar="STAGE", help="shadow, advisory, enforced.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Set the stage of an item of others by hand; then only a retraction and the breaker go before.

    For example:
      tocsin trust pin 12 enforced
    """
    with open_member(data) as member:
        _say_placed(item, member.standing.pin(item, stage, actor=ACTOR), as_json)


def unpin(item: ItemId, data: Data = None, as_json: AsJson = False) -> None:
    """Let the evidence decide again where an item stands.

    For example:
      tocsin trust unpin 12
    """
    with open_member(data) as member:
        _say_placed(item, member.standing.pin(item, None, actor=ACTOR), as_json)


def clear(item: ItemId, data: Data = None, as_json: AsJson = False) -> None:
    """Let an item act again that the flood breaker held back, and spare it for a day.

    It says nothing to anybody; `tocsin signals confirm` does, where the terms let it.

    For example:
      tocsin trust clear 12
    """
    with open_member(data) as member:
        member.standing.cleared(item, actor=ACTOR)
    if as_json:
        say_json({"item": item, "cleared": True})
    else:
        say(f"item {item} is spared by the breaker for a day")


def review(
    everything: Annotated[
        bool, typer.Option("--all", help="All items, not only those that are due.")
    ] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Place items anew on the evidence; a serving node does so every minute.

    For example:
      tocsin trust review
      tocsin trust review --all
    """
    with open_member(data) as member:
        done = member.standing.review(everything=everything)
    if as_json:
        say_json({"seen": done.seen, "moved": done.moved, "reopened": done.reopened})
    else:
        decisions = counted(done.reopened, "decision")
        say(f"{counted(done.seen, 'item')} reviewed, {done.moved:,} moved, {decisions} reopened")


def confirm(
    name: ListName,
    item: ItemId,
    reason: Why = "",
    own_media: OwnMedia = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Say that a person looked at what an item matches, and that it is what it was listed as.

    It acts again where the flood breaker held it back, and is spared for a day. The exchange that
    it came from is told if its terms let `confirm` out.

    For example:
      tocsin signals confirm known 12 --reason "reviewed with the team" --own-media
    """
    with open_member(data) as member:
        told = member.decisions.confirm(name, item, actor=ACTOR, reason=reason, own_media=own_media)
    _say_told(f"confirmed {name}/{item}", item, told, as_json)


def dispute(
    name: ListName,
    item: ItemId,
    reason: Why = "",
    own_media: OwnMedia = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Say that an item of somebody else is not what it was listed as: it holds at most.

    What was decided because of it is reopened. The exchange that it came from is told if its terms
    let `dispute` out. `tocsin signals confirm` takes it back.

    For example:
      tocsin signals dispute gifct 12 --reason "a news report"
    """
    with open_member(data) as member:
        told = member.decisions.dispute(name, item, actor=ACTOR, reason=reason, own_media=own_media)
    _say_told(f"disputed {name}/{item}", item, told, as_json)


def _say_told(done: str, item: int, told: int, as_json: bool) -> None:
    if as_json:
        say_json({"item": item, "told": told})
    else:
        say(f"{done}; {counted(told, 'exchange')} will be told")


def _say_placed(item: int, placed: Placed, as_json: bool) -> None:
    if as_json:
        say_json({"item": item} | _placed(placed))
    else:
        say(f"item {item} is {_stage(placed)}: {placed.reasons[0].text}")


def _placed(placed: Placed) -> dict[str, Any]:
    return {
        "stage": placed.stage.value,
        "disputed": placed.disputed,
        "reasons": [{"code": one.code, "text": one.text} for one in placed.reasons],
        "due_at": placed.due_at.isoformat() if placed.due_at else None,
    }


def _stands(stood: Stood) -> dict[str, Any]:
    return {
        "item": stood.item_id,
        "list": stood.list,
        "exchange": stood.exchange,
        "issuer": stood.evidence.issuer.member,
        "since": stood.since.isoformat(),
    } | _placed(stood.placed)


def _evidence(stood: Stood) -> dict[str, Any]:
    found = stood.evidence
    return {
        "received_at": found.received_at.isoformat(),
        "incident": found.incident,
        "pinned": found.pinned.value if found.pinned else None,
        "retracted": found.retracted,
        "tripped": found.tripped,
        "matches_in_shadow": found.matches,
        "items_of_issuer_in_a_day": found.issuer_items,
        **checks_json(found.structure, found.benign),
        "opinions": [
            {
                "member": one.party.member,
                "says": one.stance.value,
                "own_media": one.own_media,
                "at": one.at.isoformat(),
            }
            for one in found.opinions
        ],
    }


def _row(stood: Stood) -> tuple[str | int, ...]:
    codes = ", ".join(dict.fromkeys(one.code for one in stood.placed.reasons))
    since = f"{stood.since:%Y-%m-%d %H:%M}"
    issuer = stood.evidence.issuer.member
    return stood.item_id, stood.list, issuer, _stage(stood.placed), since, codes


def _stage(placed: Placed) -> str:
    return f"{placed.stage}, disputed" if placed.disputed else placed.stage.value
