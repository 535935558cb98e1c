"""`tocsin keys`: API keys."""

from datetime import timedelta
from typing import Annotated

import typer

from tocsin.cli.clock import now
from tocsin.cli.options import ACTOR, AsJson, Data
from tocsin.cli.output import say, say_json, tell, warn
from tocsin.cli.records import open_records
from tocsin.cli.tables import show_table
from tocsin.keys import Key, Scope


def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The system that will use it.")],
    scopes: Annotated[
        list[Scope], typer.Option("--scope", help="What the key may do; repeat it.")
    ] = [Scope.SCREEN],  # noqa: B006 - typer copies it
    days: Annotated[
        float | None, typer.Option(min=0, max=36_525, help="Days until it runs out; else never.")
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Create an API key and print its token: this once, it is stored nowhere.

    Name the system that will use it, never a person.

    For example:
      tocsin keys create upload-service
      tocsin keys create sync --scope lists:read --scope lists:write --days 90
    """
    expires_at = None if days is None else now() + timedelta(days=days)
    with open_records(data) as records:
        made = records.keys.create(name, scopes, actor=ACTOR, expires_at=expires_at)
    if as_json:
        say_json(_fields(made.key) | {"token": made.token})
        return
    say(made.token)
    warn(f"key {made.key.id} for {', '.join(sorted(made.key.scopes))}; it is shown this once")


def show(data: Data = None, as_json: AsJson = False) -> None:
    """List the API keys, oldest first, without their tokens, which nobody has.

    For example:
      tocsin keys list
    """
    with open_records(data) as records:
        keys = records.keys.all()
    if as_json:
        for key in keys:
            say_json(_fields(key))
        return
    rows = [
        (key.id, key.name, ", ".join(sorted(key.scopes)), _state(key), f"{key.created_at:%Y-%m-%d}")
        for key in keys
    ]
    show_table(("key", "name", "scopes", "state", "created"), rows)


def revoke(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The id of the key, not its token.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Revoke an API key, for good. Every process refuses it within half a second.

    For example:
      tocsin keys revoke 0123456789abcdef
    """
    with open_records(data) as records:
        revoked = records.keys.revoke(key, actor=ACTOR)
    tell(as_json, f"revoked {revoked.id} ({revoked.name})", **_fields(revoked))


def _state(key: Key) -> str:
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%d}"
    if key.expires_at is None:
        return "valid"
    return ("valid until " if key.expires_at > now() else "ran out ") + f"{key.expires_at:%Y-%m-%d}"


def _fields(key: Key) -> dict[str, object]:
    return {
        "key": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "created_at": key.created_at.isoformat(),
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
    }
