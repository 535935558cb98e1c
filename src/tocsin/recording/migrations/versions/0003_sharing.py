"""What is followed and published: exchanges, the items and faults of their logs, the outbox."""

import sqlalchemy as sa
from alembic import op

from tocsin.recording.tables import Json, RowId, UtcTime

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables of sharing."""
    _create_exchange()
    _create_view()
    _create_outbox()


def _create_exchange() -> None:
    op.create_table(
        "exchange",
        sa.Column("id", RowId, primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("member", sa.String(64), nullable=False),
        sa.Column("settings", Json, nullable=False),
        sa.Column("acting", sa.Boolean, nullable=False),
        sa.Column("added_at", UtcTime, nullable=False),
        sa.Column("removed_at", UtcTime),
        sa.Column("note", sa.LargeBinary),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("register", sa.Text, nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("covered", sa.BigInteger, nullable=False),
        sa.Column("sweep_at", sa.BigInteger),
        sa.Column("frozen", sa.Text, nullable=False),
        sa.Column("suspect", sa.Text, nullable=False),
        sa.Column("advanced_at", UtcTime),
        sa.Column("told", sa.BigInteger, nullable=False),
        sa.Column("faults", Json, nullable=False),
    )


def _create_view() -> None:
    op.create_table(
        "exchange_chain",
        sa.Column("exchange_id", RowId, sa.ForeignKey("exchange.id"), primary_key=True),
        sa.Column("member", sa.String(64), primary_key=True),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "exchange_leaves",
        sa.Column("exchange_id", RowId, sa.ForeignKey("exchange.id"), primary_key=True),
        sa.Column("block", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "exchange_list",
        sa.Column("exchange_id", RowId, sa.ForeignKey("exchange.id"), primary_key=True),
        sa.Column("role", sa.String(255), primary_key=True),
        sa.Column("list_id", RowId, sa.ForeignKey("list.id"), nullable=False),
    )
    op.create_table(
        "exchange_item",
        sa.Column("exchange_id", RowId, sa.ForeignKey("exchange.id"), primary_key=True),
        sa.Column("entry", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("item_id", RowId, sa.ForeignKey("item.id"), nullable=False),
        sa.Column("issuer", sa.String(64), nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("audience", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Index("exchange_item_of_item", "item_id"),
    )
    op.create_table(
        "exchange_opinion",
        sa.Column("exchange_id", RowId, sa.ForeignKey("exchange.id"), primary_key=True),
        sa.Column("entry", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("item_id", RowId, sa.ForeignKey("item.id"), nullable=False),
        sa.Column("member", sa.String(64), nullable=False),
        sa.Column("stance", sa.String(16), nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Index("exchange_opinion_of_item", "item_id"),
    )
    op.create_table(
        "exchange_fault",
        sa.Column("exchange_id", RowId, sa.ForeignKey("exchange.id"), primary_key=True),
        sa.Column("entry", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("code", sa.String(32), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
    )
    op.create_table(
        "exchange_evidence",
        sa.Column("id", RowId, primary_key=True),
        sa.Column("exchange_id", RowId, sa.ForeignKey("exchange.id"), nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("files", Json, nullable=False),
    )


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", RowId, primary_key=True),
        sa.Column("exchange_id", RowId, sa.ForeignKey("exchange.id"), nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("nonce", sa.LargeBinary, nullable=False),
        sa.Column("urgent", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("leaf", sa.LargeBinary),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("entry", sa.BigInteger),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("done_at", UtcTime),
        sa.Index("outbox_waiting", "exchange_id", "state", "id"),
    )
