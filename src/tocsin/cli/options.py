"""Options that several commands share, and the settings that follow from them."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from tocsin.config import PREFIX, Settings, load

ACTOR = "cli"
"""Who acted, in the record, when a command did."""

DEBUG = f"{PREFIX}DEBUG"
"""Environment variable that shows tracebacks; of the command line alone, so not a setting."""

Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        envvar=f"{PREFIX}DATA",
        metavar="DIR",
        help="Folder of the database and the indices.  [default: tocsin-data]",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
ListName = Annotated[str, typer.Argument(metavar="LIST", help="Name of the list.")]


def settings(data: Path | None, **overrides: Any) -> Settings:  # noqa: ANN401 - checked by Settings
    """Read the settings of the node in `data`. Raises ConfigurationError."""
    environ = {key: value for key, value in os.environ.items() if key != DEBUG}
    return load(environ, data=data, **overrides)


def given(**options: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever the options hold
    """Keep the options that were given, so that the others keep their default or present value."""
    chosen = {key: value for key, value in options.items() if value is not None}
    return {key: tuple(one) if isinstance(one, list) else one for key, one in chosen.items()}
