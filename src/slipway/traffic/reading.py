"""Read the records of an experiment: from the logs of today, and from the tables of past days."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.dataset as ds
from filelock import FileLock

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
    found = _read(folder, PREDICTIONS, lambda line: mark in line, ds.field("experiment") == experiment)
    mine: pd.DataFrame = found[found["experiment"] == experiment].reset_index(drop=True)
    return mine


def outcomes(folder: Path) -> pd.DataFrame:
    """Return all outcomes, in the order of their time, with the columns of the table."""
    return _read(folder, OUTCOMES, lambda line: True, None)


def _read(folder: Path, name: str, wanted: Callable[[bytes], bool], condition: ds.Expression | None) -> pd.DataFrame:
    kind = KINDS[name]
    columns = kind.schema.names
    if not folder.is_dir():
        return _empty(kind)
    with FileLock(folder / LOCK):
        rows, stored = _rows(folder / name, kind, wanted), _stored(folder / FOLDER / name, kind, condition)
    frames = [one for one in (pd.DataFrame(rows, columns=columns), stored) if len(one)]
    if not frames:
        return _empty(kind)
    for one in frames:
        one["time"] = pd.to_datetime(one["time"], utc=True)
    return pd.concat(frames, ignore_index=True).sort_values(["time", "request_id"], ignore_index=True, kind="stable")


def _rows(folder: Path, kind: Kind, wanted: Callable[[bytes], bool]) -> list[list[Any]]:
    """The records of logs, as rows of the table."""
    return [
        [kind.cell(record, column) for column in kind.schema.names]
        for line in _lines(folder)
        if wanted(line) and (record := kind.read(line)) is not None
    ]


def _stored(folder: Path, kind: Kind, condition: ds.Expression | None) -> pd.DataFrame:
    """The records of tables."""
    files = sorted(str(path) for path in folder.rglob("*.parquet") if not path.name.startswith("."))
    if not files:
        return _empty(kind)
    stored: pd.DataFrame = ds.dataset(files, schema=kind.schema).to_table(filter=condition).to_pandas()
    return stored


def _empty(kind: Kind) -> pd.DataFrame:
    empty: pd.DataFrame = kind.schema.empty_table().to_pandas()
    return empty


def _lines(folder: Path) -> Iterator[bytes]:
    for log in sorted(folder.glob("*/*.jsonl")):
        with log.open("rb") as lines:
            yield from lines
