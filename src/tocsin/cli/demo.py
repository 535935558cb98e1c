"""`tocsin demo`: everything once, with sample media, by the same commands that anybody types."""

import json
import os
import shlex
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import httpx
import typer

from tocsin import sample
from tocsin.cli.adding import import_list
from tocsin.cli.apart import make_key, serving, show
from tocsin.cli.demo_exchange import share
from tocsin.cli.lists import create
from tocsin.cli.output import flush, say
from tocsin.cli.reading import read_item
from tocsin.cli.records import open_records
from tocsin.cli.screen import screen
from tocsin.decoding.base import Limits
from tocsin.decoding.sandbox import Sandbox

LIST = "sample"
START_S = 60
PAUSE_S = 1


def demo(
    folder: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the sample media and the data go.")
    ] = Path(".demo"),
) -> None:
    """Show it all with sample media: import a list, screen a folder, serve a node, ask it, share.

    The media are drawn by code and show nothing. With a terminal the node serves until Ctrl-C;
    without one the command ends by itself. It may be run again and again.

    For example:
      tocsin demo
      tocsin demo --folder /tmp/demo
    """
    place = _usable(folder)
    data = place / "data"
    say(f"1. Draw harmless pictures, altered copies of them and strangers in {place}.")
    media = sample.write(place)
    _write_list(place / "known.jsonl", media.known)
    say("\n2. Import the known pictures as a list.")
    show("lists", "create", LIST, "--reason", "sample media", "--data", str(data))
    _make_list(data)
    show("lists", "import", LIST, str(place / "known.jsonl"), "--data", str(data))
    import_list(LIST, place / "known.jsonl", data=data)
    say("\n3. Screen the copies and the strangers.")
    uploads = media.altered[0].parent
    show("screen", str(uploads), "--data", str(data))
    screen([str(uploads)], data=data)
    say("\n4. Serve the node, make an API key, and screen one file over HTTP.")
    show("serve", "--data", str(data))
    flush()
    # Any free port: two may run at once.
    with serving("serve", "--data", str(data), "--port", "0", key="api") as address:
        token = make_key(data)
        _ask(address, token, media.altered[0])
        share(place, media.known[0], media.altered[0])
        _say_what_next(address, token, media.altered[1], data)
        flush()
        if sys.stdin.isatty() and sys.stdout.isatty():
            _wait_for_ctrl_c()


def _usable(folder: Path) -> Path:
    """Return the folder, made if need be, or another one where it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.mkdtemp(prefix="tocsin-demo-"))
    usable = os.access(folder, os.W_OK)
    return folder if usable else Path(tempfile.mkdtemp(prefix="tocsin-demo-"))


def _write_list(path: Path, known: tuple[Path, ...]) -> None:
    with Sandbox() as decoder, path.open("w") as file:
        for one in known:
            item = read_item(decoder, one, limit_bytes=Limits().file_bytes)
            signals = [
                {"type": signal.type.value, "signal": signal.text, "quality": signal.quality}
                for signal in item.signals
            ]
            file.write(json.dumps({"source_id": one.name, "signals": signals}) + "\n")


def _make_list(data: Path) -> None:
    with open_records(data) as records:
        present = any(rule.name == LIST for rule in records.rules.all())
    if not present:
        create(LIST, reason="sample media", data=data)


def _ask(address: str, token: str, path: Path) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "image/jpeg"}
    url = f"{address}/v1/screen/file"
    with httpx.Client(headers=headers, timeout=START_S) as client:
        client.post(url, content=path.read_bytes()).raise_for_status()  # Opens the connection.
        begun = time.perf_counter()
        answer = client.post(url, content=path.read_bytes()).raise_for_status().json()
        took_ms = 1000 * (time.perf_counter() - begun)
    hit = answer["hits"][0]
    say(f"   POST {url}  {path.name}")
    say(f"   {answer['verdict']}: {answer['reasons'][0]['text']}")
    say(f"   item {hit['item']}, distance {hit['distance']}, view {hit['view']}, {took_ms:.1f} ms")


def _say_what_next(address: str, token: str, path: Path, data: Path) -> None:
    program = shlex.quote(sys.argv[0]) if sys.argv[0].endswith("tocsin") else "tocsin"
    say(f"\nThe node answers at {address} with this API key, for a day:\n\n  {token}\n")
    say("Try next, in another terminal:\n")
    say(f"  curl -H 'Authorization: Bearer {token}' \\")
    say(f"    -F file=@{shlex.quote(str(path))} {address}/v1/screen/file")
    say(f"  curl {address}/ready")
    say(f"  {program} events --data {shlex.quote(str(data))}")
    say(f"  {program} doctor --data {shlex.quote(str(data))}")
    say(f"  {program} --help")


def _wait_for_ctrl_c() -> None:
    # The invitation stands inside the block: who reads it may answer before the next line runs. And
    # no `signal.pause`, which would sleep through a Ctrl-C that came just before it.
    try:
        say("\nCtrl-C stops the node.")
        flush()
        while True:
            time.sleep(PAUSE_S)
    except KeyboardInterrupt:
        say("\nstopped")
