"""Trust in a signal: stages of items, and what they rest on."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from tocsin.recording.tables import Json, RowId, UtcTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Give items a stage, where all that are there act as before, and add the tables of trust."""
    for column in (
        sa.Column("stage", sa.String(16), nullable=False, server_default="enforced"),
        sa.Column("disputed", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("issuer", sa.Text, nullable=False, server_default=""),
    ):
        op.add_column("item", column)
    _create_standing()
    _create_evidence()
    _remember_sightings()


def _create_standing() -> None:
    op.create_table(
        "standing",
        sa.Column("item_id", RowId, sa.ForeignKey("item.id"), primary_key=True),
        sa.Column("exchange", sa.Text, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("organisation", sa.Text, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("jurisdiction", sa.String(8), nullable=False),
        sa.Column("claim", Json, nullable=False),
        sa.Column("checks", Json, nullable=False),
        sa.Column("incident", sa.Boolean, nullable=False),
        sa.Column("pinned", sa.String(16), nullable=False),
        sa.Column("retracted", sa.Boolean, nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("disputed", sa.Boolean, nullable=False),
        sa.Column("reasons", Json, nullable=False),
        sa.Column("received_at", UtcTime, nullable=False),
        sa.Column("since", UtcTime, nullable=False),
        sa.Column("due_at", UtcTime),
        sa.Column("corrected_at", UtcTime),
        sa.Index("standing_due", "due_at"),
        sa.Index("standing_corrected", "corrected_at"),
        sa.Index("standing_of_issuer", "exchange", "issuer", "received_at"),
    )
    op.create_table(
        "opinion",
        sa.Column("item_id", RowId, sa.ForeignKey("item.id"), primary_key=True),
        sa.Column("member", sa.String(255), primary_key=True),
        sa.Column("stance", sa.String(16), primary_key=True),
        sa.Column("organisation", sa.Text, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("jurisdiction", sa.String(8), nullable=False),
        sa.Column("own_media", sa.Boolean, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
    )


def _create_evidence() -> None:
    op.create_table(
        "sighting",
        sa.Column("id", RowId, primary_key=True),
        sa.Column("item_id", RowId, sa.ForeignKey("item.id"), nullable=False),
        sa.Column("upload_id", sa.String(32), nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("acted", sa.Boolean, nullable=False),
        sa.Column("reopened", sa.Boolean, nullable=False),
        sa.Index("sighting_of_item", "item_id", "acted", "at"),
    )
    op.create_table(
        "trip",
        sa.Column("id", RowId, primary_key=True),
        sa.Column("item_id", RowId, sa.ForeignKey("item.id")),
        sa.Column("list_id", RowId, sa.ForeignKey("list.id"), nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("matches", sa.Integer, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("cleared_at", UtcTime),
        sa.Index("trip_of_item", "item_id"),
        sa.Index("trip_of_issuer", "list_id", "issuer"),
    )


_CHUNK = 1000

_event = sa.table(
    "event",
    sa.column("id", sa.BigInteger),
    sa.column("at", UtcTime),
    sa.column("tag", sa.String),
    sa.column("subject", sa.Text),
    sa.column("body", Json),
)
_sighting = sa.table(
    "sighting",
    sa.column("item_id", sa.BigInteger),
    sa.column("upload_id", sa.String),
    sa.column("at", UtcTime),
    sa.column("acted", sa.Boolean),
    sa.column("reopened", sa.Boolean),
)


def _remember_sightings() -> None:
    """Fill in from the record which verdicts rest on which items, so that they can be reopened.

    An old record does not say which of its hits counted; all of them are taken to have.
    """
    connection, after = op.get_bind(), 0
    tags = ("upload:screening:completed", "upload:lookback:matched")
    while True:
        rows = connection.execute(
            sa.select(_event)
            .where(_event.c.id > after, _event.c.tag.in_(tags))
            .order_by(_event.c.id)
            .limit(_CHUNK)
        ).all()
        if not rows:
            return
        after = rows[-1].id
        found = [sighting for row in rows for sighting in _sightings(row)]
        if found:
            connection.execute(sa.insert(_sighting), found)


def _sightings(row: sa.Row[Any]) -> Iterator[dict[str, Any]]:
    if row.body["verdict"] not in ("limit", "hold", "refuse"):
        return
    for item_id in dict.fromkeys(hit["item"] for hit in row.body["hits"]):
        yield {
            "item_id": item_id,
            "upload_id": row.subject,
            "at": row.at,
            "acted": True,
            "reopened": False,
        }
