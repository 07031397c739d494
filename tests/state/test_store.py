"""Addresses, migrations, and a store that is locked, away or damaged."""

import sqlite3
import threading
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect, text

from slipway.core.errors import ConfigError
from slipway.state import restraints
from slipway.state.schema import METADATA
from slipway.state.store import _MIGRATIONS, FILE, StateError, Store, default


def test_the_migrations_make_the_tables_of_the_schema(store: Store) -> None:
    found = inspect(store.engine)
    assert set(found.get_table_names()) == {*METADATA.tables, "alembic_version"}
    for table in METADATA.tables.values():
        columns = {one["name"]: one for one in found.get_columns(table.name)}
        assert {name: one["nullable"] for name, one in columns.items()} == {
            one.name: one.nullable for one in table.columns
        }
        assert found.get_pk_constraint(table.name)["constrained_columns"] == [one.name for one in table.primary_key]
        assert {one["name"] for one in found.get_indexes(table.name)} == {one.name for one in table.indexes}


def test_columns_of_postgresql_are_as_wide_as_in_the_schema(store: Store) -> None:
    if store.engine.dialect.name == "postgresql":
        for table in METADATA.tables.values():
            widths = {
                one["name"]: getattr(one["type"], "length", None)
                for one in inspect(store.engine).get_columns(table.name)
            }
            assert widths == {one.name: getattr(one.type, "length", None) for one in table.columns}


def test_tables_of_the_first_version_are_brought_up_to_date_with_their_rows(address: str) -> None:
    store = Store(address)
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with store.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(text("INSERT INTO requests VALUES ('r', 'night-games', 1)"))
    store.migrate()
    with store.transaction() as connection:
        connection.execute(text(f"INSERT INTO requests VALUES ('s', '{'x' * 256}', 1)"))
        assert connection.execute(text("SELECT count(*) FROM requests")).scalar_one() == 2
    assert restraints.read(store) == {}
    store.close()


def test_a_second_migration_changes_nothing(store: Store) -> None:
    with store.transaction() as connection:
        connection.execute(text("INSERT INTO logs VALUES ('a', 'h', 1)"))
    store.migrate()
    with store.transaction() as connection:
        assert connection.execute(text("SELECT read FROM logs")).scalar_one() == 1


def test_two_that_migrate_at_once_both_end(address: str) -> None:
    stores = [Store(address) for _ in range(4)]
    wrong: list[BaseException] = []

    def migrate(one: Store) -> None:
        try:
            one.migrate()
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=migrate, args=(one,)) for one in stores]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not wrong
    assert "leases" in inspect(stores[0].engine).get_table_names()
    for made in stores:
        made.close()


def test_a_store_of_a_later_version_is_left_alone(store: Store) -> None:
    with store.transaction() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StateError, match=r"cannot be brought up to date.*9999"):
        store.migrate()


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    with pytest.raises(RuntimeError), store.transaction() as connection:
        connection.execute(text("INSERT INTO logs VALUES ('a', 'h', 1)"))
        raise RuntimeError
    with store.transaction() as connection:
        assert connection.execute(text("SELECT count(*) FROM logs")).scalar_one() == 0


@pytest.mark.parametrize("address", ["", "state.db", "mysql://host/name", "oracle://x", "://", "sqlite"])
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="state store"):
        Store(address)


def test_no_message_has_the_password() -> None:
    store = Store("postgresql://me:hunter2@127.0.0.1:1/name")
    assert "hunter2" not in store.name
    with pytest.raises(StateError) as caught, store.transaction():
        pass
    assert "hunter2" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)
    with pytest.raises(StateError):
        store.migrate()


def test_a_locked_file_is_an_error_that_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slipway.state.store.PATIENCE", 0.2)
    store = Store(default(tmp_path))
    store.migrate()
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StateError, match="locked"), store.transaction():
        pass
    other.execute("ROLLBACK")
    with store.transaction() as connection:
        assert connection.execute(text("SELECT count(*) FROM logs")).scalar_one() == 0
    other.close()


def test_a_damaged_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database" * 1000)
    with pytest.raises(StateError, match="not a database"):
        Store(default(tmp_path)).migrate()
