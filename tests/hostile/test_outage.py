"""When the database does not answer, nobody is told "no match", and nothing half-done stays."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from clocks import FakeClock
from signals import md5
from tocsin.errors import Unavailable
from tocsin.lists.indices import Indices
from tocsin.lists.items import ItemDraft, Items
from tocsin.lists.recognising import Recogniser
from tocsin.lists.rules import ListDraft, Rules
from tocsin.model import View
from tocsin.recording.store import Store

FULL = """
import resource, sys
from datetime import UTC, datetime
sys.path.insert(0, sys.argv[2])
from signals import md5
from tocsin.errors import Unavailable
from tocsin.lists.items import ItemDraft, Items
from tocsin.lists.rules import Rules
from tocsin.recording.store import Store
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = Store(sys.argv[1])
items = Items(store, lambda: datetime.now(UTC))
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
acknowledged = 0
try:
    for number in range(100_000):
        items.add("block", ItemDraft((md5(number),)), actor="dana")
        acknowledged = number + 1
except Unavailable as error:
    assert error.retry
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
items.add("block", ItemDraft((md5(10**9),)), actor="dana")
print(acknowledged)
"""


@pytest.fixture
def node(tmp_path):
    clock = FakeClock()
    store = Store(f"sqlite:///{tmp_path / 'tocsin.db'}")
    rules, items = Rules(store, clock), Items(store, clock)
    rules.create(ListDraft("block"), actor="alice")
    items.add("block", ItemDraft((md5(1),)), actor="alice")
    with Indices(store, rules, tmp_path / "index", merge=False) as indices:
        yield Recogniser(store, indices, clock), items, tmp_path / "tocsin.db"
    store.close()


@pytest.mark.parametrize("fate", ["deleted", "replaced"])
def test_a_database_that_is_gone_is_said_to_be_gone(node, fate):
    recogniser, items, path = node
    assert recogniser.recognise([View("file", md5(1))]).hits
    path.rename(path.with_suffix(".away"))
    if fate == "replaced":
        path.touch()
    with pytest.raises(Unavailable):
        recogniser.recognise([View("file", md5(1))])
    with pytest.raises(Unavailable):
        items.add("block", ItemDraft((md5(2),)), actor="alice")


def test_what_comes_back_is_used_again(node):
    recogniser, _, path = node
    path.rename(path.with_suffix(".away"))
    with pytest.raises(Unavailable):
        recogniser.recognise([View("file", md5(1))])
    path.with_suffix(".away").rename(path)
    assert recogniser.recognise([View("file", md5(1))]).hits


def test_a_full_disk_loses_nothing_acknowledged_and_heals_by_itself(node):
    _, items, path = node
    tests = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", FULL, f"sqlite:///{path}", tests],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )
    assert done.returncode == 0, done.stderr
    acknowledged = int(done.stdout)
    assert 0 < acknowledged < 100_000
    stored = {signal.value for item in items.walk("block") for signal in item.signals}
    assert {md5(number).value for number in [*range(acknowledged), 10**9]} <= stored
