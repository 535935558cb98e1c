"""The tables, in SQLAlchemy Core so that SQLite and PostgreSQL run the same code.

Columns may be added by a migration, never renamed or given another meaning: old records must stay
readable. Times are stored as aware UTC. `JSON` columns hold text written by `json.dumps`, which
escapes NUL bytes that PostgreSQL would refuse.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# SQLite numbers rows by itself only in a column that is exactly INTEGER.
RowId = BigInteger().with_variant(Integer(), "sqlite")


class UtcTime(TypeDecorator[datetime]):
    """Microseconds since 1970 in a big integer: exact and sortable on both databases."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Refuse naive times, which would be read as another moment elsewhere."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("times must be aware")
        return (value - _EPOCH) // _MICROSECOND  # A float would lose the last microsecond.

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Give the time back as aware UTC."""
        return None if value is None else _EPOCH + value * _MICROSECOND


class Json(TypeDecorator[Any]):
    """JSON as ASCII text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:  # noqa: ANN401 - any JSON
        """Write the value."""
        return json.dumps(value, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ANN401 - any JSON
        """Read the value."""
        return None if value is None else json.loads(value)


metadata = MetaData()

counters = Table(
    "counter",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

identity = Table(
    "identity",
    metadata,
    Column("store_id", String(32), primary_key=True),
)

lists = Table(
    "list",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("kind", String(8), nullable=False),
    Column("radius", SmallInteger, nullable=False),
    Column("quality_floor", SmallInteger, nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("exact_verdict", String(16), nullable=False),
    Column("labels", Json, nullable=False),
    Column("territories", Json, nullable=False),
    Column("sample_ratio", Float, nullable=False),
    Column("reason", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("ttl_days", Float, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("removed_at", UtcTime),
)

items = Table(
    "item",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("list_id", ForeignKey("list.id"), nullable=False),
    Column("source_id", Text, nullable=False),
    Column("labels", Json, nullable=False),
    Column("note", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("active_from", UtcTime),
    Column("expires_at", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    Column("removed_at", UtcTime),
    Column("stage", String(16), nullable=False, server_default="enforced"),
    Column("disputed", Boolean, nullable=False, server_default=false()),
    Column("issuer", Text, nullable=False, server_default=""),
    Index("item_of_list", "list_id", "id"),
)

signals = Table(
    "signal",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("item_id", ForeignKey("item.id"), nullable=False),
    Column("list_id", ForeignKey("list.id"), nullable=False),
    Column("type", String(16), nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("quality", SmallInteger),
    Column("revision", BigInteger, nullable=False),
    Column("removed", Boolean, nullable=False),
    Index("signal_of_item", "item_id"),
    Index("signal_by_value", "list_id", "type", "value"),
    Index("signal_by_revision", "revision"),
)

events = Table(
    "event",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("tag", String(48), nullable=False),
    Column("actor", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Json, nullable=False),
    Index("event_by_subject", "subject", "id"),
)

seen = Table(
    "seen",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("upload_id", String(32), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("codes", LargeBinary, nullable=False),
    Column("views", Json, nullable=False),
    Index("seen_by_time", "at"),
)

actions = Table(
    "action",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("upload_id", String(32), nullable=False),
    Column("connector", String(32), nullable=False),
    Column("body", Json, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", UtcTime, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Index("action_due", "state", "next_at"),
)

api_keys = Table(
    "api_key",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("scopes", Json, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
    Column("revoked_at", UtcTime),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("api_key", String(16), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("request", LargeBinary, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

standings = Table(
    "standing",
    metadata,
    Column("item_id", ForeignKey("item.id"), primary_key=True),
    Column("exchange", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("organisation", Text, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("jurisdiction", String(8), nullable=False),
    Column("claim", Json, nullable=False),
    Column("checks", Json, nullable=False),
    Column("incident", Boolean, nullable=False),
    Column("pinned", String(16), nullable=False),
    Column("quarantined", Boolean, nullable=False, server_default=false()),
    Column("retracted", Boolean, nullable=False),
    Column("stage", String(16), nullable=False),
    Column("disputed", Boolean, nullable=False),
    Column("reasons", Json, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("since", UtcTime, nullable=False),
    Column("due_at", UtcTime),
    Column("corrected_at", UtcTime),
    Index("standing_due", "due_at"),
    Index("standing_corrected", "corrected_at"),
    Index("standing_of_issuer", "exchange", "issuer", "received_at"),
)
"""Why an item that others asserted stands where it does. `item.stage` is what acts."""

opinions = Table(
    "opinion",
    metadata,
    Column("item_id", ForeignKey("item.id"), primary_key=True),
    Column("member", String(255), primary_key=True),
    Column("stance", String(16), primary_key=True),
    Column("organisation", Text, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("jurisdiction", String(8), nullable=False),
    Column("own_media", Boolean, nullable=False),
    Column("at", UtcTime, nullable=False),
)

sightings = Table(
    "sighting",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("item_id", ForeignKey("item.id"), nullable=False),
    Column("upload_id", String(32), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("acted", Boolean, nullable=False),
    Column("reopened", Boolean, nullable=False),
    Index("sighting_of_item", "item_id", "acted", "at"),
)
"""Uploads in which an item was found: `acted` where the verdict rests on it, else in shadow."""

trips = Table(
    "trip",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("item_id", ForeignKey("item.id")),
    Column("list_id", ForeignKey("list.id"), nullable=False),
    Column("issuer", Text, nullable=False),
    Column("matches", Integer, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("cleared_at", UtcTime),
    Index("trip_of_item", "item_id"),
    Index("trip_of_issuer", "list_id", "issuer"),
)
"""Trips of the breaker: of one item, or of an issuer's items on a list where no item is named."""
