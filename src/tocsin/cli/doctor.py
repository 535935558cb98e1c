"""`tocsin doctor`: what this node stands on, and what is wrong with it."""

import importlib.metadata
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.text import Text

from tocsin.app import WALLS, Node, build
from tocsin.cli.exits import Exit
from tocsin.cli.options import AsJson, Data, settings
from tocsin.cli.output import counted, say, say_json
from tocsin.cli.tables import show_table
from tocsin.config import Settings
from tocsin.errors import TocsinError
from tocsin.hashing.pdq_kernel import shrink
from tocsin.recording.actions import ActionState

LEAST_FREE_BYTES = 2**30
"""Free disk below which the database may soon fail to write."""

_PACKAGES = ("tocsin", "numba", "numpy", "pillow", "sqlalchemy", "fastapi")
_EXTRAS = {"heic": "pi-heif", "postgres": "psycopg", "bench": "faiss-cpu"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    well: bool
    detail: str


def doctor(data: Data = None, as_json: AsJson = False) -> int:
    """Check this node: sandbox, database, indices, kernels, disk. Changes nothing.

    Ends with 1 when something is wrong.

    For example:
      tocsin doctor
      tocsin doctor --json
    """
    checks = list(_check(settings(data)))
    problems = [f"{one.name}: {one.detail}" for one in checks if not one.well]
    if as_json:
        say_json({"well": not problems, "problems": problems, "checks": [*map(asdict, checks)]})
    else:
        show_table(("", "what", "how it is"), map(_row, checks))
        say(counted(len(problems), "problem") if problems else "all is well")
    return Exit.PROBLEM if problems else Exit.OK


def _check(chosen: Settings) -> Iterator[Check]:
    yield from _check_versions()
    yield _check_kernels()
    if not chosen.data.exists():
        yield Check("data", False, f"{chosen.data} does not exist; a first command makes it")
        return
    yield _check_disk(chosen.data)
    try:
        with build(chosen, merge=False) as node:
            yield from _check_node(node)
    except TocsinError as error:
        yield Check("node", False, f"{error}. {error.advice}")


def _check_versions() -> Iterator[Check]:
    found = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)
    yield Check("versions", True, f"{found}, Python {platform.python_version()}")
    extras = [name for name, package in _EXTRAS.items() if _installed(package)]
    yield Check("extras", True, ", ".join(extras) or "none")
    yield Check("machine", True, f"{os.cpu_count()} cores, {platform.platform()}")


def _installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _check_kernels() -> Check:
    place = shrink.stats.cache_path
    if place is None or not os.access(place, os.W_OK):
        return Check("kernels", False, f"{place} cannot be written: each start compiles anew")
    return Check("kernels", True, f"compiled once, kept in {place}")


def _check_disk(folder: Path) -> Check:
    free = shutil.disk_usage(folder).free
    return Check("disk", free >= LEAST_FREE_BYTES, f"{free / 2**30:.1f} GiB free at {folder}")


def _check_node(node: Node) -> Iterator[Check]:
    yield Check("database", True, f"{node.store.dialect}, revision {node.store.revision()}")
    required = node.settings.sandbox == "required"
    for wall in node.decoder.walls():
        well = wall.stands or not (required and wall.name in WALLS)
        yield Check(f"wall {wall.name}", well, wall.detail)
    yield from _check_indices(node)
    counts = node.dispatcher.counts()
    dead = counts.get(ActionState.DEAD, 0)
    text = ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "none"
    yield Check("actions", not dead, text)
    yield from (Check("node", False, problem) for problem in node.problems())


def _check_indices(node: Node) -> Iterator[Check]:
    node.indices.refresh()
    sizes = node.indices.sizes()
    for rule in node.rules.all():
        for type_, stored in node.items.count(rule.name).items():
            if type_ == "items":
                continue
            name = f"{rule.name}/{type_}"
            found = sizes.get(name, 0)
            detail = f"{found} signals, {stored} in the database"
            yield Check(f"index {name}", found == stored, detail)


def _row(check: Check) -> tuple[Text, str, str]:
    mark = Text("ok", style="green") if check.well else Text("!!", style="bold red")
    return mark, check.name, check.detail
