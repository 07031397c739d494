"""The tables of the state store. A change of them is a new file in `migrations/versions`, and goes forward only."""

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, MetaData, String, Table, Text

METADATA = MetaData()

EXPOSURES = Table(
    "exposures",
    METADATA,
    Column("experiment", String(256), primary_key=True),
    Column("unit", String(256), primary_key=True),
    Column("arm", String(32), nullable=False),
    Column("at", Double, nullable=False),
    Column("crossed", Boolean, nullable=False),
)
"""The first exposure of each unit: its name in the logs, arm, and time in seconds since 1970; `crossed`: it was seen in
another arm too."""
Index("exposures_by_unit", EXPOSURES.c.unit)

REQUESTS = Table(
    "requests",
    METADATA,
    Column("request_id", String(128), primary_key=True),
    Column("experiment", String(256), nullable=False),
    Column("at", Double, nullable=False),
)
"""The requests that took part in an experiment, so that outcomes of others can be refused."""
Index("requests_by_time", REQUESTS.c.at)

LOGS = Table(
    "logs",
    METADATA,
    Column("file", Text, primary_key=True),
    Column("head", String(16), nullable=False),
    Column("read", BigInteger, nullable=False),
)
"""How many bytes of each log are in the tables above, and a hash of its first line, which tells it from others."""

LEASES = Table(
    "leases",
    METADATA,
    Column("name", String(128), primary_key=True),
    Column("holder", String(128), nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("until", Double, nullable=False),
)
"""Who may act: `fence` grows with each new holder, so what an earlier one does late can be told from the rest."""

RESTRAINTS = Table(
    "restraints",
    METADATA,
    Column("subject", String(256), primary_key=True),
    Column("share", Double, nullable=False),
    Column("why", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("at", Double, nullable=False),
)
"""The most that an experiment or a rollout may have, in percent of the units, whatever Git says; 0 for a stop. `at` is
in seconds since 1970, `evidence` the JSON that the tag of the stop will state."""
