"""The state store: SQLite in a file, or PostgreSQL by its address, through SQLAlchemy.

No request waits for it. What must not be lost is in the logs first; the store is an index of them, and is brought up to
date in batches. So it can be away, or be removed, and is filled again.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from slipway.core.errors import ConfigError, SlipwayError

FILE = "state.db"
PATIENCE = 5.0
"""Seconds to wait for a lock or a connection."""
_MIGRATIONS = Path(__file__).with_name("migrations")
_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}
_LOCK = 7_541_902_663
"""The advisory lock of PostgreSQL that one migration holds at a time."""


class StateError(SlipwayError):
    """The state store is locked, full or away; the same may succeed later."""


class Store:
    """A state store.

    Args:
        address: `sqlite:///FILE` or `postgresql://USER@HOST/NAME`; a password is better in PGPASSFILE than here.

    Raises:
        ConfigError: the address is malformed, or of another database.
    """

    def __init__(self, address: str) -> None:
        self.engine = _engine(_url(address))
        self.name = self.engine.url.render_as_string(hide_password=True)
        """The address without its password."""

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Begin a transaction that is committed at the end of the block.

        Raises:
            StateError: the store is locked, full or away.
        """
        try:
            with self.engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise StateError(f"{self.name}: {_told(error)}")

    def migrate(self) -> None:
        """Create the tables, or bring those of an earlier version up to date.

        Raises:
            StateError: the store is away, or of a later version.
        """
        from alembic import command  # with what it imports 15 MB, which most workers do without
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        try:
            with self.engine.begin() as connection:
                if connection.dialect.name == "postgresql":
                    connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        except SQLAlchemyError as error:
            raise StateError(f"{self.name}: {_told(error)}")
        except Exception as error:  # alembic's CommandError, such as for a revision that this version does not know
            raise StateError(f"{self.name}: its tables cannot be brought up to date: {_told(error)}")

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def check(address: str) -> None:
    """Check the address of a store; the store itself may be away.

    Raises:
        ConfigError: it is malformed, or of another database.
    """
    Store(address).close()


def default(folder: Path) -> str:
    """Return the address of the store in a folder."""
    return f"sqlite:///{(folder / FILE).absolute()}"


def _url(address: str) -> URL:
    try:
        url = make_url(address)
    except ArgumentError:
        raise ConfigError("the address of a state store is sqlite:///FILE or postgresql://USER@HOST/NAME")
    dialect = url.get_backend_name()
    if dialect not in _DRIVERS:
        raise ConfigError(f"a state store in {dialect} is not known; use sqlite or postgresql")
    return url.set(drivername=_DRIVERS[dialect])


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        if url.database:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(url, connect_args={"timeout": PATIENCE})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    try:
        return create_engine(url, pool_pre_ping=True, pool_size=2, connect_args={"connect_timeout": round(PATIENCE)})
    except ModuleNotFoundError as error:
        raise ConfigError(f"a state store in PostgreSQL needs {error.name}: pip install 'slipway[postgresql]'")


def _prepare_sqlite(connection: Any, _: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.isolation_level = None  # transactions begin where the listener below says
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")


def _begin_sqlite(connection: Connection) -> None:
    """Take the lock of writers at once: a reader that becomes a writer later would fail where another one wrote."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _told(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return " ".join(str(cause).split())[:300] or type(cause).__name__
