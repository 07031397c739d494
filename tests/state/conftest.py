"""A state store of each kind: SQLite in a file, and a PostgreSQL that runs for the tests."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from slipway.state.store import Store, default

_numbers = count()


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PostgreSQL server that listens on a socket in a folder, and ends with the tests."""
    pgserver = pytest.importorskip("pgserver", reason="pgserver has no PostgreSQL for this machine")
    server = pgserver.get_server(tmp_path_factory.mktemp("pg"))
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database."""
    if request.param == "sqlite":
        return default(tmp_path)
    server: str = request.getfixturevalue("postgresql")
    name = f"state{next(_numbers)}"
    engine = create_engine(server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture
def store(address: str) -> Iterator[Store]:
    """A store whose tables are there."""
    made = Store(address)
    made.migrate()
    yield made
    made.close()
