"""Only the records that are asked for are read, equal from logs and from tables."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from slipway.core.errors import DataError
from slipway.traffic import compact, reading
from slipway.traffic.log import Log
from slipway.traffic.records import PREDICTIONS
from traffic.records_of_tests import RECORD, numbered

START = datetime(2026, 1, 28, 12, tzinfo=UTC)
END = datetime(2026, 1, 31, 12, tzinfo=UTC)


def write(folder: Path) -> None:
    """Five days of two models, a request each six hours, some of them refused."""
    log = Log(folder, PREDICTIONS, 0)
    for number, record in enumerate(numbered(20)):
        for model in ("shot", "shot-2"):
            time = datetime(2026, 1, 27, tzinfo=UTC) + timedelta(hours=6 * number)
            log.write(replace(record, time=time, model=model, request_id=f"{model}-{number}"))
    log.close()


def read(folder: Path, model: str = "shot") -> pd.DataFrame:
    return reading.predictions(folder, model, START, END)


def test_the_records_of_a_model_in_a_window(tmp_path: Path) -> None:
    write(tmp_path)
    found = read(tmp_path)
    assert list(found["request_id"]) == [f"shot-{number}" for number in range(6, 18)]  # the end is not in it
    assert found["time"].min() == START
    assert read(tmp_path, "nobody").empty
    assert read(tmp_path / "nowhere").empty


def test_tables_and_logs_give_equal_records(tmp_path: Path) -> None:
    write(tmp_path)
    before = read(tmp_path)
    for log in compact.logs(tmp_path, END.date()):  # the last day remains a log
        compact.compact(tmp_path, log)
    assert [path.name for path in sorted((tmp_path / "predictions").iterdir())] == ["2026-01-31"]
    pd.testing.assert_frame_equal(read(tmp_path), before)


def test_other_days_and_models_are_not_read(tmp_path: Path) -> None:
    write(tmp_path)
    for log in compact.logs(tmp_path, END.date()):
        compact.compact(tmp_path, log)
    tables = tmp_path / "tables" / "predictions"
    for path in [*tables.glob("model=shot-2/*/*.parquet"), *tables.glob("model=shot/date=2026-01-27/*.parquet")]:
        path.write_bytes(b"damaged")
    assert len(read(tmp_path)) == 12
    with pytest.raises(DataError, match=r"date=2026-01-28.*not a whole Parquet file"):
        read(tmp_path, "shot-2")


def test_a_line_of_another_model_that_quotes_the_name_is_left_out(tmp_path: Path) -> None:
    log = Log(tmp_path, PREDICTIONS, 0)
    log.write(replace(RECORD, time=START, model="other", predictions=[{"model": "shot"}]))
    log.write(replace(RECORD, time=START))
    log.close()
    assert len(read(tmp_path)) == 1
