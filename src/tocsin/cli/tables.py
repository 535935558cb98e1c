"""Tables and progress for people. Frames and colour only on a terminal; progress on stderr."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import StringIO

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from tocsin.cli.output import plain, write
from tocsin.model import Verdict

Cell = str | int | float | Text | None

WIDE = 10_000
"""Columns of a table that a program reads: enough never to break a line."""

_COLOURS = {
    Verdict.ALLOW: "green",
    Verdict.LIMIT: "yellow",
    Verdict.HOLD: "bold yellow",
    Verdict.REFUSE: "bold red",
    Verdict.NOT_INSPECTABLE: "magenta",
}


def verdict_cell(verdict: Verdict) -> Text:
    """Return a verdict in its colour."""
    return Text(verdict.value, style=_COLOURS[verdict])


def show_table(headings: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Print a table; a heading that ends in ">" makes a column of numbers, set to the right."""
    console = Console()
    table = Table(box=box.SIMPLE_HEAD if console.is_terminal else None, pad_edge=False)
    for heading in headings:
        right = heading.endswith(">")
        table.add_column(
            heading.removesuffix(">"), justify="right" if right else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*(_cell(one) for one in row))
    _render(console, table)


def show_fields(rows: Iterable[tuple[str, Cell]]) -> None:
    """Print names and values below each other."""
    console = Console()
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        table.add_row(Text(name, style="bold"), _cell(value))
    _render(console, table)


@contextmanager
def progress(label: str, unit: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show progress on stderr while the block runs, if stderr is a terminal.

    Yields what the block calls with how much is done, of how much if that is known.
    """
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as shown:
        task = shown.add_task(label, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


def _cell(value: Cell) -> Text:
    if isinstance(value, Text):
        return value
    return Text("-" if value is None else plain(str(value)))


def _render(console: Console, table: Table) -> None:
    """Render first and write through the one door, which knows what to do when nobody reads."""
    file = StringIO()
    Console(
        file=file,
        width=console.width if console.is_terminal else WIDE,
        force_terminal=console.is_terminal,
        color_system="auto" if console.is_terminal else None,
    ).print(table)
    write("\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n")
