"""`tocsin bench`: figures of this machine, ours and the best peer's from the same run."""

import importlib
from typing import Annotated, Any

import typer

from tocsin.cli.options import AsJson
from tocsin.cli.output import say_json, warn
from tocsin.cli.tables import show_fields
from tocsin.errors import InvalidInput
from tocsin.model import MAX_RADIUS, PDQ_RADIUS

BENCHES = {
    "match": "tocsin.bench.match",
    "hash": "tocsin.bench.hash",
    "freshness": "tocsin.bench.freshness",
    "http": "tocsin.bench.http",
    "sandbox": "tocsin.bench.sandbox",
    "append": "tocsin.bench.append",
    "propagate": "tocsin.bench.propagate",
    "catchup": "tocsin.bench.catchup",
}
"""Where each benchmark lives. Loaded by name, as each needs peers that the others do not."""

STABLE = {
    "match": "signals ours_us peer peer_us ratio recall bytes_per_signal",
    "hash": "size_px ours_ms peer_ms ratio bits_differing_max",
    "freshness": "add_to_match_ms_p50 add_to_match_ms_p99",
    "http": "photo_p50_ms lookups_per_s",
    "propagate": "followers full_nodes p50_ms p99_ms",
    "catchup": "entries seconds signatures_verified",
}
"""What `--json` prints: other programs rely on these keys, and on there being no others."""

Signals = Annotated[int, typer.Option(min=1, help="How many signals are on the list.")]
Size = Annotated[int, typer.Option(min=16, max=20_000, help="Long side in pixels.")]
Details = Annotated[
    bool, typer.Option("--details", help="With --json, print every figure that was taken.")
]


def match(
    signals: Signals = 1_000_000,
    queries: Annotated[int, typer.Option(min=1, help="How many look-ups to time.")] = 1000,
    radius: Annotated[
        int, typer.Option(min=0, max=MAX_RADIUS, help="In bits; large ones are scanned for.")
    ] = PDQ_RADIUS,
    details: Details = False,
    as_json: AsJson = False,
) -> None:
    """Exact look-up within a radius, on one core, beside the best of FAISS's exact indices.

    For example:
      tocsin bench match --signals 1000000
      tocsin bench match --signals 10000000 --json
      tocsin bench match --radius 64 --json --details
    """
    figures = _run("match", signals=signals, queries=queries, radius=radius)
    _show("match", figures, as_json, details)


def hash_(
    size: Size = 1280,
    decode: Annotated[bool, typer.Option("--decode", help="From the JPEG file on.")] = False,
    details: Details = False,
    as_json: AsJson = False,
) -> None:
    """PDQ of a photo, beside pdqhash: the kernel alone, or with decoding.

    For example:
      tocsin bench hash --size 4000
      tocsin bench hash --size 4000 --decode --json
    """
    _show("hash", _run("hash", size=size, decode=decode), as_json, details)


def freshness(
    signals: Signals = 1_000_000, details: Details = False, as_json: AsJson = False
) -> None:
    """From adding a signal to matching it, with other look-ups under way.

    For example:
      tocsin bench freshness --signals 1000000 --json
    """
    _show("freshness", _run("freshness", signals=signals), as_json, details)


def http(signals: Signals = 1_000_000, details: Details = False, as_json: AsJson = False) -> None:
    """Photos and look-ups over HTTP, sandbox and all views included.

    For example:
      tocsin bench http --signals 1000000 --json
    """
    _show("http", _run("http", signals=signals), as_json, details)


def sandbox(
    size: Size = 640,
    details: Details = False,
    as_json: AsJson = False,
) -> None:
    """Say what the sandbox adds to the decoding of a file.

    For example:
      tocsin bench sandbox --json
    """
    _show("sandbox", _run("sandbox", size=size), as_json, details)


def append(
    seconds: Annotated[float, typer.Option(min=0.1, help="How long to append.")] = 5.0,
    details: Details = False,
    as_json: AsJson = False,
) -> None:
    """Say how fast the exchange's log takes entries, and how long each waits to be durable.

    For example:
      tocsin bench append --json
    """
    _show("append", _run("append", seconds=seconds), as_json, details)


def propagate(
    followers: Annotated[int, typer.Option(min=1, help="How many followers listen.")] = 1000,
    full_nodes: Annotated[
        int, typer.Option(min=0, help="How many of them store, list, index and match.")
    ] = 4,
    frozen: Annotated[
        int, typer.Option(min=0, help="How many more never read, in every second turn.")
    ] = 0,
    details: Details = False,
    as_json: AsJson = False,
) -> None:
    """From publishing an urgent signal to its being verified and matchable at all followers.

    For example:
      tocsin bench propagate --followers 1000 --json
      tocsin bench propagate --followers 1000 --frozen 50 --json --details
    """
    figures = _run("propagate", followers=followers, full_nodes=full_nodes, frozen=frozen)
    _show("propagate", figures, as_json, details)


def catchup(
    entries: Annotated[int, typer.Option(min=1, help="How long the log is.")] = 1_000_000,
    details: Details = False,
    as_json: AsJson = False,
) -> None:
    """Catch up with a long log: every signature verified, every item listed and matchable.

    For example:
      tocsin bench catchup --entries 1000000 --json
    """
    _show("catchup", _run("catchup", entries=entries), as_json, details)


def _run(name: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - each benchmark's own
    """Load a benchmark and run it. Raises InvalidInput where its peer is not installed."""
    try:
        module = importlib.import_module(BENCHES[name])
    except ModuleNotFoundError as error:
        raise InvalidInput(
            f"the peer {error.name} is not installed",
            advice="In a clone of Tocsin: pip install '.[bench]'",
        ) from error
    figures: dict[str, Any] = module.run(**options)
    return figures


def _show(name: str, figures: dict[str, Any], as_json: bool, details: bool) -> None:
    if not as_json:
        show_fields({key: _grouped(value) for key, value in figures.items()})
        warn("figures of a busy machine say little; see docs/performance.md")
        return
    stable = STABLE.get(name, "").split()
    chosen = figures if details or not stable else {key: figures[key] for key in stable}
    say_json(chosen)


def _grouped(value: object) -> object:
    return f"{value:,}" if isinstance(value, int) else value
