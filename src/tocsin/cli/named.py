"""What a command line names as items: files, hashes, links; and the options that say so."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from tocsin.app import Node
from tocsin.cli.output import warn
from tocsin.cli.parallel import in_parallel
from tocsin.cli.reading import listed_signal, read_item
from tocsin.errors import InvalidInput
from tocsin.intake import walk
from tocsin.model import Signal, SignalType

Files = Annotated[
    list[Path] | None, typer.Argument(metavar="FILE...", help="One item each; or folders.")
]
Hashes = Annotated[list[str] | None, typer.Option(metavar="HEX", help="Hash of the item.")]
Links = Annotated[list[str] | None, typer.Option(metavar="LINK", help="Link to the item.")]
Quality = Annotated[int | None, typer.Option(help="PDQ quality of the hashes, 0 to 100.")]
Labels = Annotated[list[str] | None, typer.Option("--label", help="Label of the items; repeat it.")]
Note = Annotated[str, typer.Option(help="Free text for people.")]
Strict = Annotated[bool, typer.Option(help="Exit with 4 if a file was left out.")]


@dataclass(frozen=True, slots=True)
class Named:
    """An item as it was named. `source` is its file, or "given"; no signals: it was left out."""

    source: str
    signals: tuple[Signal, ...]


@dataclass(frozen=True, slots=True)
class Names:
    """All that one command line names: each file is one item, all hashes and links another."""

    signals: tuple[Signal, ...]
    files: Sequence[Path]

    @classmethod
    def of(
        cls, files: Sequence[Path] | None, quality: int | None, **texts: Sequence[str] | None
    ) -> "Names":
        """Read hashes and links by type. Raises InvalidInput, also where nothing is named."""
        signals = tuple(
            listed_signal(type_, text, quality if type_.perceptual else None)
            for type_, some in ((SignalType(name), some) for name, some in texts.items())
            for text in some or ()
        )
        if not signals and not files:
            raise InvalidInput("no item was named", advice="Name a file, a hash or a link.")
        return cls(signals, files or ())

    def items(self, node: Node) -> Iterator[Named]:
        """Yield each item, files read in the sandbox; what is missing of one is said on stderr."""
        if self.signals:
            yield Named("given", self.signals)
        work = partial(read_item, node.decoder, limit_bytes=node.settings.max_upload_bytes)
        for read in in_parallel(node.settings.children, work, walk(self.files)):
            if read.problem:
                warn(f"{read.path}: {read.problem}")
            yield Named(str(read.path), read.signals)
