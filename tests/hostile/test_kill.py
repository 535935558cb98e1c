"""A node killed at any instruction neither loses nor doubles what it acknowledged.

A child process adds and removes items as fast as it can while its indices merge, and says what was
acknowledged; it is killed with SIGKILL at a random moment, and everything is compared.
"""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from clocks import FakeClock
from signals import pdq
from tocsin.lists.indices import Indices
from tocsin.lists.recognising import Recogniser
from tocsin.lists.rules import ListDraft, Rules
from tocsin.model import View
from tocsin.recording import tables
from tocsin.recording.store import Store

CHILD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from signals import pdq
from tocsin.lists.indices import Indices
from tocsin.lists.items import ItemDraft, Items
from tocsin.lists.rules import Rules
from tocsin.matching import index
from tocsin.recording.store import Store

store = Store(sys.argv[1])
clock = lambda: datetime.now(UTC)
rules, items = Rules(store, clock), Items(store, clock)
indices = Indices(store, rules, Path(sys.argv[2]), merge=True)
print("ready", flush=True)
number = int(sys.argv[3])
while True:
    added = items.add_many("block", [ItemDraft((pdq(number + n),)) for n in range(3)], actor="dana")
    print("added", number, number + 1, number + 2, flush=True)
    items.remove("block", added[0].item_id, actor="dana")
    print("removed", number, flush=True)
    number += 4
    indices.refresh()
    for one in list(indices._open.values()):
        one.merge()
"""


def die_once(url: str, folder: Path, first: int, delay_s: float) -> tuple[set[int], set[int]]:
    """Let a child work for a while and kill it; return what it said it added and removed.

    It removes the first of each three it adds.
    """
    command = [
        sys.executable,
        "-c",
        CHILD,
        url,
        str(folder),
        str(first),
        str(Path(__file__).parents[1]),
    ]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    time.sleep(delay_s)
    child.kill()
    added: set[int] = set()
    removed: set[int] = set()
    for line in child.stdout.read().splitlines(keepends=True):
        if line.endswith("\n"):
            word, *numbers = line.split()
            (added if word == "added" else removed).update(map(int, numbers))
    child.wait()
    return added, removed


def check(url: str, folder: Path, added: set[int], removed: set[int], maybe: set[int]) -> None:
    """Compare what was acknowledged, what is stored, and what the indices find.

    `maybe`: whose removal was under way at a kill, and may have been stored or not.
    """
    store, clock = Store(url), FakeClock()
    rules = Rules(store, clock)
    with Indices(store, rules, folder, merge=False) as indices:
        with store.read() as connection:
            live = tables.signals.c.removed.is_(False)
            stored = connection.execute(select(tables.signals.c.value).where(live)).scalars().all()
        assert len(stored) == len(set(stored)), "a signal was doubled"
        assert indices.sizes().get("block/pdq", 0) == len(stored)
        values = {number: pdq(number).value for number in added}
        lost = {number for number in added - removed if values[number] not in stored}
        assert not lost - maybe, "a signal was lost"
        assert not any(values[number] in stored for number in removed), "a removal was lost"
        recogniser = Recogniser(store, indices, clock)
        views = [[View("v", pdq(number))] for number in sorted(added)]
        found = [bool(one.hits) for one in recogniser.recognise_many(views)]
        stands = [values[number] in set(stored) for number in sorted(added)]
        assert found == stands
        assert indices.damage == ()
    store.close()


def trial(url: str, folder: Path, times: int) -> None:
    store = Store(url)
    Rules(store, FakeClock()).create(ListDraft("block"), actor="alice")
    store.close()
    draw = random.Random(7)
    added: set[int] = set()
    removed: set[int] = set()
    maybe: set[int] = set()
    for round_ in range(times):
        more, less = die_once(url, folder, round_ * 1_000_000, draw.uniform(0.0, 0.25))
        added |= more
        removed |= less
        maybe |= {number for number in more if number - 1 not in more} - less
        check(url, folder, added, removed, maybe)
    assert added


def test_a_few_kills_lose_and_double_nothing(tmp_path):
    trial(f"sqlite:///{tmp_path / 'tocsin.db'}", tmp_path / "index", 4)


@pytest.mark.slow
def test_two_hundred_kills_lose_and_double_nothing(store_url, tmp_path):
    trial(store_url, tmp_path / "index", 200)
