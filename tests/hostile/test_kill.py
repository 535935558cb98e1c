"""A node killed at any instruction neither loses nor doubles what it acknowledged.

A child process adds and removes items as fast as it can while its indices merge, and says what was
acknowledged; it is killed with SIGKILL at a random moment, and everything is compared.
"""

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import select

from clocks import FakeClock
from seen import remember
from signals import md5, pdq
from tocsin.lists.indices import Indices
from tocsin.lists.items import ItemDraft, Items
from tocsin.lists.lookback import Lookback
from tocsin.lists.recognising import Recogniser
from tocsin.lists.rules import ListDraft, Rules
from tocsin.model import View
from tocsin.recording import tables
from tocsin.recording.events import Tag
from tocsin.recording.history import History
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


LOOKING = """
import sys
from datetime import UTC, datetime
sys.path.insert(0, sys.argv[3])
from signals import md5
from tocsin.lists import lookback
from tocsin.lists.items import ItemDraft, Items
from tocsin.lists.rules import Rules
from tocsin.recording.store import Store

lookback.CHUNK = 10
store = Store(sys.argv[1])
clock = lambda: datetime.now(UTC)
rules = Rules(store, clock)
items, back = Items(store, clock), lookback.Lookback(store, rules, clock, lambda found: ())
print("ready", flush=True)
number = int(sys.argv[2])
while True:
    for _ in back.run():
        items.add("block", ItemDraft((md5(number % 500),)), actor="dana")
        print("added", number % 500, flush=True)
        number += 1
"""


def lines_until_killed(
    program: str, *arguments: str, delay_s: float, speaks: bool = False
) -> list[list[str]]:
    """Let a child work for a while and kill it; return the words of each whole line it said.

    `speaks`: let it say something first, however slow the machine is.
    """
    command = [sys.executable, "-c", program, *arguments, str(Path(__file__).parents[1])]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    said = [child.stdout.readline()] if speaks else []
    time.sleep(delay_s)
    child.kill()
    said += child.stdout.readlines()
    child.wait()
    return [line.split() for line in said if line.endswith("\n")]


def die_once(
    url: str, folder: Path, first: int, delay_s: float, *, speaks: bool
) -> tuple[set[int], set[int]]:
    """Kill a child at work; return what it said it added and removed.

    It removes the first of each three it adds.
    """
    added: set[int] = set()
    removed: set[int] = set()
    arguments = (url, str(folder), str(first))
    lines = lines_until_killed(CHILD, *arguments, delay_s=delay_s, speaks=speaks)
    for word, *numbers in lines:
        (added if word == "added" else removed).update(map(int, numbers))
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
        first, delay_s = round_ * 1_000_000, draw.uniform(0.0, 0.25)
        more, less = die_once(url, folder, first, delay_s, speaks=round_ % 2 == 1)
        added |= more
        removed |= less
        maybe |= {number for number in more if number - 1 not in more} - less
        check(url, folder, added, removed, maybe)
    assert added


def test_a_few_kills_lose_and_double_nothing(tmp_path):
    trial(f"sqlite:///{tmp_path / 'tocsin.db'}", tmp_path / "index", 4)


def looking_trial(url: str, times: int) -> None:
    """Kill children that look back while they add; then every signal has found its upload once."""
    store, clock = Store(url), FakeClock()
    rules = Rules(store, clock)
    rules.create(ListDraft("block"), actor="alice")
    for number in range(500):
        remember(store, clock, number, md5(number))
    draw = random.Random(7)
    added = {0}
    Items(store, clock).add("block", ItemDraft((md5(0),)), actor="alice")
    for round_ in range(times):
        delay_s = draw.uniform(0.0, 0.3)
        lines = lines_until_killed(LOOKING, url, str(100 * round_), delay_s=delay_s)
        added |= {int(number) for _, number in lines}
    list(Lookback(store, rules, clock, lambda _: ()).run())
    matched = History(store).page(tags=[Tag.LOOKBACK_MATCHED], limit=1000)
    found = Counter(int(one.event.subject, 16) for one in matched)
    assert not added - set(found), "an upload was missed"
    assert set(found.values()) == {1}, "a finding was doubled"
    store.close()


def test_a_few_kills_make_no_look_back_miss_or_double_anything(tmp_path):
    looking_trial(f"sqlite:///{tmp_path / 'tocsin.db'}", 4)


@pytest.mark.slow
def test_fifty_kills_make_no_look_back_miss_or_double_anything(store_url):
    looking_trial(store_url, 50)


@pytest.mark.slow
def test_two_hundred_kills_lose_and_double_nothing(store_url, tmp_path):
    trial(store_url, tmp_path / "index", 200)
