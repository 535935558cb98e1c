"""What an exchange takes out of action is kept apart from what the operator set by hand."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column. Whoever is suspended by now was pinned to the shadow, and stays there."""
    op.add_column(
        "standing",
        sa.Column("quarantined", sa.Boolean, nullable=False, server_default=sa.false()),
    )
