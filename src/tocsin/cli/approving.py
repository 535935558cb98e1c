"""`tocsin approve`: what waits for a second member, and agreeing to it."""

from typing import Annotated

import typer

from tocsin.cli.clock import now
from tocsin.cli.exchanges import At, Person, Why, open_following, put, refresh
from tocsin.cli.options import AsJson, Data
from tocsin.cli.output import say_json
from tocsin.cli.statements import made
from tocsin.cli.tables import show_table
from tocsin.entries.judging import MAX_APPROVAL_WAIT
from tocsin.entries.register import Register, Request
from tocsin.entries.statements import Approve, MemberSaid, RuleSaid
from tocsin.errors import NotFound


def approve(
    name: At,
    entry: Annotated[
        int | None, typer.Argument(metavar="[ENTRY]", min=0, help="What to agree to.")
    ] = None,
    reason: Why = "",
    person: Person = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show what waits for approval, or agree to it, as another member than the one that asked.

    Stewards agree to rules, to suspensions where the rules say so, and to who becomes steward or
    coordinator; coordinators agree to incidents. What waits for longer than a week is void.

    For example:
      tocsin approve gifct
      tocsin approve gifct 17 --reason "as agreed in May"
    """
    with open_following(data) as following:
        refresh(following, name)
        register = following.dossier.register(name)
        waiting = {
            index: one
            for index, one in register.requests.items()
            if now() - one.at <= MAX_APPROVAL_WAIT
        }
        if entry is None:
            _show(register, waiting, as_json)
            return
        if entry not in waiting:
            raise NotFound(
                f"nothing waits for approval at entry {entry}",
                advice=f"`tocsin approve {name}` shows what does.",
            )
        audience = waiting[entry].statement.audience
        said = made(Approve, of=entry, reason=reason, audience=audience, person=person)
        put(following, name, said, as_json)


def _show(register: Register, waiting: dict[int, Request], as_json: bool) -> None:
    if as_json:
        for index, one in waiting.items():
            said = one.statement.model_dump(mode="json")
            approved = list(one.approved_by)
            say_json({"entry": index, "by": one.issuer, "approved_by": approved, "asks": said})
        return
    rows = [
        (index, one.issuer, _asked(register, one), one.statement.reason, ", ".join(one.approved_by))
        for index, one in waiting.items()
    ]
    show_table(("entry>", "asked by", "for", "because", "approved by"), rows)


def _asked(register: Register, request: Request) -> str:
    said = request.statement
    if isinstance(said, RuleSaid):
        present = register.rules.model_dump()
        changes = [f"{k}={v}" for k, v in said.rules.model_dump().items() if present[k] != v]
        return f"rules {' '.join(changes)}"
    if isinstance(said, MemberSaid):
        return " ".join((said.action, said.member, *sorted(said.roles)))
    return f"{said.action} {said.incident}"
