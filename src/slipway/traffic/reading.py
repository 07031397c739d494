"""Read the records of an experiment or of a model: from the logs of today, and from the tables of past days."""

from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
from filelock import FileLock

from slipway.core.errors import DataError
from slipway.traffic.records import OUTCOMES, PREDICTIONS
from slipway.traffic.tables import FOLDER, KINDS, LOCK, Kind


def exposures(folder: Path, experiment: str) -> pd.DataFrame:
    """Return the records of predictions in an experiment, in the order of their time.

    Args:
        folder: the folder of the logs.
        experiment: the id of the experiment.

    Returns:
        The columns of the table (`slipway.traffic.tables`), `predictions` as JSON.
    """
    mark = f'"experiment":"{experiment}"'.encode()
    found = _read(folder, PREDICTIONS, lambda line: mark in line, condition=ds.field("experiment") == experiment)
    mine: pd.DataFrame = found[found["experiment"] == experiment].reset_index(drop=True)
    return mine


def predictions(folder: Path, model: str, start: datetime, end: datetime) -> pd.DataFrame:
    """Return the records of requests to a model from `start` on and before `end`, in the order of their time.

    Of the logs and tables only those of these days (UTC) are read, and of the tables only those of this model.

    Args:
        folder: the folder of the logs.
        model: the variant.
        start, end: times with their zone.

    Returns:
        The columns of the table (`slipway.traffic.tables`), `predictions` as JSON.

    Raises:
        DataError: a table is damaged.
    """
    first, last = start.astimezone(UTC).date(), end.astimezone(UTC).date()
    days = {(first + timedelta(days=day)).isoformat() for day in range((last - first).days + 1)}
    mark = f'"model":"{model}"'.encode()
    found = _read(folder, PREDICTIONS, lambda line: mark in line, model=model, days=days)
    within: pd.DataFrame = found[(found["time"] >= start) & (found["time"] < end)].reset_index(drop=True)
    return within


def outcomes(folder: Path) -> pd.DataFrame:
    """Return all outcomes, in the order of their time, with the columns of the table."""
    return _read(folder, OUTCOMES, lambda line: True)


def _read(
    folder: Path,
    name: str,
    wanted: Callable[[bytes], bool],
    *,
    condition: ds.Expression | None = None,
    model: str | None = None,
    days: Collection[str] | None = None,
) -> pd.DataFrame:
    """The records of a kind in lines that are wanted, or that meet the condition; of a model and of some days alone."""
    kind = KINDS[name]
    if not folder.is_dir():
        return _frame([], kind)
    with FileLock(folder / LOCK):
        logs = [log for log in sorted((folder / name).glob("*/*.jsonl")) if days is None or log.parent.name in days]
        rows = _rows(logs, kind, wanted, model)
        stored = list(_stored(folder / FOLDER / name, kind, condition, model, days))
    found = _frame([rows, *stored], kind)
    return found.sort_values(["time", "request_id"], ignore_index=True, kind="stable")


def _rows(logs: Collection[Path], kind: Kind, wanted: Callable[[bytes], bool], model: str | None) -> pa.Table:
    """The records of logs."""
    found = [
        record
        for line in _lines(logs)
        if wanted(line) and (record := kind.read(line)) is not None and (model is None or record.model == model)
    ]
    return pa.table({name: [kind.cell(one, name) for one in found] for name in kind.schema.names}, kind.schema)


def _stored(
    folder: Path, kind: Kind, condition: ds.Expression | None, model: str | None, days: Collection[str] | None
) -> Iterator[pa.Table]:
    """The records of tables."""
    root = folder if model is None else folder / f"model={model}"
    for path in sorted(root.rglob("*.parquet")):
        if path.name.startswith(".") or (days is not None and path.parent.name.removeprefix("date=") not in days):
            continue
        try:
            yield ds.dataset(path, schema=kind.schema).to_table(filter=condition)
        except (pa.ArrowException, OSError) as error:
            line = " ".join(str(error).split())[:200]
            raise DataError(
                f"{path}: not a whole Parquet file ({line}); restore it, or move it away and run this again"
            )


def _frame(tables: Collection[pa.Table], kind: Kind) -> pd.DataFrame:
    """Tables as one frame, with the types of the schema."""
    together: pd.DataFrame = pa.concat_tables(tables or [kind.schema.empty_table()]).to_pandas()
    return together


def _lines(logs: Collection[Path]) -> Iterator[bytes]:
    for log in logs:
        with log.open("rb") as lines:
            yield from lines
