"""`tocsin incident`: a crisis, from the first call to the debrief. It takes two members to open."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli.clock import now
from tocsin.cli.exchanges import At, Audience, Person, Why, open_following, put, refresh
from tocsin.cli.options import AsJson, Data
from tocsin.cli.output import say, say_json, warn
from tocsin.cli.statements import made
from tocsin.cli.tables import show_fields, show_table
from tocsin.entries.incidents import Incident
from tocsin.entries.parties import MEMBERS
from tocsin.entries.register import Register
from tocsin.entries.statements import Approve, IncidentSaid, IncidentType, moment
from tocsin.errors import InvalidInput, NotFound, Unavailable
from tocsin.sharing.following import Following

Id = Annotated[str, typer.Argument(metavar="INCIDENT", help="Its id, such as halle-2026.")]
Kind = Annotated[IncidentType, typer.Option(help="What kind of content it is about.")]
Title = Annotated[str, typer.Option(help="One line for people.")]
Hours = Annotated[float, typer.Option(min=0.01, help="When it ends by itself.")]
Territories = Annotated[
    list[str] | None, typer.Option("--territory", help="Where, such as DE; repeat it.")
]


def open_(
    name: At,
    incident: Id,
    title: Title,
    reason: Why,
    kind: Kind = IncidentType.PERPETRATOR_CONTENT,
    hours: Hours = 24,
    territories: Territories = None,
    drill: Annotated[bool, typer.Option("--drill", help="An exercise; nothing acts.")] = False,
    audience: Audience = MEMBERS,
    person: Person = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Ask for an incident to be opened. It is open when a coordinator of another member approves.

    For example:
      tocsin incident open gifct halle-2026 --title "Attack in Halle" --reason "live stream"
      tocsin incident open gifct drill-3 --drill --title "Exercise" --reason "yearly" --hours 2
    """
    said = made(
        IncidentSaid,
        action="open",
        incident=incident,
        kind=kind,
        title=title,
        reason=reason,
        ends_at=moment(now() + timedelta(hours=hours)),
        territories=tuple(one.upper() for one in territories or ()),
        drill=drill,
        audience=audience,
        person=person,
    )
    with open_following(data) as following:
        put(following, name, said, as_json, urgent=True)
        if not as_json:
            say(f"it waits for approval: `tocsin incident approve {name} {incident}`")


def decline(
    name: At,
    incident: Id,
    title: Title,
    reason: Why,
    kind: Kind = IncidentType.PERPETRATOR_CONTENT,
    audience: Audience = MEMBERS,
    person: Person = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Record that an event was assessed and not activated, and why. This is the usual outcome.

    For example:
      tocsin incident decline gifct riot-2026 --title "Riot" --reason "no perpetrator content"
    """
    said = made(
        IncidentSaid,
        action="decline",
        incident=incident,
        kind=kind,
        title=title,
        reason=reason,
        audience=audience,
        person=person,
    )
    with open_following(data) as following:
        put(following, name, said, as_json)


def approve(
    name: At,
    incident: Id,
    reason: Why = "",
    person: Person = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Agree that an incident be opened or extended, as another member than the one that asked.

    For example:
      tocsin incident approve gifct halle-2026 --reason "we see it too"
    """
    with open_following(data) as following:
        refresh(following, name)
        register = following.dossier.register(name)
        known = _known(register, incident)
        waiting = [
            index
            for index, one in register.requests.items()
            if isinstance(one.statement, IncidentSaid) and one.statement.incident == incident
        ]
        if not waiting:
            raise InvalidInput(f"nothing about {incident} waits for approval")
        said = made(Approve, of=max(waiting), reason=reason, audience=known.audience, person=person)
        put(following, name, said, as_json, urgent=True)


def extend(
    name: At,
    incident: Id,
    reason: Why,
    hours: Hours = 24,
    person: Person = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Ask for more time, from now. It is given when another member approves; else it ends.

    For example:
      tocsin incident extend gifct halle-2026 --hours 12 --reason "new copies every minute"
    """
    ends_at = moment(now() + timedelta(hours=hours))
    _say(
        data,
        as_json,
        name,
        incident,
        action="extend",
        reason=reason,
        ends_at=ends_at,
        person=person,
    )


def update(
    name: At,
    incident: Id,
    reason: Why,
    person: Person = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Add a line to the situation log.

    For example:
      tocsin incident update gifct halle-2026 --reason "third copy found, with a border"
    """
    _say(data, as_json, name, incident, action="update", reason=reason, person=person)


def close(
    name: At,
    incident: Id,
    reason: Why,
    counts: Annotated[
        list[str] | None, typer.Option("--count", metavar="WHAT=N", help="For the debrief.")
    ] = None,
    person: Person = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """End an incident, with figures for the debrief.

    For example:
      tocsin incident close gifct halle-2026 --reason "quiet" --count removed=870 --count restored=3
    """
    told = dict(_count(one) for one in counts or ())
    _say(data, as_json, name, incident, action="close", reason=reason, counts=told, person=person)


def show(
    name: At,
    incident: Annotated[str | None, typer.Argument(metavar="[INCIDENT]")] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show the incidents of an exchange, or one of them with its situation log.

    What is new is read first. If the exchange does not answer, it is what was known last.

    For example:
      tocsin incident show gifct
      tocsin incident show gifct halle-2026
    """
    with open_following(data) as following:
        try:
            refresh(following, name)
        except Unavailable as error:
            warn(f"what follows may be out of date: {error}")
        register = following.dossier.register(name)
        if incident is not None:
            _show_one(following, name, _known(register, incident), as_json)
            return
        found = register.incidents.values()
        if as_json:
            for one in found:
                say_json(_fields(one))
            return
        rows = [
            (one.id, one.phase(now()), "drill" if one.drill else one.kind, one.title, one.ends_at)
            for one in found
        ]
        show_table(("incident", "phase", "kind", "title", "ends"), [_texts(row) for row in rows])


def _say(data: Path | None, as_json: bool, name: str, incident: str, **fields: object) -> None:
    with open_following(data) as following:
        refresh(following, name)
        known = _known(following.dossier.register(name), incident)
        said = made(IncidentSaid, incident=incident, audience=known.audience, **fields)
        put(following, name, said, as_json, urgent=True)


def _known(register: Register, incident: str) -> Incident:
    known = register.incidents.get(incident)
    if known is None:
        raise NotFound(f"there is no incident {incident}", advice="`tocsin sync` fetches new ones.")
    return known


def _show_one(following: Following, name: str, one: Incident, as_json: bool) -> None:
    lines = following.dossier.situation(name, one.id)
    if as_json:
        say_json(_fields(one) | {"situation": lines})
        return
    show_fields(_fields(one))
    columns = ("entry", "received_at", "member", "action", "reason")
    show_table(
        ("entry>", "at", "member", "what", "because"),
        [_texts(tuple(line[column] for column in columns)) for line in lines],
    )


def _fields(one: Incident) -> dict[str, object]:
    return {
        "incident": one.id,
        "phase": one.phase(now()).value,
        "kind": one.kind.value,
        "title": one.title,
        "drill": one.drill,
        "audience": one.audience,
        "territories": list(one.territories),
        "reason": one.reason,
        "asked_by": one.asked_by,
        "approved_by": list(one.approved_by),
        "opened_at": one.opened_at,
        "ends_at": one.ends_at,
        "closed_at": one.closed_at,
        "counts": dict(one.counts),
    }


def _count(text: str) -> tuple[str, int]:
    what, _, number = text.partition("=")
    if not number.isdecimal():
        raise InvalidInput(f"{text!r} is not of the form WHAT=N")
    return what, int(number)


def _texts(row: tuple[object, ...]) -> tuple[str | None, ...]:
    return tuple(None if cell is None else str(cell) for cell in row)
