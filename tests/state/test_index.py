"""The index of exposures: each once, in whatever pieces the logs are read, and also after a kill."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from experiments.cases import BEGAN, exposure, write
from slipway.state import index
from slipway.state.index import ExposureIndex
from slipway.state.schema import EXPOSURES, LOGS, REQUESTS
from slipway.state.store import StateError, Store, default
from slipway.traffic.log import Log
from slipway.traffic.records import PREDICTIONS


def rows(store: Store, table: Any = EXPOSURES) -> list[tuple[Any, ...]]:
    with store.transaction() as connection:
        return [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]


def test_the_first_exposure_of_each_unit_counts(store: Store, tmp_path: Path) -> None:
    write(tmp_path, exposure("b", "night", 5), exposure("a", "control", 9), exposure("b", "night", 20))
    write(tmp_path, replace(exposure("c", "night"), experiment=None, arm=None, request_id="other"))
    found = ExposureIndex(store, tmp_path)
    assert found.update() == 3
    assert rows(store) == [
        ("night-games", "a", "control", BEGAN.timestamp() + 9, False),
        ("night-games", "b", "night", BEGAN.timestamp() + 5, False),
    ]
    assert [row[0] for row in rows(store, REQUESTS)] == ["a-9", "b-20", "b-5"]
    assert found.update() == 0


def test_a_unit_in_two_arms_is_marked_in_one_batch_and_in_two(store: Store, tmp_path: Path) -> None:
    found = ExposureIndex(store, tmp_path)
    write(tmp_path, exposure("a", "night", 0), exposure("b", "night", 1), exposure("b", "control", 2))
    found.update()
    write(tmp_path, exposure("a", "control", 3), exposure("b", "night", 4))
    found.update()
    assert [(row[1], row[2], row[4]) for row in rows(store)] == [("a", "night", True), ("b", "night", True)]


def test_half_a_line_is_read_when_it_is_whole(store: Store, tmp_path: Path) -> None:
    write(tmp_path, exposure("a", "night", 0), exposure("b", "night", 1))
    (log,) = tmp_path.glob("predictions/*/*.jsonl")
    content = log.read_bytes()
    log.write_bytes(content[:-20])
    found = ExposureIndex(store, tmp_path)
    assert [found.update(), found.update()] == [1, 0]
    log.write_bytes(content)
    assert found.update() == 1
    assert len(rows(store)) == 2


def test_lines_that_are_no_records_are_passed_over(store: Store, tmp_path: Path) -> None:
    write(tmp_path, exposure("a", "night", 0))
    (log,) = tmp_path.glob("predictions/*/*.jsonl")
    whole = log.read_bytes()
    wrong = [b'{"experiment":"night-games"\n', b'"experiment":"x"\n', b'{"experiment":"x","time":5}\n', b"\xff\n"]
    log.write_bytes(b"".join(wrong) + whole)
    assert ExposureIndex(store, tmp_path).update() == 1


def test_a_large_log_is_read_in_pieces(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "BATCH", 2000)
    write(tmp_path, *(exposure(f"u{number}", "night", number) for number in range(60)))
    found, steps = ExposureIndex(store, tmp_path), 0
    while found.update():
        steps += 1
    assert steps > 5
    assert len(rows(store)) == 60


def test_logs_that_were_removed_are_forgotten_and_their_exposures_are_not(store: Store, tmp_path: Path) -> None:
    write(tmp_path, exposure("a", "night", 0))
    found = ExposureIndex(store, tmp_path)
    found.update()
    (log,) = tmp_path.glob("predictions/*/*.jsonl")
    log.unlink()
    write(tmp_path, exposure("b", "night", 86_400))
    found.update()
    assert [row[0] for row in rows(store, LOGS)] == ["predictions/2026-02-01/worker-0.jsonl"]
    assert [row[1] for row in rows(store)] == ["a", "b"]


def test_a_log_that_is_there_again_is_read_from_its_beginning(store: Store, tmp_path: Path) -> None:
    write(tmp_path, exposure("a", "night", 0))
    found = ExposureIndex(store, tmp_path)
    found.update()
    (log,) = tmp_path.glob("predictions/*/*.jsonl")
    log.unlink()  # it became tables, and then lines came late
    write(tmp_path, *(exposure(unit, "night", 1) for unit in "bcd"))
    assert found.update() == 3
    assert [row[1] for row in rows(store)] == ["a", "b", "c", "d"]


def test_a_log_of_the_same_size_that_took_its_place_is_read(store: Store, tmp_path: Path) -> None:
    found, sizes = ExposureIndex(store, tmp_path), set()
    for second, unit in enumerate("abc"):
        write(tmp_path, exposure(unit, "night", 1))
        (log,) = tmp_path.glob("predictions/*/*.jsonl")
        os.utime(log, (second, second))
        assert found.update() == 1
        sizes.add(log.stat().st_size)
        log.unlink()
    assert len(sizes) == 1
    assert [row[1] for row in rows(store)] == ["a", "b", "c"]


def test_an_index_that_was_lost_is_made_again(tmp_path: Path) -> None:
    write(tmp_path, *(exposure(f"u{number}", "night", number) for number in range(9)))
    for _ in range(2):
        store = Store(default(tmp_path))
        store.migrate()
        assert ExposureIndex(store, tmp_path).update() == 9
        assert len(rows(store)) == 9
        store.close()
        for path in tmp_path.glob("state.db*"):
            path.unlink()


def test_what_took_no_part_is_unknown(store: Store, tmp_path: Path) -> None:
    write(tmp_path, exposure("a", "night", 0), exposure("b", "night", 1))
    found = ExposureIndex(store, tmp_path)
    found.update()
    many = [f"r{number}" for number in range(1200)]
    assert found.unknown(["a-0", "x", "x", *many], ["a", "y"]) == (["x", *many], ["y"])
    assert found.unknown([], []) == ([], [])
    found.forget((BEGAN + timedelta(days=index.KEPT_DAYS + 1)).timestamp())
    assert found.unknown(["a-0"], ["a"]) == (["a-0"], [])


def test_a_store_that_is_away_loses_nothing(store: Store, tmp_path: Path) -> None:
    write(tmp_path, exposure("a", "night", 0))
    found = ExposureIndex(store, tmp_path)
    with store.transaction() as connection:
        connection.execute(text("ALTER TABLE requests RENAME TO away"))
    with pytest.raises(StateError):
        found.update()
    assert rows(store) == []
    with store.transaction() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO requests"))
    assert found.update() == 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_order_of_writing_and_reading_gives_every_exposure_once(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("logs")
    store = Store(default(folder))
    store.migrate()
    logs = [Log(folder, PREDICTIONS, worker) for worker in range(2)]
    found, written, read = ExposureIndex(store, folder), 0, 0
    for step in data.draw(st.lists(st.sampled_from(["0", "1", "read", "restart"]), max_size=25)):
        if step in "01":
            logs[int(step)].write(exposure(f"u{written}", "night", float(written)))
            written += 1
        elif step == "read":
            read += found.update()
        else:
            found = ExposureIndex(store, folder)
    read += found.update()
    assert read == written == len(rows(store))
    store.close()


UPDATER = """\
import pathlib, sys
from slipway.state import index
from slipway.state.store import Store, default
index.BATCH = 4000
folder = pathlib.Path(sys.argv[1])
found = index.ExposureIndex(Store(default(folder)), folder)
print("ready", flush=True)
while True:
    found.update()
"""


def test_an_update_that_is_killed_is_completed_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "BATCH", 4000)
    store = Store(default(tmp_path))
    store.migrate()
    log = Log(tmp_path, PREDICTIONS, 0)
    for turn in range(8):
        with subprocess.Popen([sys.executable, "-c", UPDATER, str(tmp_path)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            for number in range(60):
                log.write(exposure(f"u{turn}-{number}", "night", float(number)))
            time.sleep(0.01 * turn)
            process.kill()
    found = ExposureIndex(store, tmp_path)
    while found.update():
        pass
    assert len(rows(store)) == len(rows(store, REQUESTS)) == 480
    store.close()
