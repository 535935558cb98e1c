"""Lists and the rule each stands for: create, change, remove, read.

Every change takes a revision, and stands or falls together with its event.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from tocsin.errors import Conflict, InvalidInput, NotFound
from tocsin.lists.vocabulary import parse_labels
from tocsin.model import MAX_RADIUS, PDQ_QUALITY_FLOOR, PDQ_RADIUS, ListKind, ListRule, Verdict
from tocsin.recording import tables
from tocsin.recording.events import Event, Tag
from tocsin.recording.store import Store, next_revision, record_in

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
TERRITORY = re.compile(r"[A-Z]{2}")
DEFAULT_TTL_DAYS = 365.0
MAX_TTL_DAYS = 3653.0

_VERDICTS = (Verdict.ALLOW, Verdict.LIMIT, Verdict.HOLD, Verdict.REFUSE)


@dataclass(frozen=True, slots=True)
class ListDraft:
    """A list about to be created or changed; the fields are those of `ListRule`.

    Nothing given means: hold what matches for a person, everywhere, for a year.
    """

    name: str
    kind: ListKind = ListKind.BLOCK
    radius: int = PDQ_RADIUS
    quality_floor: int = PDQ_QUALITY_FLOOR
    verdict: Verdict = Verdict.HOLD
    exact_verdict: Verdict | None = None
    labels: tuple[str, ...] = ()
    territories: tuple[str, ...] = ()
    sample_ratio: float = 1.0
    reason: str = ""
    enabled: bool = True
    ttl_days: float = DEFAULT_TTL_DAYS

    def checked(self) -> "ListDraft":
        """Return the draft with defaults filled in. Raises InvalidInput that names the field."""
        if not NAME.fullmatch(self.name):
            raise InvalidInput(
                f"{self.name[:80]!r} is not a list name",
                advice="Use up to 64 letters, digits, '_', '.', '-', starting with one of the "
                "first two.",
            )
        _require(0 <= self.radius <= MAX_RADIUS, f"radius must lie between 0 and {MAX_RADIUS}")
        _require(0 <= self.quality_floor <= 100, "quality_floor must lie between 0 and 100")
        _require(0.0 <= self.sample_ratio <= 1.0, "sample_ratio must lie between 0 and 1")
        _require(self.verdict in _VERDICTS, f"verdict cannot be {self.verdict}")
        exact = self.verdict if self.exact_verdict is None else self.exact_verdict
        _require(exact in _VERDICTS, f"exact_verdict cannot be {exact}")
        wrong = [one for one in self.territories if not TERRITORY.fullmatch(one)]
        _require(not wrong, f"territories must be ISO 3166-1 alpha-2 codes, not {wrong}")
        _require(0 <= self.ttl_days <= MAX_TTL_DAYS, f"ttl_days must be 0 to {MAX_TTL_DAYS:.0f}")
        _require(
            self.ttl_days > 0 or self.kind is ListKind.ALLOW,
            "a block list needs ttl_days above 0: nothing is blocked without end",
        )
        return replace(self, exact_verdict=exact, labels=parse_labels(self.labels))


class Rules:
    """The lists of this node. Thread-safe."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    def create(self, draft: ListDraft, *, actor: str) -> ListRule:
        """Create a list. Raises InvalidInput, Conflict if the name is taken, Unavailable."""
        checked, now = draft.checked(), self._clock()
        return self._store.write(lambda one: create_in(one, checked, now, actor=actor)).result()

    def change(self, name: str, /, *, actor: str, **changes: Any) -> ListRule:  # noqa: ANN401 - fields of ListDraft
        """Change some fields of a list. Raises InvalidInput, NotFound, Conflict, Unavailable."""

        def job(connection: Connection) -> ListRule:
            rule = _present(connection, name)
            checked = replace(_draft(rule), **changes).checked()
            if checked.kind is not rule.kind:
                raise InvalidInput("a list cannot change its kind; create another")
            if checked.name != name and _find(connection, checked.name) is not None:
                raise Conflict(f"there is a list {checked.name} already")
            next_revision(connection)
            where = tables.lists.c.id == rule.id
            connection.execute(update(tables.lists).where(where).values(_columns(checked)))
            self._record(connection, Tag.LIST_CHANGED, name, actor, _plain(changes))
            return _present(connection, checked.name)

        return self._store.write(job).result()

    def remove(self, name: str, *, actor: str) -> None:
        """Remove a list with its items; the record stays. Raises NotFound, Unavailable."""

        def job(connection: Connection) -> None:
            rule = _present(connection, name)
            now = self._clock()
            revision = next_revision(connection)
            free = f"{name[:40]}~{rule.id}"  # The name may be used again at once.
            where = tables.lists.c.id == rule.id
            connection.execute(
                update(tables.lists).where(where).values(removed_at=now, name=free, enabled=False)
            )
            connection.execute(
                update(tables.signals)
                .where(tables.signals.c.list_id == rule.id)
                .values(removed=True, revision=revision)
            )
            self._record(connection, Tag.LIST_REMOVED, name, actor, {})

        self._store.write(job).result()

    def all(self) -> tuple[ListRule, ...]:
        """Return every list, by name. Raises Unavailable."""
        query = select(tables.lists).where(tables.lists.c.removed_at.is_(None))
        with self._store.read() as connection:
            rows = connection.execute(query.order_by(tables.lists.c.name)).all()
        return tuple(_rule(row) for row in rows)

    def get(self, name: str) -> ListRule:
        """Return one list. Raises NotFound, Unavailable."""
        with self._store.read() as connection:
            return _present(connection, name)

    def _record(
        self, connection: Connection, tag: Tag, name: str, actor: str, body: dict[str, Any]
    ) -> None:
        record_in(connection, Event(self._clock(), tag, actor, name, body))


def create_in(connection: Connection, draft: ListDraft, now: datetime, *, actor: str) -> ListRule:
    """Create a list inside somebody else's transaction. Raises as `Rules.create`."""
    checked = draft.checked()
    if _find(connection, checked.name) is not None:
        raise Conflict(f"there is a list {checked.name} already")
    next_revision(connection)
    values = _columns(checked)
    connection.execute(insert(tables.lists).values(values | {"created_at": now}))
    record_in(connection, Event(now, Tag.LIST_CREATED, actor, checked.name, values))
    return _present(connection, checked.name)


def present_rule(connection: Connection, name: str) -> ListRule:
    """Read a list inside somebody else's transaction. Raises NotFound."""
    return _present(connection, name)


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise InvalidInput(message)


def _find(connection: Connection, name: str) -> Row[Any] | None:
    query = select(tables.lists).where(
        tables.lists.c.name == name, tables.lists.c.removed_at.is_(None)
    )
    return connection.execute(query).one_or_none()


def _present(connection: Connection, name: str) -> ListRule:
    row = _find(connection, name)
    if row is None:
        raise NotFound(f"there is no list {name[:80]}")
    return _rule(row)


def _rule(row: Row[Any]) -> ListRule:
    return ListRule(
        id=row.id,
        name=row.name,
        kind=ListKind(row.kind),
        radius=row.radius,
        quality_floor=row.quality_floor,
        verdict=Verdict(row.verdict),
        exact_verdict=Verdict(row.exact_verdict),
        labels=tuple(row.labels),
        territories=tuple(row.territories),
        sample_ratio=row.sample_ratio,
        reason=row.reason,
        enabled=row.enabled,
        ttl_days=row.ttl_days,
    )


def _draft(rule: ListRule) -> ListDraft:
    return ListDraft(**{field.name: getattr(rule, field.name) for field in fields(ListDraft)})


def _columns(draft: ListDraft) -> dict[str, Any]:
    return _plain({field.name: getattr(draft, field.name) for field in fields(ListDraft)})


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {key: list(one) if isinstance(one, tuple) else one for key, one in values.items()}
