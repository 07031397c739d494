"""Tabular regression over time: forecast an hourly value of a place, such as its visitors, 24 hours ahead.

Inputs: a float32 row of features for each place and hour (see `hourly`), from the history of the place in the table. A
model's output is the row's value divided by the `level` of the place, minus a linear blend of the place's past (see
`expectation`); `postprocess` reverses both. Predictions: values in the target's unit [n, 1].
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from slipway_edge import tables
from slipway_edge.errors import DataError
from slipway_edge.tables import Check, Table
from slipway_edge.tasks.tabular_regression import expectation, hourly, rows
from slipway_edge.tasks.tabular_regression.hourly import Features, Grid
from slipway_edge.tasks.tabular_regression.public_holidays import public_holidays
from slipway_edge.tasks.tabular_regression.rows import Rows

LEAST_LEVEL, TINY = 0.05, 1e-6
"""Lower bounds of a place's level: a share of its mean in training, and the smallest divisor."""
MOST_CELLS, CELLS_A_ROW = 10_000_000, 200
"""Limits of the grid: hours times places in total; a larger grid may have this many cells per row of the table."""


class Task:
    """Regression on a table of hours and places; see `slipway_edge.predictor.Task`."""

    data_fields: ClassVar[Mapping[str, Any]] = {
        **dict.fromkeys(("target", "time", "place"), str),
        **dict.fromkeys(("numeric", "categorical"), list),
        **dict.fromkeys(("country", "subdivision"), str | None),
    }
    spec_fields: ClassVar[Mapping[str, Any]] = {
        "places": list,
        "levels": list,
        "categories": dict,
        "expectation": {"days": list, "places": list},
    }

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._target: str = data["target"]
        self._time: str = data["time"]
        self._place: str = data["place"]
        self._numeric: tuple[str, ...] = tuple(data["numeric"])
        self._categorical: tuple[str, ...] = tuple(data["categorical"])
        self._country: str | None = data["country"]
        self._subdivision: str | None = data["subdivision"]

    def preprocess(self, examples: Table, spec: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """Return the features [n, f] of the rows without a target, in the order of the table, and their positions [n].

        The table holds the history and the hours to forecast, as a list of dictionaries by column, or arrays by column.
        More history is better: a year and two months are enough for every feature except those of two years ago.

        Raises:
            DataError: a column is missing, a row cannot be used, or every row has a target. A row to forecast cannot be
                used without a value that every training row had, or with a category that is not in the training data.
        """
        read = rows.read(examples, self._place, self._time, self._target, self._numeric, self._categorical)
        given = read.given[self._target]
        ahead = np.array([tables.missing(value) for value in given], bool)
        unreadable = Check(np.isnan(read.target) & ~ahead, "no target", f"{self._target} is", given)
        tables.refuse([*self.wrong(read, ahead=True), unreadable], "fix or remove these rows")
        if not ahead.any():
            raise DataError(f"no row to forecast: leave {self._target} empty in the rows to forecast")
        tables.refuse(self._not_in_training(read, ahead, spec), "give a value that occurs in the training data")
        grid = self.grid(read, spec["categories"])
        inputs = self.inputs(grid, read.place[ahead], read.time[ahead], spec)
        return inputs, np.arange(len(inputs))

    def postprocess(self, outputs: np.ndarray, inputs: np.ndarray, spec: Mapping[str, Any]) -> np.ndarray:
        """Return the target's values [n, 1] for raw outputs [n, 1]: (output + expected) * level, at least 0."""
        ratios = np.asarray(outputs, dtype=np.float64).reshape(len(inputs), 1) + inputs[:, 1:2]
        values: np.ndarray = np.maximum(ratios * inputs[:, :1], 0)
        return values

    def present(self, predictions: np.ndarray, examples: Any, spec: Mapping[str, Any]) -> list[dict[str, float]]:
        """Return the forecast by the target's name for each row whose target is empty."""
        return [{self._target: float(value)} for value in predictions[:, 0]]

    def wrong(self, read: Rows, ahead: bool = False) -> Iterator[Check]:
        """Yield the checks of the rows; with `ahead`, rows may have no target."""
        return rows.wrong(read, self._time, self._target, self._place, ahead)

    def grid(self, read: Rows, categories: Mapping[str, Sequence[str]]) -> Grid:
        """Return the grid of usable rows; the position in `categories` is the code of a categorical value.

        Raises:
            DataError: the rows are too few for the number of places and hours that they span.
        """
        start, last = read.time.min(), read.time.max()
        hours, places = int((last - start) // np.timedelta64(1, "h")) + 1, len(set(read.place))
        if hours * places > max(MOST_CELLS, CELLS_A_ROW * len(read.time)):
            first, latest = (str(moment).replace("T", " ") for moment in (start, last))
            raise DataError(
                f"{len(read.time):,} rows are too few for {places:,} places and the {hours:,} hours from {first} "
                f"({read.where(int(read.time.argmin()))}) to {latest}; check the values of {self._place} and "
                f"{self._time}"
            )
        first_year, last_year = (int(moment.astype("datetime64[Y]").astype(int)) + 1970 for moment in (start, last))
        return Grid.of(
            read.time,
            read.place,
            read.target,
            numeric=read.numeric,
            categorical={name: _codes(read.categorical[name], categories[name]) for name in self._categorical},
            holidays=self.holidays(first_year - 3, last_year + 1),
        )

    def holidays(self, first: int, last: int) -> Mapping[np.datetime64, str]:
        """Return the names of the public holidays of the years `first` to `last` by day, empty without a country."""
        return {} if self._country is None else public_holidays(self._country, self._subdivision, first, last)

    def inputs(self, grid: Grid, place: np.ndarray, time: np.ndarray, spec: Mapping[str, Any]) -> np.ndarray:
        """Return a model's inputs [n, f] for places (text) and times (datetime64) [n] of a grid."""
        features = self.features(grid, place, time, spec)
        features["expected"] = expectation.expect(features, spec["expectation"]).astype(np.float32)
        return np.stack(list(features.values())).T

    def features(self, grid: Grid, place: np.ndarray, time: np.ndarray, spec: Mapping[str, Any]) -> Features:
        """Return the features of places and times; `expected` is still NaN."""
        hour, at = grid.hour(time), tables.positions(place, grid.places)
        levels = np.array([*spec["levels"], np.median(spec["levels"])])
        codes = _codes(place, spec["places"])
        usual = levels[np.where(np.isnan(codes), -1, codes).astype(int)]
        level = hourly.at(grid.level, hour, at)
        level = np.maximum(np.where(np.isnan(level), usual, level), np.maximum(usual * LEAST_LEVEL, TINY))
        return hourly.describe(grid, hour, at, codes, level)

    def _not_in_training(self, read: Rows, ahead: np.ndarray, spec: Mapping[str, Any]) -> Iterator[Check]:
        """Check for rows to forecast without a known value in a column that had one in every training row.

        Without a training example, a model treats a missing value as the smallest one. A spec of an earlier version
        has no `gaps`, and nothing is checked.
        """
        for name in (*self._numeric, *self._categorical) if "gaps" in spec else ():
            if name in spec["gaps"]["missing"]:
                continue
            if name in read.numeric:
                missing, unknown = np.isnan(read.numeric[name]), np.zeros(len(ahead), bool)
            else:
                values = read.categorical[name]
                missing = np.array([value is None for value in values], bool)
                unknown = ~missing & (tables.positions(values, spec["categories"][name]) < 0)
            yield Check(ahead & missing, "no value", f"{name} is missing, but every row of the training data has it")
            why = ", which is in no row of the training data"
            yield Check(ahead & unknown, "no value", f"{name} is", read.given[name], why)


def _codes(values: np.ndarray, vocabulary: Sequence[str]) -> np.ndarray:
    """Position of each value in the vocabulary as float64 [n], NaN for values that are not in it."""
    found = tables.positions(values, vocabulary).astype(float)
    return np.where(found < 0, np.nan, found)
