"""Make Parquet of the logs of past days, partitioned by model and date, as pandas, DuckDB and Spark read it.

    predictions/2027-01-31/worker-0.jsonl  ->  tables/predictions/model=shot/date=2027-01-31/9f86d081884c7d65.parquet

A file is named by the SHA-256 of the log that it was made of, and is whole when it has this name. Only then the log is
removed. So a run that was killed at any moment is completed by the next one, and no record is there twice. Today's logs
are left alone, since workers append to them.

Lines that are no records, such as the first part of one that a full disk cut off, are kept as they are, in
`predictions/2027-01-31/9f86d081884c7d65.damaged`.
"""

import hashlib
import json
import re
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError

from slipway.core import atomic
from slipway.traffic.records import PREDICTIONS, Prediction

TABLES = "tables"
SCHEMA = pa.schema(
    [
        ("time", pa.timestamp("us", "UTC")),
        ("request_id", pa.string()),
        ("model_version", pa.string()),
        ("unit", pa.string()),
        ("status", pa.int16()),
        ("problem", pa.string()),
        ("examples", pa.int32()),
        ("seconds", pa.float64()),
        ("inference_time", pa.float64()),
        ("predictions", pa.string()),
    ]
)
"""The columns of `predictions`, beside `model` and `date`, which are in the names of folders; `predictions` is JSON."""
NO_MODEL = "-"
"""The model of requests that name none that there is; pandas cannot read a folder for null beside others."""
ROWS = 20_000
"""Rows of a row group, and so the most that are in memory for a model."""
_PREDICTION = TypeAdapter(Prediction)


@dataclass(frozen=True)
class Compacted:
    """What became of a log: its path, the number of its records, and the file of the lines that are no records."""

    log: Path
    records: int
    damaged: Path | None


def logs(folder: Path, today: date | None = None) -> list[Path]:
    """Return the logs of days before today (UTC), the oldest first."""
    today = today or datetime.now(UTC).date()
    return sorted(
        log
        for log in (folder / PREDICTIONS).glob("*/*.jsonl")
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", log.parent.name) and log.parent.name < today.isoformat()
    )


def compact(folder: Path, log: Path) -> Compacted:
    """Make tables of a log, and remove it.

    Args:
        folder: the folder of the logs, where the tables go.
        log: one of `logs`.

    Raises:
        OSError: a file cannot be read or written; the log is still there.
    """
    day, records, damaged = log.parent.name, 0, []
    digest = hashlib.sha256()
    written: list[Path] = []
    with ExitStack() as stack, log.open("rb") as lines:
        tables: dict[str, _Table] = {}
        for line in lines:
            digest.update(line)
            record = _record(line)
            if record is None:
                damaged += [line] if line.strip() else []
                continue
            model = record.model or NO_MODEL
            if model not in tables:
                place = folder / TABLES / PREDICTIONS / f"model={model}" / f"date={day}"
                tables[model] = stack.enter_context(_Table(place / f".{log.stem}.tmp"))
                written.append(tables[model].path)
            tables[model].add(record)
            records += 1
    name = digest.hexdigest()[:16]
    for path in written:
        path.replace(path.with_name(f"{name}.parquet"))
    kept = log.with_name(f"{name}.damaged") if damaged else None
    if kept is not None:
        atomic.write_bytes(kept, b"".join(damaged))
    log.unlink()
    if not any(log.parent.iterdir()):
        log.parent.rmdir()
    return Compacted(log, records, kept)


class _Table:
    """A Parquet file that grows by row groups."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._writer = pq.ParquetWriter(path, SCHEMA, compression="zstd")
        self._rows: list[Prediction] = []

    def add(self, row: Prediction) -> None:
        self._rows.append(row)
        if len(self._rows) >= ROWS:
            self._flush()

    def __enter__(self) -> "_Table":
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            columns = {name: [_cell(row, name) for row in self._rows] for name in SCHEMA.names}
            self._writer.write_table(pa.table(columns, SCHEMA))
        self._rows = []


def _cell(record: Prediction, column: str) -> Any:
    value = getattr(record, column)
    return json.dumps(value, ensure_ascii=False) if column == PREDICTIONS and value is not None else value


def _record(line: bytes) -> Prediction | None:
    """The record of a line; None if it is none."""
    try:
        return _PREDICTION.validate_json(line)
    except ValidationError:
        return None
