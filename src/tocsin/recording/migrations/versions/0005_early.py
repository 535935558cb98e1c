"""Entries that came from the future are read again once their time has come."""

import sqlalchemy as sa
from alembic import op

from tocsin.recording.tables import UtcTime

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column. What was passed over before stays so until `tocsin follow --replay`."""
    op.add_column("exchange", sa.Column("early_until", UtcTime))
