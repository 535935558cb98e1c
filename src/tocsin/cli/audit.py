"""`tocsin audit` and `tocsin exchange fsck`: check a whole exchange; 0 only when all verifies."""

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from tocsin.cli.clock import now
from tocsin.cli.exits import Exit
from tocsin.cli.options import AsJson
from tocsin.cli.output import counted, say, say_json, warn
from tocsin.cli.reading import read_text
from tocsin.cli.tables import progress
from tocsin.entries.auditing import Audited, audit
from tocsin.entries.invitation import Invitation
from tocsin.entries.translating import translated
from tocsin.errors import InvalidInput
from tocsin.exchange.errors import Malformed
from tocsin.exchange.keys import PublicKey
from tocsin.exchange.policy import Policy
from tocsin.exchange.tiles import WIDTH
from tocsin.operating.checking import check_folder
from tocsin.operating.folder import Folder
from tocsin.sharing.remote import Remote

SHOWN = 20
"""Findings that people are shown; `--json` gives all that were kept."""

Key = Annotated[
    str | None, typer.Option(metavar="VKEY", help="The log's public key, as its operator told it.")
]
PolicyFile = Annotated[
    Path | None,
    typer.Option("--policy", metavar="FILE", help="Log, witnesses and quorum (C2SP tlog-policy)."),
]


def audit_exchange(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="The exchange, or an invitation to it.")
    ],
    key: Key = None,
    policy: PolicyFile = None,
    as_json: AsJson = False,
) -> int:
    """Check a whole exchange from outside, with its key and nothing else. 0: all verifies.

    Everything is fetched and recomputed: checkpoint, tiles, the signature and chain of every entry,
    who was a member with which key, what everybody may read, and the cosignatures of the policy.
    Without a key from elsewhere the exchange's own word is taken for it, which a forger gives too.

    For example:
      tocsin audit https://exchange.example --key exchange.example/log+8c1f4a2e+AT…
      tocsin audit https://exchange.example --policy policy.txt --json
    """
    address, trusted = _trusted(url, key, policy)
    return _report(_audit(address, trusted or _told(address)), as_json)


def fsck(
    place: Annotated[
        str, typer.Argument(metavar="DIR|URL", help="Folder of the exchange, or its address.")
    ],
    key: Key = None,
    policy: PolicyFile = None,
    as_json: AsJson = False,
) -> int:
    """Check an exchange in its folder, or by its address as `tocsin audit` does. 0: all verifies.

    In the folder also what only the operator has: every content and, of an exchange that is not
    running, the lock record, what was to be erased, and the register.

    For example:
      tocsin exchange fsck /srv/exchange
      tocsin exchange fsck https://exchange.example --json
    """
    if "://" not in place:
        with progress("checking", "entries") as show:
            found = check_folder(Folder(Path(place)), clock=now, progress=show)
        return _report(found, as_json)
    address, trusted = _trusted(place, key, policy)
    return _report(_audit(address, trusted or _told(address)), as_json)


def _audit(address: str, policy: Policy) -> Audited:
    with (
        closing(Remote(address, local=True)) as remote,
        progress("checking", "entries") as show,
        translated(),
    ):
        return audit(remote, _reader(remote), remote.cosigned, policy, now=now(), progress=show)


def _reader(remote: Remote) -> Callable[[int, int], Sequence[bytes]]:
    """Read contents a bundle at a time, as the auditor asks for them."""
    return lambda start, end: remote.payloads(start // WIDTH, end - start)


def _trusted(url: str, key: str | None, file: Path | None) -> tuple[str, Policy | None]:
    """Return the address, and whom to trust if that was given."""
    if "#" in url:
        invitation = Invitation.parse(url)
        url, key = invitation.url, key or str(invitation.key)
    if file is not None:
        text = read_text(file)
        with translated():
            return url, Policy.parse(text.encode())
    return url, None if key is None else _policy_of(key)


def _told(address: str) -> Policy:
    """Take the exchange's own word for its key."""
    with closing(Remote(address, local=True)) as remote:
        key = remote.about().key
    warn(f"the exchange itself says that its key is {key}: compare it with what you were told")
    return _policy_of(key)


def _policy_of(key: str) -> Policy:
    try:
        return Policy.parse(f"log {PublicKey.parse(key)}\nquorum none\n".encode())
    except Malformed as error:
        raise InvalidInput(
            f"this is not the key of a log: {error}",
            advice="Copy all of it, as `tocsin exchange init` printed it: NAME+ID+KEY.",
        ) from error


def _report(found: Audited, as_json: bool) -> int:
    if as_json:
        say_json(_fields(found))
    else:
        _tell(found)
    return Exit.OK if found.clean else Exit.PROBLEM


def _tell(found: Audited) -> None:
    entries = found.entries
    lines = [f"{one.kind} {one.path}: {one.detail}" for one in found.log.findings]
    lines += [f"entry {one.index}, {one.code}: {one.detail}" for one in entries.findings]
    lines += found.others
    for line in lines[:SHOWN]:
        say(line)
    if len(lines) > SHOWN:
        say(f"and {counted(len(lines) - SHOWN, 'finding')} more; --json shows them")
    say(
        f"log of {found.log.size:,}: {counted(entries.signatures, 'signature')} verified; "
        f"contents: {entries.read:,} read, "
        f"{entries.erased:,} erased, {entries.closed:,} closed to us"
    )
    if found.witnesses:
        say(f"cosigned up to {found.cosigned_size:,} by {', '.join(found.witnesses)}")
    if found.unchecked:
        warn(found.unchecked)
    say("all verifies" if found.clean else "NOT everything verifies")


def _fields(found: Audited) -> dict[str, Any]:
    entries = found.entries
    return {
        "clean": found.clean,
        "size": found.log.size,
        "tiles": found.log.tiles,
        "bundles": found.log.bundles,
        "entries": entries.entries,
        "signatures_verified": entries.signatures,
        "read": entries.read,
        "erased": entries.erased,
        "closed": entries.closed,
        "unjudged": entries.unjudged,
        "faults": entries.faults,
        "cosigned_size": found.cosigned_size,
        "witnesses": list(found.witnesses),
        "log": [
            {"kind": one.kind, "path": one.path, "detail": one.detail} for one in found.log.findings
        ],
        "findings": [
            {"index": one.index, "code": one.code, "detail": one.detail, "fault": one.fault}
            for one in entries.findings
        ],
        "others": list(found.others),
        "unchecked": found.unchecked,
    }
