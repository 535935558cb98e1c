"""`tocsin exchange`: make an exchange, and let members in."""

from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from tocsin.cli.clock import now
from tocsin.cli.options import AsJson
from tocsin.cli.output import say, say_json, warn
from tocsin.cli.reading import read_text
from tocsin.cli.tables import show_fields, show_table
from tocsin.entries.parties import Kind, Member, Role
from tocsin.operating.commanding import invite as invite_member
from tocsin.operating.commanding import read_register
from tocsin.operating.exchange import Exchange
from tocsin.operating.folder import Folder
from tocsin.operating.invitations import check_terms
from tocsin.operating.settings import NO_WITNESSES

Home = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the exchange.")]
MemberId = Annotated[str, typer.Argument(metavar="MEMBER", help="The member's id.")]


def init(
    home: Home,
    origin: Annotated[
        str, typer.Option(help="Name of the log, such as exchange.example/log; never changes.")
    ],
    url: Annotated[str, typer.Option(help="Where members reach it; https, but for trials.")],
    operator: Annotated[str, typer.Option(help="The operator's id as a member.")] = "operator",
    name: Annotated[str, typer.Option(help="The operator's name for people.")] = "",
    witnesses: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Whom to ask for cosignatures (C2SP tlog-policy)."),
    ] = None,
    unsafe_network: Annotated[
        bool, typer.Option("--unsafe-network", help="Let the signer keep its network.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make an exchange: its keys, its log, and its operator as the first member.

    The log's public key is printed: it is what members pin. Keep a copy of the folder's `signer`
    and `operator.key` where nobody else gets at them; docs/exchange.md says what each is for.

    For example:
      tocsin exchange init /srv/exchange --origin exchange.example/log --url https://exchange.example
    """
    with closing(
        Exchange.create(
            home,
            origin=origin,
            url=url,
            operator=operator,
            clock=now,
            unsafe_network=unsafe_network,
            operator_name=name,
            witnesses=NO_WITNESSES if witnesses is None else read_text(witnesses),
        )
    ) as exchange:
        made = {"origin": exchange.origin, "url": exchange.url, "key": str(exchange.verifier)}
    if as_json:
        say_json(made)
        return
    show_fields(made)
    say(f"next: `tocsin exchange invite {home} MEMBER`, `tocsin exchange serve {home}`")


def invite(
    home: Home,
    member: MemberId,
    kind: Annotated[Kind, typer.Option(help="What kind of organisation it is.")] = Kind.PLATFORM,
    roles: Annotated[
        list[Role] | None, typer.Option("--role", help="What it may do; repeat it.")
    ] = None,
    groups: Annotated[
        list[str] | None, typer.Option("--group", help="A group it will be in; repeat it.")
    ] = None,
    name: Annotated[str, typer.Option(help="Its name for people; others read it.")] = "",
    jurisdiction: Annotated[str, typer.Option(help="Where it is: a code such as DE.")] = "",
    days: Annotated[float, typer.Option(min=0.01, max=90, help="Days until it runs out.")] = 14,
    as_json: AsJson = False,
) -> None:
    """Invite a member: print a link that can be used once, by `tocsin follow LINK`.

    The link holds a secret and the key to pin: send it by a way that you and the member trust. Once
    there is a steward, one agrees before the newcomer is steward or coordinator; all else it is at
    once.

    For example:
      tocsin exchange invite /srv/exchange alice --role contributor --role reviewer
      tocsin exchange invite /srv/exchange police --kind authority --jurisdiction DE --group crisis
    """
    terms = check_terms(
        member=member,
        kind=kind,
        name=name,
        jurisdiction=jurisdiction,
        roles=tuple(roles or [Role.READER]),
        groups=tuple(groups or []),
    )
    valid = timedelta(days=days)
    made = invite_member(Folder(home), terms, valid=valid, clock=now)
    if as_json:
        say_json({"member": member, "link": made.link, "expires_at": (now() + valid).isoformat()})
        return
    say(made.link)
    warn(f"for {member}, once, until {now() + valid:%Y-%m-%d %H:%M} UTC")


def members(home: Home, as_json: AsJson = False) -> None:
    """List the members, with their keys.

    For example:
      tocsin exchange members /srv/exchange
    """
    register = read_register(Folder(home), now)
    found = sorted(register.members.values(), key=lambda one: one.joined)
    if as_json:
        for one in found:
            say_json(_fields(one))
        return
    headings = ("member", "kind", "roles", "state", "joined at>", "keys", "name")
    show_table(headings, [_row(one) for one in found])


def _row(member: Member) -> tuple[str | int, ...]:
    keys = [
        f"{name} (revoked)" if key.revoked_since is not None else name
        for name, key in member.keys.items()
    ]
    return (
        member.id,
        member.kind,
        ", ".join(sorted(member.roles)),
        "active" if member.active else f"suspended since {member.suspended_since}",
        member.joined,
        ", ".join(keys),
        member.name,
    )


def _fields(member: Member) -> Mapping[str, Any]:
    keys = [
        {"key": name, "public": key.public.hex(), "revoked_since": key.revoked_since}
        for name, key in member.keys.items()
    ]
    return {
        "member": member.id,
        "kind": member.kind,
        "name": member.name,
        "jurisdiction": member.jurisdiction,
        "roles": sorted(member.roles),
        "joined": member.joined,
        "suspended_since": member.suspended_since,
        "keys": keys,
    }
