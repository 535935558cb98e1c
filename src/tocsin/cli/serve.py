"""`tocsin serve`: one node."""

from functools import partial
from typing import Annotated, Literal

import typer

from tocsin.app import build
from tocsin.cli.options import AsJson, Data, settings
from tocsin.cli.output import flush, say, say_json
from tocsin.web.server import serve as serve_node


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address that the API listens on.  [default: 127.0.0.1]")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port of the API; 0 takes a free one.  [default: 8000]")
    ] = None,
    metrics_host: Annotated[
        str | None, typer.Option(help="Address of the metrics.  [default: 127.0.0.1]")
    ] = None,
    metrics_port: Annotated[
        int | None, typer.Option(help="Port of the metrics; -1: none.  [default: -1]")
    ] = None,
    children: Annotated[
        int | None, typer.Option(help="Sandboxed decoders kept ready.  [default: 4]")
    ] = None,
    sandbox: Annotated[
        Literal["required", "degraded"] | None,
        typer.Option(help="Whether to decode where a wall is missing.  [default: required]"),
    ] = None,
    dry_run: Annotated[
        bool | None, typer.Option("--dry-run", help="Record actions without carrying them out.")
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Serve one node: the API, and its metrics on a port of their own.

    Every other setting comes from `TOCSIN_…` variables or `tocsin.toml` in the data folder; see
    docs/operations.md. Stops in order on Ctrl-C or SIGTERM.

    For example:
      tocsin serve --data /var/lib/tocsin --port 8000
      tocsin serve --port 0 --metrics-port 9100 --json
    """
    chosen = settings(
        data,
        host=host,
        port=port,
        metrics_host=metrics_host,
        metrics_port=metrics_port,
        children=children,
        sandbox=sandbox,
        dry_run=dry_run,
    )
    with build(chosen) as node:
        serve_node(node, announce=partial(_announce, as_json))


def _announce(as_json: bool, api: str, metrics: str) -> None:
    if as_json:
        say_json({"api": api, "metrics": metrics})
        return
    say(f"serving {api}" + (f", metrics on {metrics}" if metrics else ""))
    say("Ctrl-C stops it")
    flush()
