"""`tocsin screen`: the road, for files, folders and links named on the command line."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from tocsin.app import Node
from tocsin.cli.exits import Exit
from tocsin.cli.node import open_node
from tocsin.cli.options import ACTOR, AsJson, Data
from tocsin.cli.output import say, say_json, warn
from tocsin.cli.parallel import in_parallel
from tocsin.cli.tables import Cell, progress, show_table, verdict_cell
from tocsin.intake import fetch, from_bytes, from_link, read_file, walk
from tocsin.model import Hit, ListKind, Reason, Screening, Undecodable, Upload, Verdict
from tocsin.recording.screenings import body, hit_fields
from tocsin.screening import Reading

MOST_ROWS = 100
"""Beyond so many rows, people are shown what did not pass, and how many did."""

_HEADINGS = ("path", "verdict", "distance>", "list", "view", "reason")


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asked for."""

    lists: Sequence[str]
    territory: str
    fetch: bool
    record: bool


def screen(
    targets: Annotated[
        list[str], typer.Argument(metavar="PATH|URL...", help="Files, folders, links.")
    ],
    lists: Annotated[
        list[str] | None, typer.Option("--list", help="Match against this list; repeat it.")
    ] = None,
    territory: Annotated[str, typer.Option(help="Country of the upload, such as DE.")] = "",
    fetch_links: Annotated[
        bool, typer.Option("--fetch", help="Fetch and screen what a link points to, too.")
    ] = False,
    record: Annotated[
        bool, typer.Option("--record/--no-record", help="Store the screening, and act on it.")
    ] = True,
    fail_on: Annotated[
        Verdict | None, typer.Option(help="Exit with 3 if a verdict is this or stronger.")
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> int:
    """Screen files, folders and links against the lists of this node.

    Each ends in a verdict with reasons, whatever is wrong with it: what cannot be read or decoded
    is `not_inspectable`. Symbolic links are not followed. The exit code is 0 when everything was
    screened, whatever the verdicts, unless --fail-on says otherwise.

    For example:
      tocsin screen photo.jpg
      tocsin screen uploads/ --list known --json
      tocsin screen uploads/ --fail-on hold && echo clean
      tocsin screen https://example.org/post/12
    """
    wish = Wish(lists or (), territory, fetch_links, record)
    strongest = Verdict.ALLOW
    with open_node(data) as node:
        _warn_if_blind(node)
        show = _show_json if as_json else _Rows()
        for name, screening in _screen_all(node, targets, wish, quiet=as_json):
            show(name, screening)
            strongest = max(strongest, screening.judgement.verdict, key=lambda one: one.strength)
        if isinstance(show, _Rows):
            show.end()
    return Exit.FAIL_ON if fail_on and strongest.strength >= fail_on.strength else Exit.OK


def _warn_if_blind(node: Node) -> None:
    if not any(rule.enabled and rule.kind is ListKind.BLOCK for rule in node.rules.all()):
        warn("no block list is in force, so nothing can match; `tocsin lists create` makes one")


def _screen_all(
    node: Node, targets: Sequence[str], wish: Wish, *, quiet: bool
) -> Iterator[tuple[str, Screening]]:
    names = chain.from_iterable(
        [target] if _is_link(target) else map(str, walk([Path(target)])) for target in targets
    )
    work = partial(_screen_one, node, wish)
    with progress("screening", "files") as show:
        for done, screened in enumerate(in_parallel(node.settings.children, work, names), start=1):
            if not quiet:
                show(done, None)
            yield screened


def _is_link(target: str) -> bool:
    return target.lower().startswith(("http://", "https://"))


def _screen_one(node: Node, wish: Wish, name: str) -> tuple[str, Screening]:
    upload = _take_in(node, wish, name)
    if isinstance(upload, Undecodable):
        reading = Reading((), obstacle=upload)
        upload = from_bytes(b"", name=name, territory=wish.territory)
    else:
        reading = node.road.read(upload)
    (screening,) = node.road.judge_many([upload], [reading], only=wish.lists)
    if wish.record:
        node.road.record(screening, actor=ACTOR).result()
        node.road.settle(screening)
    return name, screening


def _take_in(node: Node, wish: Wish, name: str) -> Upload | Undecodable:
    limit = node.settings.max_upload_bytes
    if not _is_link(name):
        return read_file(Path(name), limit_bytes=limit, territory=wish.territory)
    if wish.fetch:
        return fetch(name, node.fetcher, limit_bytes=limit, territory=wish.territory)
    return from_link(name, name=name, territory=wish.territory)


def _show_json(name: str, screening: Screening) -> None:
    # As the API answers; the record names signals by number, so that an erasure misses no copy.
    shown = body(screening, keep_name=False) | {"hits": [*map(hit_fields, screening.hits)]}
    fields = ("verdict", "hits", "reasons", "revision", "format")
    say_json({"path": name, "id": screening.id} | {key: shown[key] for key in fields})


class _Rows:
    """The rows of a table: all while they are few, what did not pass when they are many."""

    def __init__(self) -> None:
        self._rows: list[tuple[Verdict, tuple[Cell, ...]]] = []
        self._counts: Counter[Verdict] = Counter()

    def __call__(self, name: str, screening: Screening) -> None:
        verdict = screening.judgement.verdict
        self._counts[verdict] += 1
        if verdict is not Verdict.ALLOW or len(self._rows) < MOST_ROWS:
            self._rows.append((verdict, _row(name, screening)))

    def end(self) -> None:
        """Print the table and the sum."""
        total = self._counts.total()
        many = total > MOST_ROWS
        rows = [row for verdict, row in self._rows if not many or verdict is not Verdict.ALLOW]
        if rows:
            show_table(_HEADINGS, rows)
        sums = ", ".join(f"{self._counts[one]} {one}" for one in Verdict if self._counts[one])
        say(f"{total} screened: {sums}" if total else "nothing to screen")


def _row(name: str, screening: Screening) -> tuple[Cell, ...]:
    judgement = screening.judgement
    hit = screening.hits[0] if screening.hits else None
    return (
        name,
        verdict_cell(judgement.verdict),
        hit.distance if hit else None,
        hit.rule.name if hit else None,
        hit.view if hit else None,
        _because(judgement.reasons[0], hit),
    )


def _because(reason: Reason, hit: Hit | None) -> str:
    """Say what the other columns do not: of a match, why its list exists."""
    if hit is not None and reason.code == "matched":
        return hit.rule.reason or "matched"
    return "no match" if reason.code == "no_match" else reason.text
