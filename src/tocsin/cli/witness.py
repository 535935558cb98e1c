"""`tocsin witness`: watch the logs of exchanges, and cosign what extends all that was seen."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli.clock import now
from tocsin.cli.options import AsJson
from tocsin.cli.output import flush, say, say_json
from tocsin.errors import InvalidInput
from tocsin.operating.watching import Watch, make_watch, open_watch
from tocsin.web.exchange.witness import serve_witness


def witness(
    home: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the witness.")],
    name: Annotated[
        str, typer.Option(help="Make the witness, of this name, such as witness.example/w.")
    ] = "",
    logs: Annotated[
        list[str] | None,
        typer.Option("--log", metavar="KEY", help="With --name: public key of a log; repeat it."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8200,
    metrics_host: Annotated[str, typer.Option(help="Address of the metrics.")] = "127.0.0.1",
    metrics_port: Annotated[
        int, typer.Option(min=-1, max=65535, help="Port of the metrics; -1: none.")
    ] = -1,
    as_json: AsJson = False,
) -> None:
    """Serve a witness (C2SP tlog-witness); with --name, make it first.

    It keeps the latest checkpoint of each log and cosigns only what extends that one, so that no
    log it watches can show two histories. The public key is printed: exchanges and members write it
    into their policy. Further logs are lines of the file `logs` in the folder; restart to read it.

    For example:
      tocsin witness /srv/witness --name witness.example/w --log exchange.example/log+…
      tocsin witness /srv/witness --port 8200
    """
    if logs and not name:
        raise InvalidInput(
            "--log goes with --name, when a witness is made",
            advice=f"Add a line to {home / 'logs'} instead.",
        )
    if name:
        make_watch(home, name, logs or [])
    with open_watch(home, clock=now) as watch:
        serve_witness(
            watch,
            host,
            port,
            partial(_announce, as_json, watch),
            metrics_host=metrics_host,
            metrics_port=metrics_port,
        )


def _announce(as_json: bool, watch: Watch, address: str, metrics: str) -> None:
    key = str(watch.witness.verifier)
    if as_json:
        say_json({"witness": address, "key": key, "logs": watch.origins, "metrics": metrics})
        return
    say(f"serving {address}" + (f", metrics on {metrics}" if metrics else ""))
    say(f"watching {', '.join(watch.origins) or 'no log yet'}")
    say(f"key {key}")
    say("Ctrl-C stops it")
    flush()
