"""Hands what an exchange says of items to trust, inside the transaction that applies it.

A page of a catch-up holds thousands of items; those are checked now and placed by the next review,
in shadow until then. What arrives live is placed at once.
"""

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Connection, select, update

from tocsin.entries.parties import Member
from tocsin.model import Stage
from tocsin.recording import shared, tables
from tocsin.recording.bulk import insert_rows, stored_time
from tocsin.recording.store import Store
from tocsin.sharing.trusting import Heard, Received
from tocsin.trust import receiving
from tocsin.trust.benign import BenignCorpus
from tocsin.trust.evidence import checks_json, claim_json
from tocsin.trust.opinions import Opinion, Party, Stance
from tocsin.trust.outcome import Sound
from tocsin.trust.placing import place_all
from tocsin.trust.rows import chunks, forget, opinion_columns, replaced_by
from tocsin.trust.rule import Claim, TrustRule, parse_rule
from tocsin.trust.standing import Standing
from tocsin.trust.structure import Structure

AT_ONCE = 500
"""Items of one page up to which they are placed at once."""

FRESH_S = 10.0
"""How long a rule is used before the database is asked again: another process may change it."""

_STANDING = tables.standings.c
_COLUMNS = (
    *(_STANDING.item_id, _STANDING.exchange, _STANDING.issuer, _STANDING.organisation),
    *(_STANDING.kind, _STANDING.jurisdiction, _STANDING.claim, _STANDING.checks),
    *(_STANDING.incident, _STANDING.pinned, _STANDING.quarantined, _STANDING.retracted),
    *(_STANDING.stage, _STANDING.disputed, _STANDING.reasons, _STANDING.received_at),
    *(_STANDING.since, _STANDING.due_at),
)


class ExchangeRules:
    """The rule of each exchange, by its name; the default for others. Thread-safe."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        # Owned by _lock.
        self._known: dict[str, TrustRule] = {}
        self._read_s = 0.0

    def __call__(self, exchange: str) -> TrustRule:
        """Return the rule of an exchange. Raises Unavailable."""
        with self._lock:
            if not self._read_s or time.monotonic() - self._read_s > FRESH_S:
                self._known = self._read()
                self._read_s = time.monotonic()
            return self._known.get(exchange, _DEFAULT)

    def forget(self) -> None:
        """Ask the database next time."""
        with self._lock:
            self._read_s = 0.0

    def _read(self) -> dict[str, TrustRule]:
        exchange = shared.exchanges.c
        query = select(exchange.name, exchange.settings).where(exchange.removed_at.is_(None))
        with self._store.read() as connection:
            rows = connection.execute(query).all()
        return {name: rule_in(settings.get("rule") or {}) for name, settings in rows}


def rule_in(fields: dict[str, object]) -> TrustRule:
    """Read a rule out of the terms of an exchange. Raises InvalidInput."""
    return parse_rule(json.dumps(fields)) if fields else _DEFAULT


_DEFAULT = TrustRule()

_SOUND = checks_json(Sound(), Sound())
"""What is stored of an item that nothing is wrong with."""


class Entrusted:
    """Trust as `sharing` needs it; see `trusting.Trust`. Thread-safe."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        rule_of: Callable[[str], TrustRule],
        standing: Standing,
        *,
        structure: Structure | None = None,
        benign: BenignCorpus | None = None,
    ) -> None:
        self._clock = clock
        self._rule_of = rule_of
        self._standing = standing
        self._structure = structure or Structure()
        self._benign = benign

    def received(self, connection: Connection, exchange: str, items: Sequence[Received]) -> None:
        """Check items and place them; see `Trust`."""
        dialect = connection.dialect
        now = stored_time(self._clock(), dialect)
        taken = [_taken(one, exchange) for one in items]
        checks = _written(receiving.check_all(taken, self._structure, self._benign))
        rows = [
            (
                *(one.item_id, exchange, one.issuer.id, one.issuer.id),
                *(one.issuer.kind.value, one.issuer.jurisdiction),
                _stored(one.claim),
                checked,
                one.incident,
                Stage.SHADOW.value if one.drill else "",
                *(False, False, Stage.SHADOW.value, False, "[]", now, now, now),
            )
            for one, checked in zip(items, checks, strict=True)
        ]
        insert_rows(connection, _COLUMNS, rows)
        if len(items) <= AT_ONCE:
            self._place(connection, [one.item_id for one in items])

    def heard(self, connection: Connection, opinions: Sequence[Heard]) -> None:
        """Take opinions in; see `Trust`."""
        # A member that changes its mind on one item a thousand times is heard once.
        latest = {
            (
                one.item_id,
                one.member.id,
                frozenset(replaced_by(Stance(one.said.opinion.value))),
            ): one
            for one in opinions
        }
        for one in latest.values():
            opinion = Opinion(
                party_of(one.member), Stance(one.said.opinion.value), one.at, one.said.own_media
            )
            forget(connection, one.item_id, one.member.id, replaced_by(opinion.stance))
            columns = opinion_columns(one.item_id, opinion)
            connection.execute(tables.opinions.insert().values(columns))
        self._place(connection, [one.item_id for one in opinions])

    def withdrawn(self, connection: Connection, item_id: int, member: str, stance: str) -> None:
        """Forget an opinion; see `Trust`."""
        forget(connection, item_id, member, [Stance(stance)])
        self._place(connection, [item_id])

    def retracted(self, connection: Connection, item_ids: Sequence[int]) -> None:
        """Let items act no longer; see `Trust`."""
        now = self._clock()
        for some in chunks(item_ids):
            connection.execute(
                update(tables.standings)
                .where(_STANDING.item_id.in_(some), _STANDING.retracted.is_(False))
                .values(retracted=True, corrected_at=now)
            )
        self._place(connection, item_ids)

    def destroyed(self, connection: Connection, item_ids: Sequence[int]) -> None:
        """Forget what items said; see `Trust`."""
        self.retracted(connection, item_ids)
        nothing = claim_json(Claim())
        for some in chunks(item_ids):
            connection.execute(
                update(tables.standings).where(_STANDING.item_id.in_(some)).values(claim=nothing)
            )

    def quarantined(self, connection: Connection, item_ids: Sequence[int]) -> None:
        """Keep items in shadow; see `Trust`."""
        self._quarantine(connection, item_ids, quarantined=True)

    def released(self, connection: Connection, item_ids: Sequence[int]) -> None:
        """Let the evidence decide again; see `Trust`."""
        self._quarantine(connection, item_ids, quarantined=False)

    def settle(self) -> None:
        """Reopen what rested on what was corrected, and place what is due. Raises Unavailable."""
        self._standing.review()

    def _quarantine(
        self, connection: Connection, item_ids: Sequence[int], *, quarantined: bool
    ) -> None:
        for some in chunks(item_ids):
            change = update(tables.standings).where(_STANDING.item_id.in_(some))
            connection.execute(change.values(quarantined=quarantined))
        self._place(connection, item_ids)

    def _place(self, connection: Connection, item_ids: Sequence[int]) -> None:
        now = self._clock()
        place_all(connection, item_ids, self._rule_of, now=now, actor="node")


@lru_cache(maxsize=1024)
def _stored(claim: Claim) -> str:
    """Return a claim as it is stored; most are like the one before."""
    return json.dumps(claim_json(claim))


def _written(checks: Iterable[receiving.Checks]) -> Iterator[str]:
    """Write the outcomes of checks down; most are like the one before."""
    last, text = receiving.Checks(), "{}"
    for one in checks:
        if one != last:
            last, text = one, json.dumps(one)
        yield text


def party_of(member: Member) -> Party:
    """Return a member of an exchange as trust knows it: an organisation of its own."""
    return Party(member.id, member.id, member.kind.value, member.jurisdiction)


def _taken(one: Received, exchange: str) -> receiving.Received:
    return receiving.Received(one.item_id, exchange, party_of(one.issuer), one.signals)
