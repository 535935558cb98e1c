"""The program that `test_killed_follower.py` kills: a node that catches up in small pages."""

from datetime import datetime
from functools import partial
from pathlib import Path

from tocsin.bench.catchup import NAME, ORIGIN, Mirror
from tocsin.recording.store import Store
from tocsin.sharing import catching, follower
from tocsin.sharing.entrusting import Entrusted, ExchangeRules
from tocsin.sharing.following import Following
from tocsin.trust.standing import Standing

NOW = datetime.fromisoformat("2030-01-01T00:00:00+00:00")


def follow(log, data, policy):
    """Catch up with the log of a folder, from wherever the database stands."""
    follower.PAGES_TOGETHER = 1
    follower.catch_up = partial(catching.catch_up, page_bundles=1)
    store = Store(f"sqlite:///{Path(data) / 'tocsin.db'}")
    rules = ExchangeRules(store)
    following = Following(
        store,
        Entrusted(lambda: NOW, rules, Standing(store, lambda: NOW, rules)),
        lambda: NOW,
        Path(data) / "keys",
        connect=lambda *_: Mirror(Path(log)),
        changed=lambda: None,
        processes=1,
    )
    if not following.all():
        about = {"origin": ORIGIN, "url": "https://bench.example", "actor": NAME}
        following.add(NAME, policy=policy, **about)
    following.catch_up(NAME)
    store.close()
