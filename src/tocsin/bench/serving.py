"""A node in a process of its own, as an operator runs it: `tocsin serve`."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tocsin.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Served:
    """Where a node answers, and the number of its process."""

    host: str
    port: int
    process: int


@contextmanager
def served(data: Path) -> Iterator[Served]:
    """Run `tocsin serve` until the block ends. Raises Unavailable when it does not start."""
    environ = {key: one for key, one in os.environ.items() if not key.startswith("TOCSIN_")}
    command = [sys.executable, "-m", "tocsin.cli.main", "serve", "--port", "0", "--json"]
    with subprocess.Popen(  # noqa: S603 - our own program, our own arguments
        [*command, "--data", str(data)], stdout=subprocess.PIPE, env=environ, text=True
    ) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise Unavailable("the node did not start; what it said stands above")
            address = urlsplit(json.loads(line)["api"])
            yield Served(address.hostname or "", address.port or 0, process.pid)
        finally:
            process.terminate()
