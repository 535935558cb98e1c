"""Fixtures of trust: a list followed from an exchange, on both databases, and what stands on it."""

import pytest

from tocsin.deciding import decide
from tocsin.lists.indices import Indices
from tocsin.lists.items import ItemDraft, Items
from tocsin.lists.recognising import Recogniser
from tocsin.lists.rules import ListDraft, Rules
from tocsin.model import Screening, Stage, Upload, UploadKind, Verdict, View
from tocsin.recording import screenings
from tocsin.trust.rule import TrustRule
from tocsin.trust.standing import Received, Standing
from trusting import ISSUER, photo


@pytest.fixture
def rules(store, clock):
    return Rules(store, clock)


@pytest.fixture
def items(store, clock):
    return Items(store, clock)


@pytest.fixture
def followed(rules):
    return rules.create(ListDraft("followed", verdict=Verdict.REFUSE), actor="alice")


@pytest.fixture
def trust_rules():
    """The rule of each exchange, which a test may change."""
    return {"north": TrustRule()}


@pytest.fixture
def standing(store, clock, trust_rules):
    return Standing(store, clock, trust_rules.__getitem__)


@pytest.fixture
def receive(items, followed, standing):
    """Put an item on the list as `sharing` does, and have it received; give its id."""

    def receive(number=1, *, issuer=ISSUER, signal=None, labels=("threat",), **more):
        signals = (signal or photo(number),)
        draft = ItemDraft(signals, labels=labels, stage=Stage.SHADOW, issuer=issuer.member)
        item_id = items.add("followed", draft, actor="node").item_id
        standing.received(Received(item_id, "north", issuer, signals, **more))
        return item_id

    return receive


@pytest.fixture
def screen(store, rules, clock, tmp_path):
    """Screen and record an upload that is one signal; give the screening."""
    with Indices(store, rules, tmp_path / "index", merge=False) as indices:
        recogniser = Recogniser(store, indices, clock)

        def screen(number, signal):
            upload = Upload(f"{number:032x}", UploadKind.HASHES, "")
            views = (View("given", signal),)
            found = recogniser.recognise(views)
            judgement = decide(upload, found.hits, now=clock(), draw=0.0)
            screening = Screening(
                upload.id, clock(), upload, views, found.hits, judgement, found.revision
            )
            screenings.record(
                store, screening, (), actor="api", keep_seen=True, keep_name=False
            ).result()
            return screening

        yield screen
