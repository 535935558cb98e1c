"""Tables and progress for people. Frames and colour only on a terminal; progress on stderr."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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

_LEAST = 16
"""Columns that a word is left before it is broken, if it has as many."""

_GAP = 3
"""Columns between two of a table with a frame."""

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
    """Print a table; a heading that ends in ">" makes a column of numbers, set to the right.

    A terminal too narrow for its columns gets the rows one below the other instead.
    """
    console = Console()
    names = [one.removesuffix(">") for one in headings]
    cells = [[_cell(one) for one in row] for row in rows]
    if not cells:
        write("none\n")
        return
    least = [_least(name, [row[place] for row in cells]) for place, name in enumerate(names)]
    if console.is_terminal and sum(least) + _GAP * len(least) > console.width:
        for row in cells:
            _show_row(console, names, row)
            write("\n")
        return
    table = Table(box=box.SIMPLE_HEAD if console.is_terminal else None, pad_edge=False)
    for heading, name, width in zip(headings, names, least, strict=True):
        right = heading.endswith(">")
        table.add_column(
            name, justify="right" if right else "left", overflow="fold", min_width=width
        )
    for row in cells:
        table.add_row(*row)
    _render(console, table)


def show_fields(fields: Mapping[str, object]) -> None:
    """Print names and values below each other, as people say them."""
    names = [name.replace("_", " ") for name in fields]
    _show_row(Console(), names, [_cell(_words(value)) for value in fields.values()])


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


def _show_row(console: Console, names: Sequence[str], cells: Sequence[Text]) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")  # An ellipsis would cut a key or a hash short.
    for name, value in zip(names, cells, strict=True):
        table.add_row(Text(name, style="bold"), value)
    _render(console, table)


def _least(name: str, cells: Iterable[Text]) -> int:
    """Return how narrow a column may get: its heading stays whole, and all but long words."""
    words = (len(word) for cell in cells for word in cell.plain.split())
    return max(len(name), min(max(words, default=0), _LEAST))


def _words(value: object) -> str | None:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {one}" for key, one in value.items()) or None
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or None
    return None if value in {None, ""} else str(value)


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
