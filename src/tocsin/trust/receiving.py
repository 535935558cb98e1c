"""Taking in what an exchange brings: checked first, then stored, many items at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, insert, update

from tocsin.errors import NotFound
from tocsin.model import ListKind, Reason, Signal, Stage
from tocsin.recording import tables
from tocsin.trust.benign import Benign, BenignCorpus
from tocsin.trust.evidence import checks_json, claim_json
from tocsin.trust.opinions import Opinion, Party, Stance
from tocsin.trust.outcome import Doubtful, Sound, joined
from tocsin.trust.rows import (
    first_columns,
    forget,
    item_rows,
    opinion_columns,
    replaced_by,
    standing_rows,
)
from tocsin.trust.rule import Claim
from tocsin.trust.stages import Placed
from tocsin.trust.structure import Structure

Checks = dict[str, dict[str, Any]]
"""The outcomes of the checks of one item, as they are stored."""


@dataclass(frozen=True, slots=True)
class Received:
    """An item that came from an exchange and is on its list already, in shadow.

    `territories` are where it is asserted to count; none means everywhere. `incident`: it belongs
    to an open incident.
    """

    item_id: int
    exchange: str
    issuer: Party
    signals: tuple[Signal, ...]
    territories: tuple[str, ...] = ()
    incident: bool = False


def check_all(
    received: Sequence[Received], structure: Structure, benign: BenignCorpus | None
) -> list[Checks]:
    """Check the signals of all items at once, answers in the same order. Raises Damaged."""
    signals = [signal for one in received for signal in one.signals]
    shapes = iter(structure.check(signals))
    if benign is None:
        return [checks_json(joined(islice(shapes, len(one.signals))), Sound()) for one in received]
    meetings = iter(benign.check(signals))
    return [
        checks_json(
            joined(islice(shapes, len(one.signals))),
            _nearest([next(meetings) for _ in one.signals]),
        )
        for one in received
    ]


def receive_in(
    connection: Connection, received: Sequence[Received], checks: Sequence[Checks], now: datetime
) -> dict[int, Placed]:
    """Store what was received; return where the operator's own items stand, which it leaves alone.

    Raises NotFound for an item on no list.
    """
    ids = [one.item_id for one in received]
    items, known = item_rows(connection, ids), standing_rows(connection, ids)
    own: dict[int, Placed] = {}
    fresh: dict[int, dict[str, Any]] = {}
    for one, checked in zip(received, checks, strict=True):
        item = items.get(one.item_id)
        if item is None:
            raise NotFound(f"there is no item {one.item_id}")
        fields = {"claim": claim_json(_claim(item, one)), "checks": checked}
        if not item.issuer:
            text = "this node's own operator listed it"
            own[one.item_id] = Placed(Stage(item.stage), item.disputed, (Reason("own", text),))
        elif one.item_id in known:
            _receive_again(connection, one, known[one.item_id], fields, now)
        elif one.item_id in fresh:
            _hear_issuer(connection, one, fresh[one.item_id]["organisation"], now)
        else:
            first = first_columns(one.exchange, one.issuer, now, incident=one.incident)
            fresh[one.item_id] = {"item_id": one.item_id, "corrected_at": None} | first | fields
    if fresh:
        connection.execute(insert(tables.standings), list(fresh.values()))
    return own


def _receive_again(
    connection: Connection, one: Received, known: Row[Any], fields: Mapping[str, Any], now: datetime
) -> None:
    these = tables.standings.c.item_id == one.item_id
    if known.retracted:
        first = first_columns(one.exchange, one.issuer, now, incident=one.incident)
        # Where it stands now is for the next placing to change, and to record.
        stays = {"stage": known.stage, "disputed": known.disputed, "since": known.since}
        values = {**first, **stays, **fields}
    elif known.organisation == one.issuer.organisation:
        values = {**fields, "incident": known.incident or one.incident}
    else:
        _hear_issuer(connection, one, known.organisation, now)
        return
    connection.execute(update(tables.standings).where(these).values(values))


def _hear_issuer(connection: Connection, one: Received, first: str, now: datetime) -> None:
    """Take another organisation's assertion of an item that is known as a confirmation of it."""
    if one.issuer.organisation == first:
        return
    forget(connection, one.item_id, one.issuer.member, replaced_by(Stance.CONFIRM))
    row = opinion_columns(one.item_id, Opinion(one.issuer, Stance.CONFIRM, now))
    connection.execute(insert(tables.opinions).values(row))


def _claim(item: Row[Any], one: Received) -> Claim:
    return Claim(tuple(item.labels), ListKind(item.kind), one.territories)


def _nearest(outcomes: Sequence[Sound | Doubtful | Benign]) -> Sound | Doubtful | Benign:
    """Return the outcome for an item: one signal that matches something harmless spoils it."""
    hits = [one.distance for one in outcomes if isinstance(one, Benign)]
    if hits:
        return Benign(min(hits))
    return next((one for one in outcomes if isinstance(one, Doubtful)), Sound())
