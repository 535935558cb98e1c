"""The evidence for items as the database holds it, gathered for many at once."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from tocsin.model import ListKind, Stage
from tocsin.recording import tables
from tocsin.trust import outcome
from tocsin.trust.benign import Benign
from tocsin.trust.opinions import Opinion, Party, Stance
from tocsin.trust.outcome import Doubtful, Sound
from tocsin.trust.rule import Claim, TrustRule
from tocsin.trust.stages import DAY, Evidence

RuleOf = Callable[[str], TrustRule]
"""Which rule holds for an exchange, by its name."""


@dataclass(frozen=True, slots=True)
class Case:
    """An item under trust: its row of `standing` beside `item` and `list`, and its evidence."""

    row: Row[Any]
    evidence: Evidence


def gather(
    connection: Connection, item_ids: Sequence[int], rule_of: RuleOf, now: datetime
) -> dict[int, Case]:
    """Read the evidence for items, as many as one statement can name.

    The operator's own items are not in the answer.
    """
    standing, item, list_ = tables.standings.c, tables.items.c, tables.lists.c
    query = (
        select(
            tables.standings,
            item.list_id,
            item.stage.label("item_stage"),
            item.disputed.label("item_disputed"),
            list_.name.label("list_name"),
        )
        .join_from(tables.standings, tables.items, standing.item_id == item.id)
        .join(tables.lists, item.list_id == list_.id)
        .where(standing.item_id.in_(item_ids))
    )
    rows = connection.execute(query.order_by(standing.item_id)).all()
    opinions = _opinions(connection, item_ids)
    matches = _matches(connection, item_ids)
    tripped = _tripped(connection, item_ids)
    burdens = _burdens(connection, rows, rule_of, now)
    return {
        row.item_id: Case(
            row,
            Evidence(
                issuer=Party(row.issuer, row.organisation, row.kind, row.jurisdiction),
                claim=_claim(row.claim),
                received_at=row.received_at,
                structure=outcome.from_json(row.checks["structure"]),
                benign=_benign(row.checks["benign"]),
                opinions=tuple(opinions.get(row.item_id, ())),
                matches=matches.get(row.item_id, 0),
                issuer_items=burdens[row.exchange, row.issuer],
                incident=row.incident,
                pinned=Stage(row.pinned) if row.pinned else None,
                quarantined=row.quarantined,
                retracted=row.retracted,
                tripped=bool({row.item_id, (row.list_id, row.issuer)} & tripped),
            ),
        )
        for row in rows
    }


def claim_json(claim: Claim) -> dict[str, Any]:
    """Return a claim as it is stored."""
    return {
        "labels": list(claim.labels),
        "list_kind": claim.list_kind.value,
        "territories": list(claim.territories),
    }


def checks_json(
    structure: outcome.Outcome, benign: Sound | Doubtful | Benign
) -> dict[str, dict[str, Any]]:
    """Return the outcomes of the checks as they are stored."""
    found = (
        {"outcome": "benign", "distance": benign.distance}
        if isinstance(benign, Benign)
        else outcome.to_json(benign)
    )
    return {"structure": outcome.to_json(structure), "benign": found}


def digest(evidence: Evidence, rule: TrustRule) -> str:
    """SHA-256 of the evidence and the rule, in hex: what a change of stage is recorded with."""
    fields = asdict(evidence) | {"rule": rule.digest}
    fields["opinions"] = sorted(json.dumps(asdict(o), default=str) for o in evidence.opinions)
    plain = json.dumps(fields, default=str, sort_keys=True)
    return hashlib.sha256(plain.encode()).hexdigest()


def _claim(stored: dict[str, Any]) -> Claim:
    kind = ListKind(stored["list_kind"])
    return Claim(tuple(stored["labels"]), kind, tuple(stored["territories"]))


def _benign(stored: dict[str, Any]) -> Sound | Doubtful | Benign:
    if stored["outcome"] == "benign":
        return Benign(stored["distance"])
    found = outcome.from_json(stored)
    return found if isinstance(found, Doubtful) else Sound()


def _opinions(connection: Connection, item_ids: Sequence[int]) -> dict[int, list[Opinion]]:
    grouped: dict[int, list[Opinion]] = {}
    columns = tables.opinions.c
    query = select(tables.opinions).where(columns.item_id.in_(item_ids))
    for row in connection.execute(query.order_by(columns.item_id, columns.member, columns.stance)):
        party = Party(row.member, row.organisation, row.kind, row.jurisdiction)
        opinion = Opinion(party, Stance(row.stance), row.at, row.own_media)
        grouped.setdefault(row.item_id, []).append(opinion)
    return grouped


def _matches(connection: Connection, item_ids: Sequence[int]) -> dict[int, int]:
    """Count the uploads that each item would have matched had it not been in shadow."""
    columns = tables.sightings.c
    uploads = func.count(columns.upload_id.distinct())
    query = (
        select(columns.item_id, uploads)
        .where(columns.item_id.in_(item_ids), columns.acted.is_(False))
        .group_by(columns.item_id)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def _tripped(connection: Connection, item_ids: Sequence[int]) -> set[int | tuple[int, str]]:
    """Return what the breaker holds back: ids of items, and issuers by list."""
    columns = tables.trips.c
    open_ = select(columns.item_id, columns.list_id, columns.issuer).where(
        columns.cleared_at.is_(None)
    )
    items: set[int | tuple[int, str]] = {
        row.item_id for row in connection.execute(open_.where(columns.item_id.in_(item_ids)))
    }
    issuers = connection.execute(open_.where(columns.item_id.is_(None)))
    return items | {(row.list_id, row.issuer) for row in issuers}


def _burdens(
    connection: Connection, rows: Sequence[Row[Any]], rule_of: RuleOf, now: datetime
) -> dict[tuple[str, str], int]:
    """Count what each issuer has asserted within a day, as far as its rule asks."""
    counted = {}
    for exchange, issuer in {(row.exchange, row.issuer) for row in rows}:
        query = _recent(exchange, issuer, now, rule_of(exchange).daily_items + 1)
        counted[exchange, issuer] = int(connection.execute(query).scalar_one())
    return counted


def _recent(exchange: str, issuer: str, now: datetime, most: int) -> Select[Any]:
    columns = tables.standings.c
    recent = (
        select(columns.item_id)
        .where(columns.exchange == exchange, columns.issuer == issuer)
        .where(columns.received_at > now - DAY)
        .limit(most)
        .subquery()
    )
    return select(func.count()).select_from(recent)
