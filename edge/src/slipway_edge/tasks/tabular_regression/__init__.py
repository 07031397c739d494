"""Tabular regression over time: what a place will see in an hour, 24 hours before, such as its visitors.

Inputs: a float32 row of features for each place and hour (see `hourly`), from the table's history of it. A model's
output is what is left of the row's value over the `level` of the place once a linear blend of its past (see
`expectation`) is taken off; `postprocess` puts both back. Predictions: values in the target's unit [n, 1].
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
"""The level of a place is never below this share of its mean in training, or below the smallest divisor."""
MOST_CELLS, CELLS_A_ROW = 10_000_000, 200
"""Hours times places, and beyond so many of them, how many there may be for each row."""


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
        """The features [n, f] of the rows without a target in a table of history and hours to come, in its order.

        The table is a list of dictionaries by column, or has arrays by column. The more history the better: a year and
        two months feed every feature but those of two years ago.

        Raises:
            DataError: a column is missing, a row is not usable, or no row lacks its target. A row to forecast is not
                usable without a value that every training row had, or with a category that training did not see.
        """
        read = rows.read(examples, self._place, self._time, self._target, self._numeric, self._categorical)
        given = read.given[self._target]
        ahead = np.array([tables.missing(value) for value in given], bool)
        unsaid = Check(np.isnan(read.target) & ~ahead, "no target", f"{self._target} is", given)
        tables.refuse([*self.wrong(read, ahead=True), unsaid], "mend or leave out such rows")
        if not ahead.any():
            raise DataError(f"no row to forecast: leave {self._target} empty in the rows to forecast")
        tables.refuse(self._unlearnt(read, ahead, spec), "give a value that training saw")
        grid = self.grid(read, spec["categories"])
        inputs = self.inputs(grid, read.place[ahead], read.time[ahead], spec)
        return inputs, np.arange(len(inputs))

    def postprocess(self, outputs: np.ndarray, inputs: np.ndarray, spec: Mapping[str, Any]) -> np.ndarray:
        """Raw outputs [n, 1] to values of the target [n, 1]: plus expected, times level, and never below 0."""
        ratios = np.asarray(outputs, dtype=np.float64).reshape(len(inputs), 1) + inputs[:, 1:2]
        values: np.ndarray = np.maximum(ratios * inputs[:, :1], 0)
        return values

    def present(self, predictions: np.ndarray, examples: Any, spec: Mapping[str, Any]) -> list[dict[str, float]]:
        """The forecast by the target's name, one for each row whose target was empty."""
        return [{self._target: float(value)} for value in predictions[:, 0]]

    def wrong(self, read: Rows, ahead: bool = False) -> Iterator[Check]:
        """What is wrong with rows; where some are `ahead`, a row may have no target."""
        return rows.wrong(read, self._time, self._target, self._place, ahead)

    def grid(self, read: Rows, categories: Mapping[str, Sequence[str]]) -> Grid:
        """The grid of usable rows; `categories` numbers the values of categorical columns.

        Raises:
            DataError: they are too few for as many places and hours as they span.
        """
        start, last = read.time.min(), read.time.max()
        hours, places = int((last - start) // np.timedelta64(1, "h")) + 1, len(set(read.place))
        if hours * places > max(MOST_CELLS, CELLS_A_ROW * len(read.time)):
            said = (str(moment).replace("T", " ") for moment in (start, last))
            first, latest = said
            raise DataError(
                f"{len(read.time):,} rows are too few for {places:,} places and the {hours:,} hours from {first} "
                f"({read.where(int(read.time.argmin()))}) to {latest}; are {self._place} and {self._time} what they "
                "should be?"
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
        """Names of the public holidays of some years by day; none where no country is chosen."""
        return {} if self._country is None else public_holidays(self._country, self._subdivision, first, last)

    def inputs(self, grid: Grid, place: np.ndarray, time: np.ndarray, spec: Mapping[str, Any]) -> np.ndarray:
        """A model's inputs [n, f] for places (text) and times (datetime64) [n] of a grid."""
        features = self.features(grid, place, time, spec)
        features["expected"] = expectation.expect(features, spec["expectation"]).astype(np.float32)
        return np.stack(list(features.values())).T

    def features(self, grid: Grid, place: np.ndarray, time: np.ndarray, spec: Mapping[str, Any]) -> Features:
        """The features of places and times, with `expected` still unknown."""
        hour, at = grid.hour(time), tables.positions(place, grid.places)
        levels = np.array([*spec["levels"], np.median(spec["levels"])])
        codes = _codes(place, spec["places"])
        usual = levels[np.where(np.isnan(codes), -1, codes).astype(int)]
        level = hourly.at(grid.level, hour, at)
        level = np.maximum(np.where(np.isnan(level), usual, level), np.maximum(usual * LEAST_LEVEL, TINY))
        return hourly.describe(grid, hour, at, codes, level)

    def _unlearnt(self, read: Rows, ahead: np.ndarray, spec: Mapping[str, Any]) -> Iterator[Check]:
        """Rows to forecast without a known value in a column that had one in every training row.

        A model reads it as the smallest, for want of an example. A spec of an earlier version does not say what
        training lacked, and nothing is asked.
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
            of_training = "in no row of the training data"
            yield Check(ahead & missing, "no value", f"{name} is missing, and was {of_training}")
            yield Check(ahead & unknown, "no value", f"{name} is", read.given[name], f", which was {of_training}")


def _codes(values: np.ndarray, vocabulary: Sequence[str]) -> np.ndarray:
    """Position of each value in the vocabulary as float64 [n], NaN for others."""
    found = tables.positions(values, vocabulary).astype(float)
    return np.where(found < 0, np.nan, found)
