"""Fixtures of the lists: rules and items over both databases."""

import pytest

from tocsin.lists.indices import Indices
from tocsin.lists.items import Items
from tocsin.lists.recognising import Recogniser
from tocsin.lists.rules import ListDraft, Rules
from tocsin.model import View


@pytest.fixture
def rules(store, clock):
    return Rules(store, clock)


@pytest.fixture
def items(store, clock):
    return Items(store, clock)


@pytest.fixture
def block(rules):
    return rules.create(ListDraft("block"), actor="alice")


@pytest.fixture
def indices(store, rules, tmp_path):
    with Indices(store, rules, tmp_path / "index", merge=False) as opened:
        yield opened


@pytest.fixture
def recogniser(store, indices, clock):
    return Recogniser(store, indices, clock)


@pytest.fixture
def look(recogniser):
    """Recognise some signals as the views of one upload."""

    def look(*signals, only=()):
        views = [View(f"view {number}", one) for number, one in enumerate(signals)]
        return recogniser.recognise(views, only)

    return look
