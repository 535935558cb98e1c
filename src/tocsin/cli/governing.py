"""`tocsin exchange …`: what the operator changes about members, groups and rules."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from tocsin.cli.clock import now
from tocsin.cli.exchange import Home, MemberId
from tocsin.cli.options import AsJson
from tocsin.cli.output import counted, say, say_json
from tocsin.cli.statements import made
from tocsin.cli.tables import show_table
from tocsin.entries.parties import Role
from tocsin.entries.statements import (
    Erase,
    GroupSaid,
    KeySaid,
    MemberSaid,
    Rules,
    RuleSaid,
    Statement,
)
from tocsin.errors import InvalidInput, NotFound
from tocsin.operating.commanding import read_register, tell
from tocsin.operating.folder import Folder

Why = Annotated[str, typer.Option("--reason", help="Why; everybody can read it.")]

_MEMBERS = "`tocsin exchange members` lists them, with their keys."


def suspend(home: Home, member: MemberId, reason: Why = "", as_json: AsJson = False) -> None:
    """Suspend a member: its new entries do not count, and it reads only what is public.

    Where the rules ask for approvals, and for a steward, it takes effect when a steward approves.

    For example:
      tocsin exchange suspend /srv/exchange alice --reason "key stolen"
    """
    _change_member(home, as_json, "suspend", member, reason=reason)


def reinstate(home: Home, member: MemberId, reason: Why = "", as_json: AsJson = False) -> None:
    """Let a suspended member take part again.

    For example:
      tocsin exchange reinstate /srv/exchange alice
    """
    _change_member(home, as_json, "reinstate", member, reason=reason)


def remove(home: Home, member: MemberId, reason: Why = "", as_json: AsJson = False) -> None:
    """Note that a member has left. What it said stays in the log.

    For example:
      tocsin exchange remove /srv/exchange alice --reason "contract ended"
    """
    _change_member(home, as_json, "leave", member, reason=reason)


def roles(
    home: Home,
    member: MemberId,
    roles: Annotated[list[Role], typer.Argument(metavar="ROLE…", help="All roles it has now.")],
    reason: Why = "",
    as_json: AsJson = False,
) -> None:
    """Set the roles of a member, in place of those it has.

    Once there is a steward, one agrees to who becomes steward or coordinator, and to which steward
    is none any more; and to a role that is taken where the rules ask for it.

    For example:
      tocsin exchange roles /srv/exchange alice contributor reviewer
    """
    _change_member(home, as_json, "role", member, roles=tuple(roles), reason=reason)


def revoke(
    home: Home,
    member: MemberId,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Id of the key, or the key, in hex.")],
    since: Annotated[
        int | None, typer.Option(min=0, help="From which entry on it does not count; else now.")
    ] = None,
    reason: Why = "",
    as_json: AsJson = False,
) -> None:
    """Revoke a member's key. Its items from that entry on go back into shadow everywhere.

    For example:
      tocsin exchange revoke /srv/exchange alice 8c1f… --since 1200 --reason "stolen"
    """
    known = read_register(Folder(home), now).members.get(member)
    if known is None:
        raise NotFound(f"{member} is no member", advice=_MEMBERS)
    public = next(
        (one.public.hex() for name, one in known.keys.items() if key in {name, one.public.hex()}),
        None,
    )
    if public is None:
        raise NotFound(f"{member} has no such key", advice=_MEMBERS)
    said = made(KeySaid, action="revoke", member=member, key=public, since=since, reason=reason)
    _tell(home, as_json, said)


def group(
    home: Home,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The group.")] = None,
    add: Annotated[list[str] | None, typer.Option(help="A member to add; repeat it.")] = None,
    drop: Annotated[
        list[str] | None, typer.Option("--remove", help="A member to take out; repeat it.")
    ] = None,
    dissolve: Annotated[bool, typer.Option("--dissolve", help="Take all members out.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the groups, or change who is in one. A group is an audience: only it reads what it says.

    For example:
      tocsin exchange group /srv/exchange
      tocsin exchange group /srv/exchange crisis --add alice --add bob
    """
    register = read_register(Folder(home), now)
    known = {one: found.members for one, found in register.groups.items()}
    if name is None or not (add or drop or dissolve):
        if name is not None and name not in known:
            raise NotFound(f"there is no group {name}", advice="`--add MEMBER` makes it.")
        _show_groups({one: known[one] for one in known if name in {None, one}}, as_json)
        return
    strangers = sorted(set(add or []) - register.members.keys())
    if strangers:
        raise NotFound(f"{', '.join(strangers)}: no such member", advice=_MEMBERS)
    before = known.get(name, frozenset())
    after = frozenset() if dissolve else (before | set(add or [])) - set(drop or [])
    if after == before:
        raise InvalidInput(f"{name} has just these members already")
    _tell(home, as_json, made(GroupSaid, audience=name, members=tuple(sorted(after))))


def rules(
    home: Home,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="RULE=NUMBER", help="Repeat it.")
    ] = None,
    reason: Why = "",
    as_json: AsJson = False,
) -> None:
    """Show the rules, or ask for others: they take effect once enough stewards approve.

    For example:
      tocsin exchange rules /srv/exchange
      tocsin exchange rules /srv/exchange --set asserts_per_day=5000 --reason "as agreed in May"
    """
    present = read_register(Folder(home), now).rules
    if not changes:
        if as_json:
            say_json(present.model_dump())
        else:
            show_table(("rule", "number>"), present.model_dump().items())
        return
    if not reason:
        raise InvalidInput("other rules need a reason", advice="Give it with --reason.")
    chosen = made(Rules, **(present.model_dump() | dict(_change(one) for one in changes)))
    index = _tell(home, as_json, made(RuleSaid, rules=chosen, reason=reason))
    if not as_json:
        approvals = counted(present.rule_approvals, "approval")
        say(f"they wait for {approvals} by stewards: `tocsin approve EXCHANGE {index}`")


def erase(
    home: Home,
    index: Annotated[int, typer.Argument(metavar="INDEX", min=0, help="The entry.")],
    reason: Annotated[
        Literal["data-protection", "court-order", "error", "security"],
        typer.Option(help="Which kind of reason there is."),
    ],
    authority: Annotated[str, typer.Option(help="Who ordered it; everybody can read it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Erase the content of an entry, here and at all members. Its leaf and all proofs stay.

    For example:
      tocsin exchange erase /srv/exchange 1200 --reason court-order --authority "court, case number"
    """
    _tell(home, as_json, made(Erase, of=index, reason=reason, authority=authority))


def _change_member(home: Path, as_json: bool, action: str, member: str, **more: Any) -> None:  # noqa: ANN401 - fields of MemberSaid
    _tell(home, as_json, made(MemberSaid, action=action, member=member, **more))


def _tell(home: Path, as_json: bool, statement: Statement) -> int:
    (index,) = tell(Folder(home), [statement], now)
    if as_json:
        say_json({"index": index, "type": statement.type})
    else:
        say(f"entry {index}")
    return index


def _show_groups(groups: Mapping[str, Collection[str]], as_json: bool) -> None:
    if as_json:
        for name, found in groups.items():
            say_json({"group": name, "members": sorted(found)})
        return
    rows = [(name, len(found), ", ".join(sorted(found))) for name, found in groups.items()]
    show_table(("group", "size>", "members"), rows)


def _change(text: str) -> tuple[str, int]:
    name, _, value = text.partition("=")
    if not value.isdecimal():
        raise InvalidInput(f"{text!r} is not of the form RULE=NUMBER")
    return name, int(value)
