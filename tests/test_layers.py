"""Imports go one way: faces, app, screening, capabilities, stages, ground.

The exchange is a library of its own: it knows nothing of the rest.
"""

import ast
from graphlib import TopologicalSorter
from itertools import product
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src" / "tocsin"

RANKS = (
    ("exchange",),
    ("model", "errors", "closing", "config", "safehttp", "sample"),
    ("intake", "decoding", "hashing", "matching", "deciding", "acting", "recording", "entries"),
    ("lists", "dispatching", "keys", "compiler"),
    ("trust",),
    ("sharing", "operating"),
    ("screening",),
    ("app",),
    ("cli", "web", "bench"),
)
RANK = {part: rank for rank, parts in enumerate(RANKS) for part in parts}

STARTS = {("cli", "web.server"), ("cli", "web.exchange.server"), ("cli", "web.exchange.witness")}
"""The command line is the one face that starts others."""

WAITS = {"cli.main", "cli.bench"}
"""What may import at run time, from one table each: commands, so that `--help` stays quick, and
benchmarks, so that each needs its own peer alone."""


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


TREES = {
    module_name(path): ast.parse(path.read_text())
    for path in sorted(SOURCE.rglob("*.py"))
    if path != SOURCE / "__init__.py"
}


def imports_of(name: str) -> set[str]:
    """Return the modules of ours that a module imports when it runs."""
    nodes = list(ast.walk(TREES[name]))
    blocks = [node for node in nodes if isinstance(node, ast.If)]
    for_types = {
        id(inner)
        for block in blocks
        if "TYPE_CHECKING" in ast.dump(block.test)
        for inner in ast.walk(block)
    }
    wanted = set()
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom) and id(node) not in for_types:
            origin = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            wanted |= {origin[:-1], *(origin + alias.name for alias in node.names)}
    return {one.removeprefix("tocsin.") for one in wanted} & set(TREES) - {name}


def may_import(importer: str, imported: str) -> bool:
    one, other = importer.partition(".")[0], imported.partition(".")[0]
    grounded = RANK[one] == RANK[other] == RANK["model"]
    starts = bool({(one, other), (one, imported)} & STARTS)
    return one == other or RANK[other] < RANK[one] or grounded or starts


def test_every_part_has_a_place_in_the_order() -> None:
    assert {name.partition(".")[0] for name in TREES} == set(RANK)


def test_a_module_imports_only_what_lies_below_it() -> None:
    pairs = [pair for name in TREES for pair in product([name], imports_of(name))]
    assert [pair for pair in pairs if not may_import(*pair)] == []


def test_no_module_reaches_itself() -> None:
    TopologicalSorter({name: imports_of(name) for name in TREES}).prepare()


def test_nothing_is_imported_inside_a_function() -> None:
    bodies = [
        (name, node)
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    hidden = [
        f"{name}:{inner.lineno}"
        for name, body in bodies
        for inner in ast.walk(body)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert hidden == []


def test_only_two_tables_import_by_name() -> None:
    calls = {name for name, tree in TREES.items() if "import_module" in ast.dump(tree)}
    assert calls <= WAITS
