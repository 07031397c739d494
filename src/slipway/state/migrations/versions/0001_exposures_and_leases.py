"""Exposures of experiments, the requests that took part, how far logs are read, and leases."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "exposures",
        sa.Column("experiment", sa.String(64), primary_key=True),
        sa.Column("unit", sa.String(256), primary_key=True),
        sa.Column("arm", sa.String(32), nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("crossed", sa.Boolean, nullable=False),
    )
    op.create_index("exposures_by_unit", "exposures", ["unit"])
    op.create_table(
        "requests",
        sa.Column("request_id", sa.String(128), primary_key=True),
        sa.Column("experiment", sa.String(64), nullable=False),
        sa.Column("at", sa.Double, nullable=False),
    )
    op.create_index("requests_by_time", "requests", ["at"])
    op.create_table(
        "logs",
        sa.Column("file", sa.Text, primary_key=True),
        sa.Column("head", sa.String(16), nullable=False),
        sa.Column("read", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(128), primary_key=True),
        sa.Column("holder", sa.String(128), nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("until", sa.Double, nullable=False),
    )
