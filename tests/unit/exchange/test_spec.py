"""The example in the specification is a log that verifies."""

import re
from hashlib import sha256
from pathlib import Path

import pytest

from logs import Objects, an_entry
from tocsin.exchange.fsck import check_published
from tocsin.exchange.keys import PublicKey

SPEC = Path(__file__).parents[3] / "docs" / "spec" / "exchange-log.md"
EXAMPLE = re.findall(r"```\n(.*?)```", SPEC.read_text().split("## Keys")[0], flags=re.DOTALL)


def dumped(text):
    """Read a dump: an offset and up to 16 bytes in each line."""
    return bytes.fromhex("".join(line[8:] for line in text.splitlines()))


@pytest.fixture
def objects():
    note, bundle, tile, _ = EXAMPLE
    return Objects(
        {
            "checkpoint": note.encode(),
            "tile/entries/000.p/2": dumped(bundle),
            "tile/0/000.p/2": dumped(tile),
        }
    )


def test_the_example_verifies_under_its_key(objects):
    report = check_published(objects, [PublicKey.parse(EXAMPLE[3].strip())])
    assert (report.findings, report.size) == ([], 2)


def test_the_example_can_be_recomputed_with_nothing_but_sha256(objects):
    leaves = [sha256(b"\0" + an_entry(number)).digest() for number in range(2)]
    assert b"".join(leaves) == objects["tile/0/000.p/2"]
    assert b"".join(b"\0\x08" + an_entry(n) for n in range(2)) == objects["tile/entries/000.p/2"]
