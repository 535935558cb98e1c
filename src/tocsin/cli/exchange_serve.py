"""`tocsin exchange serve`: one exchange over HTTP."""

from contextlib import closing
from functools import partial
from typing import Annotated

import typer

from tocsin.cli.clock import now
from tocsin.cli.exchange import Home
from tocsin.cli.options import AsJson
from tocsin.cli.output import flush, say, say_json
from tocsin.operating.exchange import Exchange
from tocsin.web.exchange.server import serve as serve_exchange


def serve(
    home: Home,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8100,
    metrics_host: Annotated[str, typer.Option(help="Address of the metrics.")] = "127.0.0.1",
    metrics_port: Annotated[
        int, typer.Option(min=-1, max=65535, help="Port of the metrics; -1: none.")
    ] = -1,
    proxies: Annotated[
        list[str] | None,
        typer.Option(
            "--proxy",
            metavar="ADDRESS",
            help="Address of a proxy whose X-Forwarded-For is believed; repeat it.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Serve an exchange. Behind a proxy that speaks TLS, or for trials on this machine.

    Recovers by itself whatever was cut short, asks the witnesses what they saw last before it signs
    anything, and refuses to start beside another one. Stops in order on Ctrl-C or SIGTERM.

    For example:
      tocsin exchange serve /srv/exchange --port 8100 --metrics-port 9100
    """
    with closing(Exchange.open(home, clock=now)) as exchange:
        serve_exchange(
            exchange,
            host,
            port,
            partial(_announce, as_json),
            metrics_host=metrics_host,
            metrics_port=metrics_port,
            proxies=proxies or (),
        )


def _announce(as_json: bool, address: str, metrics: str) -> None:
    if as_json:
        say_json({"exchange": address, "metrics": metrics})
        return
    say(f"serving {address}" + (f", metrics on {metrics}" if metrics else ""))
    say("Ctrl-C stops it")
    flush()
