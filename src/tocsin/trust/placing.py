"""Placing items anew on the evidence in the database, inside somebody else's transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, update

from tocsin.lists.items import place_in
from tocsin.model import ListKind, Stage
from tocsin.recording import tables
from tocsin.recording.events import Event, Tag
from tocsin.recording.store import record_in
from tocsin.trust.evidence import Case, RuleOf, digest, gather
from tocsin.trust.rows import chunks
from tocsin.trust.stages import Placed, next_stage


def place_all(
    connection: Connection, item_ids: Sequence[int], rule_of: RuleOf, *, now: datetime, actor: str
) -> dict[int, tuple[Placed, bool]]:
    """Place items, record each that moved; return where each stands and whether it moved."""
    answers: dict[int, tuple[Placed, bool]] = {}
    for some in chunks(sorted(set(item_ids))):
        cases = gather(connection, some, rule_of, now)
        placed = {
            item_id: next_stage(case.evidence, rule_of(case.row.exchange), now)
            for item_id, case in cases.items()
        }
        _act(connection, cases, placed)
        _note(connection, cases, placed, now)
        moved = [item_id for item_id in cases if _moves(cases[item_id], placed[item_id])]
        happened = [
            _event(cases[item_id], placed[item_id], rule_of, now, actor) for item_id in moved
        ]
        record_in(connection, *happened)
        answers |= {item_id: (placed[item_id], item_id in moved) for item_id in cases}
    return answers


def _moves(case: Case, placed: Placed) -> bool:
    return (case.row.stage, case.row.disputed) != (placed.stage.value, placed.disputed)


def _act(connection: Connection, cases: Mapping[int, Case], placed: Mapping[int, Placed]) -> None:
    """Make items act as they are placed: one statement for all that go to the same place."""
    groups: dict[tuple[Stage, bool], list[int]] = {}
    out: list[int] = []
    back: list[int] = []
    for item_id, case in cases.items():
        to = placed[item_id]
        if (case.row.item_stage, case.row.item_disputed) != (to.stage.value, to.disputed):
            groups.setdefault((to.stage, to.disputed), []).append(item_id)
        if case.evidence.claim.list_kind is ListKind.ALLOW:
            # Allow lists have no stages, so what is out must be off.
            if to.stage is Stage.SHADOW:
                out.append(item_id)
            elif _moves(case, to):
                back.append(item_id)
    for (stage, disputed), item_ids in groups.items():
        place_in(connection, item_ids, stage, disputed=disputed)
    for item_ids, enabled in ((out, False), (back, True)):
        if item_ids:
            these = tables.items.c.id.in_(item_ids)
            connection.execute(update(tables.items).where(these).values(enabled=enabled))


def _note(
    connection: Connection, cases: Mapping[int, Case], placed: Mapping[int, Placed], now: datetime
) -> None:
    """Write down where items stand, and that a dispute has opened their decisions again."""
    rows = [_standing(cases[item_id], placed[item_id], now) for item_id in cases]
    changed = [row for row, case in zip(rows, cases.values(), strict=True) if _differs(row, case)]
    if not changed:
        return
    columns = [name for name in changed[0] if name != "place"]
    connection.execute(
        update(tables.standings)
        .where(tables.standings.c.item_id == bindparam("place"))
        .values({name: bindparam(name) for name in columns}),
        changed,
    )


def _standing(case: Case, placed: Placed, now: datetime) -> dict[str, Any]:
    newly_disputed = placed.disputed and not case.row.disputed
    return {
        "place": case.row.item_id,
        "stage": placed.stage.value,
        "disputed": placed.disputed,
        "reasons": [[one.code, one.text] for one in placed.reasons],
        "due_at": placed.due_at,
        "since": now if _moves(case, placed) else case.row.since,
        "corrected_at": now if newly_disputed else case.row.corrected_at,
    }


def _differs(row: Mapping[str, Any], case: Case) -> bool:
    return any(getattr(case.row, name) != value for name, value in row.items() if name != "place")


def _event(case: Case, placed: Placed, rule_of: RuleOf, now: datetime, actor: str) -> Event:
    body = {
        "from": case.row.stage,
        "to": placed.stage.value,
        "disputed": placed.disputed,
        "reasons": [one.code for one in placed.reasons],
        "evidence": digest(case.evidence, rule_of(case.row.exchange)),
    }
    subject = f"{case.row.list_name}/{case.row.item_id}"
    return Event(now, Tag.STAGE_CHANGED, actor, subject, body)
