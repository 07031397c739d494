"""Shares that are held down, and names of experiments that are as long as those of rollouts."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table, and widen two columns; SQLite has no limit on the length of a text."""
    op.create_table(
        "restraints",
        sa.Column("subject", sa.String(256), primary_key=True),
        sa.Column("share", sa.Double, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        for table in ("exposures", "requests"):
            op.alter_column(table, "experiment", type_=sa.String(256))
