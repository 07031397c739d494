"""The tables that are made of logs: their columns, and where the Parquet files of a kind of record are.

tables/predictions/model=shot/date=2027-01-31/9f86d081884c7d65.parquet
tables/outcomes/date=2027-01-31/2c26b46b68ffc68f.parquet
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import TypeAdapter, ValidationError

from slipway.traffic.records import OUTCOMES, PREDICTIONS, Outcome, Prediction

FOLDER = "tables"
LOCK = ".compact.lock"
"""The file, in the folder of the logs, that is locked while logs become tables, and while both are read."""
NO_MODEL = "-"
"""The model of requests that name none that there is; pandas cannot read a folder for null beside others."""
_TIME = ("time", pa.timestamp("us", "UTC"))


@dataclass(frozen=True)
class Kind:
    """A kind of record: its type, the columns of its table beside those in names of folders, and whether one of these
    is the model. Columns of `encoded` are JSON."""

    record: TypeAdapter[Any]
    schema: pa.Schema
    by_model: bool
    encoded: frozenset[str] = frozenset()

    def read(self, line: bytes) -> Any:
        """Return the record of a line; None if it is none."""
        try:
            return self.record.validate_json(line)
        except ValidationError:
            return None

    def cell(self, record: Any, column: str) -> Any:
        """Return the value of a record for a column."""
        value = getattr(record, column)
        return json.dumps(value, ensure_ascii=False) if column in self.encoded and value is not None else value

    def place(self, folder: Path, kind: str, model: str | None, day: str) -> Path:
        """Return the folder of the table's files for a model and a day."""
        root = folder / FOLDER / kind
        return (root / f"model={model or NO_MODEL}" if self.by_model else root) / f"date={day}"


KINDS = {
    PREDICTIONS: Kind(
        TypeAdapter(Prediction),
        pa.schema(
            [
                _TIME,
                ("request_id", pa.string()),
                ("model_version", pa.string()),
                ("unit", pa.string()),
                ("status", pa.int16()),
                ("problem", pa.string()),
                ("examples", pa.int32()),
                ("seconds", pa.float64()),
                ("inference_time", pa.float64()),
                ("predictions", pa.string()),
                ("experiment", pa.string()),
                ("arm", pa.string()),
                ("share", pa.float64()),
            ]
        ),
        by_model=True,
        encoded=frozenset({"predictions"}),
    ),
    OUTCOMES: Kind(
        TypeAdapter(Outcome),
        pa.schema(
            [
                _TIME,
                ("metric", pa.string()),
                ("value", pa.float64()),
                ("request_id", pa.string()),
                ("unit", pa.string()),
                ("key", pa.string()),
            ]
        ),
        by_model=False,
    ),
}
"""What there is to log."""
