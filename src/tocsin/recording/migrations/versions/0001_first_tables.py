"""First tables, written out: what a later release adds to `tables.py` is not theirs."""

import sqlalchemy as sa
from alembic import op

from tocsin.recording.tables import Json, RowId, UtcTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table of the first release."""
    _create_small_tables()
    _create_lists()
    _create_records()


def _create_small_tables() -> None:
    op.create_table(
        "counter",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
    )
    op.create_table("identity", sa.Column("store_id", sa.String(32), primary_key=True))
    op.create_table(
        "api_key",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("scopes", Json, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("expires_at", UtcTime),
        sa.Column("revoked_at", UtcTime),
    )
    op.create_table(
        "idempotency",
        sa.Column("api_key", sa.String(16), primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("request", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
    )


def _create_lists() -> None:
    op.create_table(
        "list",
        sa.Column("id", RowId, primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("radius", sa.SmallInteger, nullable=False),
        sa.Column("quality_floor", sa.SmallInteger, nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("exact_verdict", sa.String(16), nullable=False),
        sa.Column("labels", Json, nullable=False),
        sa.Column("territories", Json, nullable=False),
        sa.Column("sample_ratio", sa.Float, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("ttl_days", sa.Float, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("removed_at", UtcTime),
    )
    op.create_table(
        "item",
        sa.Column("id", RowId, primary_key=True),
        sa.Column("list_id", RowId, sa.ForeignKey("list.id"), nullable=False),
        sa.Column("source_id", sa.Text, nullable=False),
        sa.Column("labels", Json, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("active_from", UtcTime),
        sa.Column("expires_at", UtcTime),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("removed_at", UtcTime),
        sa.Index("item_of_list", "list_id", "id"),
    )
    op.create_table(
        "signal",
        sa.Column("id", RowId, primary_key=True),
        sa.Column("item_id", RowId, sa.ForeignKey("item.id"), nullable=False),
        sa.Column("list_id", RowId, sa.ForeignKey("list.id"), nullable=False),
        sa.Column("type", sa.String(16), nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("quality", sa.SmallInteger),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("removed", sa.Boolean, nullable=False),
        sa.Index("signal_of_item", "item_id"),
        sa.Index("signal_by_value", "list_id", "type", "value"),
        sa.Index("signal_by_revision", "revision"),
    )


def _create_records() -> None:
    op.create_table(
        "event",
        sa.Column("id", RowId, primary_key=True),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("tag", sa.String(48), nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.Index("event_by_subject", "subject", "id"),
    )
    op.create_table(
        "seen",
        sa.Column("id", RowId, primary_key=True),
        sa.Column("upload_id", sa.String(32), nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("codes", sa.LargeBinary, nullable=False),
        sa.Column("views", Json, nullable=False),
        sa.Index("seen_by_time", "at"),
    )
    op.create_table(
        "action",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("upload_id", sa.String(32), nullable=False),
        sa.Column("connector", sa.String(32), nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", UtcTime, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Index("action_due", "state", "next_at"),
    )
