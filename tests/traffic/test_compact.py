"""Logs of past days become tables that others read; no record is lost, or there twice."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.traffic import compact
from slipway.traffic.log import Log
from slipway.traffic.records import PREDICTIONS
from traffic.records_of_tests import MOMENT, RECORD, numbered

LATER = MOMENT.date() + timedelta(days=1)


def compacted(folder: Path) -> list[compact.Compacted]:
    return [compact.compact(folder, log) for log in compact.logs(folder, LATER)]


def table(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "tables" / "predictions").sort_values("request_id", ignore_index=True)


def test_tables_have_every_record_by_model_and_date(tmp_path: Path) -> None:
    for worker, model in enumerate(["shot", "ball", None]):
        log = Log(tmp_path, PREDICTIONS, worker)
        for record in numbered(7):
            log.write(replace(record, request_id=f"{model}-{record.request_id}", model=model))
    assert [(one.records, one.damaged) for one in compacted(tmp_path)] == [(7, None)] * 3
    found = table(tmp_path)
    assert len(found) == 21
    assert found["model"].value_counts().to_dict() == {"shot": 7, "ball": 7, "-": 7}
    assert set(found["date"].astype(str)) == {"2026-01-31"}
    first = found[found["request_id"] == "shot-r1"].iloc[0]
    assert first["time"].to_pydatetime() == MOMENT
    assert json.loads(first["predictions"]) == RECORD.predictions
    assert found[found["request_id"] == "shot-r3"].iloc[0]["problem"] == "Input cannot be used"
    assert not list(tmp_path.glob("predictions/*"))


def test_todays_logs_are_left_alone(tmp_path: Path) -> None:
    Log(tmp_path, PREDICTIONS, 0).write(replace(RECORD, time=datetime.now(UTC)))
    assert not compact.logs(tmp_path)
    Log(tmp_path, PREDICTIONS, 0).write(RECORD)
    (tmp_path / "predictions" / "notes").mkdir()
    (tmp_path / "predictions" / "notes" / "own.jsonl").write_text("{}\n")
    assert next(log.parent.name for log in compact.logs(tmp_path, date(2100, 1, 1))) == "2026-01-31"
    assert not [log for log in compact.logs(tmp_path, date(2100, 1, 1)) if log.parent.name == "notes"]


def test_a_run_that_was_killed_is_completed_and_no_record_is_there_twice(tmp_path: Path) -> None:
    log = Log(tmp_path, PREDICTIONS, 0)
    for record in numbered(30):
        log.write(record)
    (path,) = compact.logs(tmp_path, LATER)
    content = path.read_bytes()
    compacted(tmp_path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)  # killed before the log was removed
    (path.parent.parent.parent / "tables/predictions/model=shot/date=2026-01-31/.worker-0.tmp").write_bytes(b"half")
    compacted(tmp_path)
    assert len(table(tmp_path)) == 30


def test_records_that_come_late_are_added(tmp_path: Path) -> None:
    Log(tmp_path, PREDICTIONS, 0).write(RECORD)
    compacted(tmp_path)
    Log(tmp_path, PREDICTIONS, 0).write(replace(RECORD, request_id="r2"))
    compacted(tmp_path)
    assert list(table(tmp_path)["request_id"]) == ["r1", "r2"]


def test_lines_that_are_no_records_are_kept(tmp_path: Path) -> None:
    log = Log(tmp_path, PREDICTIONS, 0)
    log.write(RECORD)
    (path,) = compact.logs(tmp_path, LATER)
    whole = path.read_bytes()
    wrong = [
        b'{"time": "2026-01-31T0\n',
        b"\xff\n",
        b"[]\n",
        whole.replace(b'"shot"', b'"../up"'),
        whole.replace(b"200", b"70000"),
        whole.replace(b"0.0041", b'"long"'),
    ]
    path.write_bytes(b"".join([wrong[0], whole, *wrong[1:], b"\n", whole.replace(b"r1", b"r2")]))
    (done,) = compacted(tmp_path)
    assert done.records == 2
    assert done.damaged is not None
    assert done.damaged.read_bytes() == b"".join(wrong)
    assert not compact.logs(tmp_path, LATER)


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(min_value=0), count=st.integers(1, 12))
def test_a_log_cut_anywhere_gives_its_whole_records(
    tmp_path_factory: pytest.TempPathFactory, cut: int, count: int
) -> None:
    folder = tmp_path_factory.mktemp("logs")
    log = Log(folder, PREDICTIONS, 0)
    for record in numbered(count):
        log.write(record)
    (path,) = compact.logs(folder, LATER)
    content = path.read_bytes()
    kept = content[: cut % (len(content) + 1)]
    path.write_bytes(kept)
    (done,) = compacted(folder)
    assert done.records in (kept.count(b"\n"), kept.count(b"\n") + 1)  # the last line may lack only its end
    if done.damaged is not None:
        assert kept.endswith(done.damaged.read_bytes())


def test_the_command(tmp_path: Path) -> None:
    log = Log(tmp_path / "logs", PREDICTIONS, 0)
    for record in numbered(5):
        log.write(record)
    command = [sys.executable, "-m", "slipway", "log", "compact", "--logs", str(tmp_path / "logs")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "5 records of 1 logs are now in" in done.stdout
    again = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    assert json.loads(again.stdout) == []
    wrong = subprocess.run([*command[:-1], str(tmp_path / "other")], capture_output=True, text=True)
    assert wrong.returncode == 2
    assert "no such folder" in wrong.stderr
