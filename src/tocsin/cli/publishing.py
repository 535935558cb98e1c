"""`tocsin publish`, `opine`, `retract`, `supersede`, `erase`: what a member says at an exchange."""

from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from typing import Annotated, Literal

import typer

from tocsin.cli.clock import now
from tocsin.cli.exchanges import At, Audience, Person, Why, audience_of, open_following, put
from tocsin.cli.exits import Exit
from tocsin.cli.named import Files, Hashes, Labels, Links, Names, Note, Quality, Strict
from tocsin.cli.node import open_node
from tocsin.cli.options import AsJson, Data
from tocsin.cli.output import say, say_json
from tocsin.cli.statements import made
from tocsin.entries.parties import MEMBERS
from tocsin.entries.statements import (
    Assert,
    Basis,
    Erase,
    Opinion,
    Retract,
    SignalSaid,
    Supersede,
    Tlp,
    View,
    moment,
)
from tocsin.errors import InvalidInput
from tocsin.lists.vocabulary import VERSION, parse_labels
from tocsin.model import Signal

DAYS = 90.0
INCIDENT_DAYS = 1.0

Entry = Annotated[int, typer.Argument(metavar="ENTRY", min=0, help="Index of the item's entry.")]


def publish(
    name: At,
    files: Files = None,
    basis: Annotated[
        str,
        typer.Option(metavar="KIND:WHERE", help="law, designation or terms, and where in it."),
    ] = "",
    pdq: Hashes = None,
    sha256: Hashes = None,
    sha1: Hashes = None,
    md5: Hashes = None,
    url: Links = None,
    quality: Quality = None,
    labels: Labels = None,
    severity: Annotated[int, typer.Option(min=0, max=3, help="3 is a threat to life.")] = 1,
    territories: Annotated[
        list[str] | None, typer.Option("--territory", help="Where it counts, such as FR.")
    ] = None,
    days: Annotated[
        float | None,
        typer.Option(min=0.01, help="How long it counts.  [default: 90; in an incident 1]"),
    ] = None,
    allow: Annotated[bool, typer.Option("--allow", help="For the allow list.")] = False,
    incident: Annotated[str | None, typer.Option(help="The incident that it belongs to.")] = None,
    urgent: Annotated[bool, typer.Option("--urgent", help="Push it to all at once.")] = False,
    tlp: Annotated[Tlp, typer.Option(help="How readers may hand it on.")] = Tlp.AMBER,
    evidence: Annotated[str, typer.Option(help="Where you keep the evidence.")] = "",
    note: Note = "",
    audience: Audience = MEMBERS,
    person: Person = "",
    strict: Strict = False,
    data: Data = None,
    as_json: AsJson = False,
) -> int:
    """Tell the members of an exchange of known content. Files stay here; only their hashes go.

    Each file is one item, all hashes and links together are another. What was said can be taken
    back with `tocsin retract`.

    For example:
      tocsin publish gifct photo.jpg --label glorification --basis "designation:UN QDe.115"
      tocsin publish gifct --url https://example.org/manual --label instruction --basis terms:4.2
      tocsin publish gifct clip.jpg --basis law:CT1 --incident halle --urgent
    """
    days = days or (DAYS if incident is None else INCIDENT_DAYS)
    terms = {
        "list": "allow" if allow else "block",
        "labels": parse_labels(labels or ()),
        "vocabulary": VERSION,
        "severity": severity,
        "basis": _basis(basis),
        "territories": tuple(one.upper() for one in territories or ()),
        "expires_at": moment(now() + timedelta(days=days)),
        "tlp": tlp,
        "evidence": evidence,
        "note": note,
        "incident": incident,
        "audience": audience,
        "person": person,
    }
    names = Names.of(files, quality, pdq=pdq, sha256=sha256, sha1=sha1, md5=md5, url=url)
    left_out = 0
    with open_node(data) as node, closing(node.following.publisher(name)) as publisher:
        for one in names.items(node):
            if not one.signals:
                left_out += 1
                continue
            own = one.source != "given"
            said = made(Assert, signals=_said(one.signals), own_media=own, **terms)
            _tell(publisher.publish(said, urgent=urgent), one.source, as_json)
    return Exit.FAULTS if strict and left_out else Exit.OK


def opine(
    name: At,
    entry: Entry,
    view: Annotated[View, typer.Argument(metavar="VIEW", help="confirm, dispute, saw or flood.")],
    reason: Why = "",
    own_media: Annotated[
        bool, typer.Option("--own-media", help="You looked at a copy of your own.")
    ] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Say what you think of another member's item. A dispute stops automatic action everywhere.

    For example:
      tocsin opine gifct 1204 confirm --own-media
      tocsin opine gifct 1204 dispute --reason "a news report of 12 May"
    """
    with open_following(data) as following:
        audience = audience_of(following, name, entry)
        said = made(
            Opinion, of=entry, opinion=view, reason=reason, own_media=own_media, audience=audience
        )
        put(following, name, said, as_json)


def retract(
    name: At, entry: Entry, reason: Why, data: Data = None, as_json: AsJson = False
) -> None:
    """Take back an item of yours: it leaves every member's lists, and decisions are reopened.

    For example:
      tocsin retract gifct 1204 --reason "wrong file"
    """
    with open_following(data) as following:
        audience = audience_of(following, name, entry)
        said = made(Retract, of=entry, reason=reason, audience=audience)
        put(following, name, said, as_json, urgent=True)


def supersede(
    name: At,
    entry: Entry,
    by: Annotated[int, typer.Argument(metavar="BY", min=0, help="Index of the newer item.")],
    reason: Why,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Replace an item of yours by a newer one of yours.

    For example:
      tocsin supersede gifct 1204 1310 --reason "labels corrected"
    """
    with open_following(data) as following:
        audience = audience_of(following, name, entry)
        said = made(Supersede, of=entry, by=by, reason=reason, audience=audience)
        put(following, name, said, as_json)


def erase(
    name: At,
    entry: Entry,
    reason: Annotated[
        Literal["data-protection", "court-order", "error", "security"],
        typer.Option(help="Which kind of reason there is."),
    ],
    authority: Annotated[str, typer.Option(help="Who ordered it; everybody can read it.")] = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Have the content of an entry of yours destroyed at the exchange and at all members.

    For example:
      tocsin erase gifct 1204 --reason data-protection
    """
    with open_following(data) as following:
        put(following, name, made(Erase, of=entry, reason=reason, authority=authority), as_json)


def _basis(text: str) -> Basis:
    kind, _, where = text.partition(":")
    if not where.strip():
        raise InvalidInput(
            "an item needs a basis: its kind, and where in it",
            advice="For example --basis terms:4.2, or law:…, or designation:…",
        )
    return made(Basis, kind=kind.strip(), reference=where.strip())


def _said(signals: Sequence[Signal]) -> tuple[SignalSaid, ...]:
    return tuple(
        made(SignalSaid, type=one.type, value=one.text, quality=one.quality) for one in signals
    )


def _tell(index: int, source: str, as_json: bool) -> None:
    if as_json:
        say_json({"index": index, "type": "assert", "source": source})
    else:
        say(f"entry {index}: {source}")
