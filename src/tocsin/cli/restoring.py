"""`tocsin exchange restore`: make an exchange anew from its keys and any mirror of its log."""

from contextlib import closing
from typing import Annotated

import typer

from tocsin.cli.clock import now
from tocsin.cli.exchange import Home
from tocsin.cli.options import AsJson
from tocsin.cli.output import counted, say, say_json
from tocsin.cli.tables import progress
from tocsin.operating.commanding import read_register
from tocsin.operating.folder import Folder
from tocsin.operating.restoring import restore_log
from tocsin.sharing.remote import Remote


def restore(
    home: Home,
    source: Annotated[
        str, typer.Option("--from", metavar="URL", help="Where a copy of the log is served.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Restore an exchange whose log was lost, or what its signer remembers.

    DIR has `exchange.toml`, `signer/key` and `operator.key`, and the latest backup there is of
    `payloads.db` or `register.json`. Everything that is fetched is verified. Whoever confirms
    answers for it that nobody has seen more of the log: `tocsin status` tells it at each member.

    For example:
      tocsin exchange restore /srv/exchange --from https://mirror.example/log
    """

    def agree(size: int) -> None:
        if not yes:
            asked = f"has nobody, no member and no witness, seen more than {size} entries?"
            typer.confirm(asked, abort=True, err=True)

    with closing(Remote(source, local=True)) as remote, progress("fetching", "entries") as show:
        size = restore_log(Folder(home), remote, agree=agree, progress=show)
    members = len(read_register(Folder(home), now).members)
    if as_json:
        say_json({"size": size, "members": members})
    else:
        say(f"log of {size:,} with {counted(members, 'member')}; `tocsin exchange fsck {home}`")
