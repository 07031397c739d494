"""Make Parquet of the logs of past days, partitioned by model and date, as pandas, DuckDB and Spark read it.

    predictions/2027-01-31/worker-0.jsonl  ->  tables/predictions/model=shot/date=2027-01-31/9f86d081884c7d65.parquet

A file is named by the SHA-256 of the log that it was made of, and is whole when it has this name. Only then the log is
removed. So a run that was killed at any moment is completed by the next one, and no record is there twice. Today's logs
are left alone, since workers append to them.

Lines that are no records, such as the first part of one that a full disk cut off, are kept as they are, in
`predictions/2027-01-31/9f86d081884c7d65.damaged`.
"""

import hashlib
import re
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from slipway.core import atomic
from slipway.traffic.tables import KINDS, Kind

ROWS = 20_000
"""Rows of a row group, and so the most that are in memory for a model."""


@dataclass(frozen=True)
class Compacted:
    """What became of a log: its path, the number of its records, and the file of the lines that are no records."""

    log: Path
    records: int
    damaged: Path | None


def logs(folder: Path, today: date | None = None) -> list[Path]:
    """Return the logs of days before today (UTC), of all kinds, the oldest first."""
    today = today or datetime.now(UTC).date()
    return sorted(
        (
            log
            for kind in KINDS
            for log in (folder / kind).glob("*/*.jsonl")
            if re.fullmatch(r"\d{4}-\d{2}-\d{2}", log.parent.name) and log.parent.name < today.isoformat()
        ),
        key=lambda log: (log.parent.name, log),
    )


def compact(folder: Path, log: Path) -> Compacted:
    """Make tables of a log, and remove it.

    Args:
        folder: the folder of the logs, where the tables go.
        log: one of `logs`.

    Raises:
        OSError: a file cannot be read or written; the log is still there.
    """
    day, name, records, damaged = log.parent.name, log.parent.parent.name, 0, []
    kind = KINDS[name]
    digest = hashlib.sha256()
    written: list[Path] = []
    with ExitStack() as stack, log.open("rb") as lines:
        tables: dict[str | None, _Table] = {}
        for line in lines:
            digest.update(line)
            record = kind.read(line)
            if record is None:
                damaged += [line] if line.strip() else []
                continue
            model = record.model if kind.by_model else None
            if model not in tables:
                place = kind.place(folder, name, model, day)
                tables[model] = stack.enter_context(_Table(place / f".{log.stem}.tmp", kind))
                written.append(tables[model].path)
            tables[model].add(record)
            records += 1
    digested = digest.hexdigest()[:16]
    for path in written:
        path.replace(path.with_name(f"{digested}.parquet"))
    kept = log.with_name(f"{digested}.damaged") if damaged else None
    if kept is not None:
        atomic.write_bytes(kept, b"".join(damaged))
    log.unlink()
    if not any(log.parent.iterdir()):
        log.parent.rmdir()
    return Compacted(log, records, kept)


class _Table:
    """A Parquet file that grows by row groups."""

    def __init__(self, path: Path, kind: Kind) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._kind = kind
        self._writer = pq.ParquetWriter(path, kind.schema, compression="zstd")
        self._rows: list[Any] = []

    def add(self, row: Any) -> None:
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
            schema = self._kind.schema
            columns = {name: [self._kind.cell(row, name) for row in self._rows] for name in schema.names}
            self._writer.write_table(pa.table(columns, schema))
        self._rows = []
