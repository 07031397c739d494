"""Forecasts from a history that the server keeps: a request names places, times and what is known ahead.

The rows of a variant are in an SQLite file that the workers share, one for each place and time: a row that comes again
replaces the earlier one, so late and corrected rows need nothing else. Rows that no feature can reach are removed.

The grid of a version (`slipway_edge.tasks.tabular_regression`) is computed from all rows and kept until a row changes.
For a request only the columns that are known ahead are written into a copy of it. The inputs are computed by the task
itself, so a forecast equals that of `Predictor.predict` for a table with the history and the rows of the request.
"""

import copy
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from slipway.core.errors import DataError
from slipway.serving.release import Loaded
from slipway_edge import tables
from slipway_edge.tasks.tabular_regression import Task
from slipway_edge.tasks.tabular_regression import rows as series
from slipway_edge.tasks.tabular_regression.grid import Grid
from slipway_edge.tasks.tabular_regression.rows import RECALL, Rows
from slipway_edge.tasks.tabular_regression.steps import Step

MOST_DAYS_AHEAD = 366
_ADVICE = "fix or remove these rows"
_TABLES = """
CREATE TABLE IF NOT EXISTS observed (
    variant TEXT, place TEXT, time TEXT, row BLOB NOT NULL, PRIMARY KEY (variant, place, time)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS changes (variant TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Kept:
    """What is kept of a variant: how many rows were new or changed, how many there are, and the latest time."""

    added: int
    changed: int
    rows: int
    latest: str


class Forecasts:
    """The histories in the file `path`. Use an instance in one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def _file(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = sqlite3.connect(self._path, timeout=30, isolation_level=None, check_same_thread=False)
        file.execute("PRAGMA journal_mode=WAL")
        file.execute("PRAGMA synchronous=FULL")
        file.executescript(_TABLES)
        return file

    def add(self, model: Loaded, table: Sequence[Mapping[str, Any]]) -> Kept:
        """Add observed rows, all or none.

        Raises:
            DataError: a row cannot be used, alone or with those that are there; the message says which one.
        """
        read = _read(model, table)
        tables.refuse(_task(model).wrong(read), _ADVICE)
        variant = model.version.variant
        new = {
            (str(place), str(time)): orjson.dumps(row)
            for place, time, row in zip(read.place, read.time, table, strict=True)
        }
        self._file.execute("BEGIN IMMEDIATE")
        try:
            query = "SELECT place, time, row FROM observed WHERE variant = ?"
            there = {(place, time): row for place, time, row in self._file.execute(query, (variant,))}
            different = {key: row for key, row in new.items() if there.get(key) != row}
            self._file.executemany(
                "INSERT OR REPLACE INTO observed VALUES (?, ?, ?, ?)",
                [(variant, *key, row) for key, row in different.items()],
            )
            latest = max(time for _, time in there | new)
            oldest = str(np.datetime64(latest) - np.timedelta64(RECALL, "D"))
            self._file.execute("DELETE FROM observed WHERE variant = ? AND time < ?", (variant, oldest))
            if different:
                self._file.execute(
                    "INSERT INTO changes VALUES (?, 1) ON CONFLICT DO UPDATE SET number = number + 1", (variant,)
                )
                kept = self._number(variant), self._grid(model)  # rows that do not fit together are refused here
            self._file.execute("COMMIT")
        except BaseException:
            self._file.execute("ROLLBACK")
            raise
        if different:
            model.grid = kept
        rows = sum(time >= oldest for _, time in there | new)
        added = len(different.keys() - there.keys())
        return Kept(added, len(different) - added, rows, latest)

    def predict(self, model: Loaded, table: Sequence[Mapping[str, Any]]) -> tuple[np.ndarray, list[Any]]:
        """Return the predictions of rows without a target as an array and for callers, as `Predictor.predict` does.

        Without a history of the variant, they are those of the rows alone.

        Raises:
            DataError: a row cannot be used; the message says which one.
        """
        predictor, task, spec = model.predictor, _task(model), model.predictor.spec
        table = [{predictor.record["data"]["target"]: None, **row} for row in table]
        number = self._number(model.version.variant)
        if not number:
            array = predictor.predict_array(table)
            return array, task.present(array, table, spec)
        if model.grid is None or model.grid[0] != number:
            model.grid = number, self._grid(model)
        read = _read(model, table)
        tables.refuse(task.wrong(read, ahead=True), _ADVICE)
        lacking = task._not_in_training(read, np.ones(len(read.time), bool), spec)
        tables.refuse(lacking, "give a value that occurs in the training data")
        grid = _extended(model.grid[1], task.step, read)
        model.grid = number, grid
        ahead = _with_known(grid, read, spec["categories"])
        inputs = task.inputs(ahead, read.place, read.time, spec)
        # What the features are read from does not depend on the columns that differ, and is computed once.
        grid.__dict__.update({name: one for name, one in ahead.__dict__.items() if name not in grid.__dict__})
        array = task.postprocess(predictor.interpreter(inputs), inputs, spec)
        return array, task.present(array, table, spec)

    def _grid(self, model: Loaded) -> Grid:
        """The grid of all rows of a variant.

        Raises:
            DataError: the rows do not fit together.
        """
        task = _task(model)
        rows = self._file.execute("SELECT row FROM observed WHERE variant = ?", (model.version.variant,))
        read = _read(model, orjson.loads(b"[" + b",".join(row for (row,) in rows) + b"]"))
        series.check_step(read, task.step)
        tables.refuse(task.wrong(read), _ADVICE)
        return task.grid(read, model.predictor.spec["categories"])

    def _number(self, variant: str) -> int:
        """The number of changes of the rows of a variant; 0 if there never were any."""
        found = self._file.execute("SELECT number FROM changes WHERE variant = ?", (variant,)).fetchone()
        return 0 if found is None else int(found[0])


def forecasts(model: Loaded) -> bool:
    """Return whether a model forecasts, so that its past may be kept."""
    return isinstance(model.predictor.task, Task)


def is_ahead(model: Loaded, table: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a model forecasts, and no row of a table has a target, so that its past is elsewhere."""
    if not forecasts(model):
        return False
    target = model.predictor.record["data"]["target"]
    return all(tables.missing(row.get(target)) or row[target] == "" for row in table)


def _task(model: Loaded) -> Task:
    task = model.predictor.task
    if not isinstance(task, Task):
        raise DataError(f"{model.version.variant} does not forecast, so it has no history")
    return task


def _read(model: Loaded, table: Sequence[Mapping[str, Any]]) -> Rows:
    data = model.predictor.record["data"]
    return series.read(
        table,
        data["place"],
        data["time"],
        data["target"],
        data["numeric"],
        data["categorical"],
        tables.Written.of(data),
    )


def _extended(grid: Grid, step: Step, read: Rows) -> Grid:
    """A grid that reaches to the last of some rows.

    Raises:
        DataError: a row is of a place without a history, before the history, or far after it.
    """
    for row, place in enumerate(read.place):
        if place not in grid.places:
            some = ", ".join(grid.places[:5])
            raise DataError(f"{read.where(row)}: there is no history of {place}; there is of {some}")
    position = grid.position(read.time)
    first, last = int(position.argmin()), int(position.argmax())
    if position[first] < 0:
        raise DataError(f"{read.where(first)}: {read.time[first]} is before the history, which begins at {grid.start}")
    more = int(position[last]) + 1 - len(grid.demand)
    if more <= 0:
        return grid
    if more > step.span(MOST_DAYS_AHEAD):
        raise DataError(
            f"{read.where(last)}: {read.time[last]} is more than {MOST_DAYS_AHEAD} days after the end of the history"
        )

    def longer(values: np.ndarray) -> np.ndarray:
        return np.concatenate([values, np.full((more, values.shape[1]), np.nan)])

    return replace(
        grid,
        demand=longer(grid.demand),
        numeric={name: longer(values) for name, values in grid.numeric.items()},
        categorical={name: longer(values) for name, values in grid.categorical.items()},
    )


def _with_known(grid: Grid, read: Rows, categories: Mapping[str, Sequence[str]]) -> Grid:
    """A copy of a grid with the columns that are known ahead, at the places and times of some rows."""
    position, number = grid.position(read.time), tables.positions(read.place, grid.places)

    def written(values: np.ndarray, new: np.ndarray) -> np.ndarray:
        changed = values.copy()
        changed[position, number] = new
        return changed

    def codes(name: str) -> np.ndarray:
        found = tables.positions(read.categorical[name], categories[name]).astype(float)
        return np.where(found < 0, np.nan, found)

    ahead = copy.copy(grid)
    ahead.__dict__["numeric"] = {name: written(of, read.numeric[name]) for name, of in grid.numeric.items()}
    ahead.__dict__["categorical"] = {name: written(of, codes(name)) for name, of in grid.categorical.items()}
    return ahead
