"""What this node's operator decided stays decided, whatever an exchange says.

Passed if a stage that was set by hand survives the suspension and the return of the item's issuer,
and the log being read anew; and if erasing one of two disputes takes neither back.
"""

import pytest
from sqlalchemy import select

from ledger import item, public_key
from tocsin.entries.statements import Erase, KeySaid, MemberSaid, Opinion, View
from tocsin.model import Stage
from tocsin.recording import tables
from tocsin.sharing.entrusting import ExchangeRules
from tocsin.trust.standing import Standing


@pytest.fixture
def standing(victim, place):
    return Standing(victim.store, lambda: place.ledger.at, ExchangeRules(victim.store))


@pytest.fixture
def listed(ledger, place, victim):
    """The entry of an item that the victim has on its lists."""
    of = ledger.said("tube", item(note="the item"))
    place.publish()
    assert victim.take() == "done"
    return of


def say(ledger, place, victim, *said):
    for member, statement in said:
        ledger.said(member, statement)
    place.publish()
    assert victim.take() == "done"


def test_a_pin_survives_the_suspension_and_return_of_the_issuer(
    ledger, place, victim, standing, listed
):
    standing.pin(1, Stage.SHADOW, actor="cli")
    actions = [MemberSaid(action=one, member="tube") for one in ("suspend", "reinstate")]
    say(ledger, place, victim, *(("industry", one) for one in actions))
    assert standing.get(1).evidence.pinned is Stage.SHADOW


def test_a_pin_survives_reading_the_log_anew(ledger, place, victim, standing, listed):
    actions = [MemberSaid(action=one, member="tube") for one in ("suspend", "reinstate")]
    say(ledger, place, victim, *(("industry", one) for one in actions))
    standing.pin(1, Stage.SHADOW, actor="cli")
    victim.following.replay("hub", actor="cli")
    victim.follower.reload()
    assert victim.take() == "done"
    assert standing.get(1).evidence.pinned is Stage.SHADOW


def test_a_revoked_key_goes_before_a_pin(ledger, place, victim, standing, listed):
    standing.pin(1, Stage.ENFORCED, actor="cli")
    said = KeySaid(action="revoke", member="tube", key=public_key("tube"), since=listed)
    say(ledger, place, victim, ("industry", said))
    stood = standing.get(1)
    assert stood.placed.stage is Stage.SHADOW
    assert "quarantined" in {one.code for one in stood.placed.reasons}


def test_a_dispute_that_was_said_twice_stands_when_one_of_them_is_erased(
    ledger, place, victim, listed
):
    dispute = Opinion(of=listed, opinion=View.DISPUTE)
    twice = [ledger.size, ledger.size + 1]
    say(ledger, place, victim, ("chat", dispute), ("chat", dispute))
    say(ledger, place, victim, ("industry", Erase(of=twice[0], reason="error")))
    with victim.store.read() as connection:
        assert connection.execute(select(tables.items.c.disputed)).scalar_one()
    say(ledger, place, victim, ("industry", Erase(of=twice[1], reason="error")))
    with victim.store.read() as connection:
        assert not connection.execute(select(tables.items.c.disputed)).scalar_one()
