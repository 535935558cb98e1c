"""The demo's second half: an exchange with three members on this machine, and one signal's way."""

import os
import shutil
import socket
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import httpx

from tocsin.cli.apart import make_key, serving, show
from tocsin.cli.audit import audit_exchange
from tocsin.cli.clock import now
from tocsin.cli.exchange import init
from tocsin.cli.follow import follow
from tocsin.cli.incidents import approve, open_
from tocsin.cli.output import flush, say
from tocsin.cli.publishing import publish
from tocsin.config import PREFIX
from tocsin.entries.parties import Kind, Role
from tocsin.errors import Unavailable
from tocsin.operating.commanding import invite
from tocsin.operating.folder import Folder
from tocsin.operating.invitations import check_terms

MEMBERS = ("alice", "bob", "carol")
NAME = "exchange"
INCIDENT = "sample-1"
PATIENCE_S = 20.0
_LOOK_S = 0.01
_ROLES = (Role.CONTRIBUTOR, Role.REVIEWER, Role.COORDINATOR)


def share(place: Path, known: Path, copy: Path) -> None:
    """Make an exchange, let three members in, and see one signal reach the others.

    `known` is what a member finds, `copy` an altered copy that turns up elsewhere. What an earlier
    run left in `place` goes first. Raises Unavailable.
    """
    home, nodes = place / "exchange", place / "members"
    for old in (home, nodes):
        shutil.rmtree(old, ignore_errors=True)
    os.environ[f"{PREFIX}EXCHANGE_LOCAL"] = "true"
    os.environ[f"{PREFIX}CHILDREN"] = "1"  # Three nodes start and end here, for a file or two.
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    say("\n5. Make an exchange, and let three members in.")
    show("exchange", "init", str(home), "--origin", "exchange.example/log", "--url", url)
    # It serves for a minute on this machine, and not every container lets a process leave it.
    init(home, "exchange.example/log", url, unsafe_network=True)
    show("exchange", "serve", str(home), "--port", str(port))
    with serving("exchange", "serve", str(home), "--port", str(port), key="exchange"):
        links = [_invite(home, member) for member in MEMBERS]
        for member, link in zip(MEMBERS, links, strict=True):
            words = ["follow", f"{url}/join#…", "--name", NAME, "--activate"]
            show(*words, "--data", str(nodes / member))
            follow(link, name=NAME, activate=True, data=nodes / member)
        _open_incident(nodes)
        _let_travel(nodes, known, copy)
        say("\n7. Check all of it from outside, with nothing but the log's key.")
        show("audit", url, "--key", "…")
        audit_exchange(links[0])


def _invite(home: Path, member: str) -> str:
    terms = check_terms(
        member=member, kind=Kind.PLATFORM, roles=_ROLES, name="", jurisdiction="FR", groups=()
    )
    return invite(Folder(home), terms, valid=timedelta(hours=1), clock=now).link


def _open_incident(nodes: Path) -> None:
    say("\n6. Open an incident, which takes two members, and let one signal travel.")
    words = ["--title", "Sample", "--reason", "to show it", "--hours", "1"]
    show("incident", "open", NAME, INCIDENT, *words, "--data", str(nodes / "alice"))
    open_(NAME, INCIDENT, "Sample", "to show it", hours=1, data=nodes / "alice")
    show("incident", "approve", NAME, INCIDENT, "--data", str(nodes / "bob"))
    approve(NAME, INCIDENT, data=nodes / "bob")


def _let_travel(nodes: Path, known: Path, copy: Path) -> None:
    """Serve two nodes, publish at the third, and time until both know the copy."""
    others = MEMBERS[1:]
    with ExitStack() as stack:
        addresses = [
            stack.enter_context(
                serving("serve", "--data", str(nodes / one), "--port", "0", key="api")
            )
            for one in others
        ]
        clients = [
            stack.enter_context(_client(address, make_key(nodes / one)))
            for address, one in zip(addresses, others, strict=True)
        ]
        for one, client in zip(others, clients, strict=True):
            say(f"   {one} screens {copy.name}: {_screened(client, copy)}")
        options = ["--incident", INCIDENT, "--urgent", "--basis", "terms:1"]
        show("publish", NAME, str(known), *options, "--data", str(nodes / "alice"))
        flush()
        publish(
            NAME,
            [known],
            basis="terms:1",
            incident=INCIDENT,
            urgent=True,
            data=nodes / "alice",
        )
        began = time.perf_counter()
        for one, client in zip(others, clients, strict=True):
            say(f"   {one} screens {copy.name}: {_until_held(client, copy, began)}")


def _client(address: str, token: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/octet-stream"}
    return httpx.Client(base_url=address, headers=headers, timeout=PATIENCE_S)


def _until_held(client: httpx.Client, copy: Path, began: float) -> str:
    while time.perf_counter() < began + PATIENCE_S:
        verdict = _screened(client, copy)
        if verdict != "allow":
            took_ms = 1000 * (time.perf_counter() - began)
            return f"{verdict}, {took_ms:.0f} ms after it was published, decoding included"
        time.sleep(_LOOK_S)
    raise Unavailable("the signal did not arrive", advice="`tocsin status` says why.")


def _screened(client: httpx.Client, copy: Path) -> str:
    answer = client.post("/v1/screen/file", content=copy.read_bytes()).raise_for_status()
    verdict: str = answer.json()["verdict"]
    return verdict


def _free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port
