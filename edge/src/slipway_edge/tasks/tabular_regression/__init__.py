"""Tabular regression over time: forecast a value of a place, such as its visitors, some steps ahead.

Inputs: a float32 row of features for each place and step, from the history of the place in the table: those of `hourly`
for hours a day ahead, those of `stepped` for everything else. A model's outputs are the row's value, or its quantiles,
divided by the `level` of the place, minus a linear blend of the place's past; `postprocess` reverses both. Predictions:
values in the target's unit [n, 1], or quantiles in ascending order [n, 3].
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from slipway_edge import tables
from slipway_edge.errors import DataError, ModelError
from slipway_edge.fields import NUMBER, Optional
from slipway_edge.intervals import presented
from slipway_edge.tables import Check, Table, Written
from slipway_edge.tasks.tabular_regression import expectation, hourly, rows, stepped
from slipway_edge.tasks.tabular_regression.grid import Features, Grid, at
from slipway_edge.tasks.tabular_regression.public_holidays import public_holidays
from slipway_edge.tasks.tabular_regression.rows import Rows
from slipway_edge.tasks.tabular_regression.steps import HOUR, Step

LEAST_LEVEL, TINY = 0.05, 1e-6
"""Lower bounds of a place's level: a share of its mean in training, and the smallest divisor."""
MOST_CELLS, CELLS_A_ROW = 10_000_000, 200
"""Limits of the grid: steps times places in total; a larger grid may have this many cells per row of the table."""


class Encoding(NamedTuple):
    """How rows become features: the class of the grid, the features of its rows, and the linear blend of these."""

    grid: type[Grid]
    describe: Callable[..., Features]
    expect: Callable[[Features, dict[str, Any]], np.ndarray]


HOURLY = Encoding(hourly.Grid, hourly.describe, expectation.expect)
STEPPED = Encoding(stepped.Grid, stepped.describe, stepped.expect)


class Task:
    """Regression on a table of times and places; see `slipway_edge.predictor.Task`."""

    data_fields: ClassVar[Mapping[str, Any]] = {
        **dict.fromkeys(("target", "time"), str),
        **dict.fromkeys(("numeric", "categorical"), list),
        **dict.fromkeys(("place", "country", "subdivision"), str | None),
        "step": Optional(str),
        **dict.fromkeys(("horizon", "season"), Optional(int)),
        "format": Optional({"decimal": Optional(str), "missing": Optional(list)}),
    }
    spec_fields: ClassVar[Mapping[str, Any]] = {
        "places": list,
        "levels": list,
        "categories": dict,
        "expectation": {"days": Optional(list), "places": Optional(list), "blend": Optional(list)},
        "quantiles": Optional([NUMBER, NUMBER, NUMBER]),
    }

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._target: str = data["target"]
        self._time: str = data["time"]
        self._place: str | None = data["place"]
        self._numeric: tuple[str, ...] = tuple(data["numeric"])
        self._categorical: tuple[str, ...] = tuple(data["categorical"])
        self._country: str | None = data["country"]
        self._subdivision: str | None = data["subdivision"]
        self._written = Written.of(data)
        try:
            self.step = Step.parse(data.get("step", str(HOUR)))
        except ValueError as error:
            raise ModelError(f"data.step: {error}")
        self.horizon: int = data.get("horizon") or self.step.horizon
        self.season: int = data.get("season") or self.step.season
        self.encoding = HOURLY if (self.step, self.horizon) == (HOUR, HOUR.horizon) else STEPPED

    def preprocess(self, examples: Table, spec: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """Return the features [n, f] of the rows without a target, in the order of the table, and their positions [n].

        The table holds the history and the rows to forecast, as a list of dictionaries by column, or arrays by column.
        More history is better: for hours, a year and two months give every feature except those of two years ago.

        Raises:
            DataError: a column is missing, a row cannot be used, or every row has a target. A row to forecast cannot be
                used without a value that every training row had, or with a category that is not in the training data.
        """
        read = rows.read(
            examples, self._place, self._time, self._target, self._numeric, self._categorical, self._written
        )
        rows.check_step(read, self.step)
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
        """Return the target's values [n, k] for raw outputs [n, k]: (output + expected) * level, at least 0.

        Quantiles that cross are sorted, which brings them nearer to the true ones (Chernozhukov et al., "Quantile and
        Probability Curves Without Crossing", Econometrica 2010).
        """
        ratios = np.asarray(outputs, dtype=np.float64).reshape(len(inputs), -1) + inputs[:, 1:2]
        values: np.ndarray = np.sort(np.maximum(ratios * inputs[:, :1], 0), axis=1)
        return values

    def present(self, predictions: np.ndarray, examples: Any, spec: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the forecast by the target's name for each row whose target is empty, with quantiles an `interval`."""
        if "quantiles" in spec:
            low, middle, high = predictions.T
            return presented(self._target, middle, low, high)
        return [{self._target: float(value)} for value in predictions[:, 0]]

    def wrong(self, read: Rows, ahead: bool = False) -> Iterator[Check]:
        """Yield the checks of the rows; with `ahead`, rows may have no target."""
        return rows.wrong(read, self._time, self._target, self._place, self.step, ahead)

    def grid(self, read: Rows, categories: Mapping[str, Sequence[str]]) -> Grid:
        """Return the grid of usable rows; the position in `categories` is the code of a categorical value.

        Raises:
            DataError: the rows are too few for the number of places and steps that they span.
        """
        start, last = read.time.min(), read.time.max()
        length, places = int(self.step.between(start, np.array([last]))[0]) + 1, len(set(read.place))
        if length * places > max(MOST_CELLS, CELLS_A_ROW * len(read.time)):
            first, latest = (str(moment).replace("T", " ") for moment in (start, last))
            raise DataError(
                f"{len(read.time):,} rows are too few for {places:,} places and the {length:,} steps ({self.step}) "
                f"from {first} ({read.where(int(read.time.argmin()))}) to {latest}; check the values of "
                f"{self._place or 'the place'} and {self._time}"
            )
        first_year, last_year = (int(moment.astype("datetime64[Y]").astype(int)) + 1970 for moment in (start, last))
        return self.encoding.grid.of(
            read.time,
            read.place,
            read.target,
            numeric=read.numeric,
            categorical={name: _codes(read.categorical[name], categories[name]) for name in self._categorical},
            holidays=self.holidays(first_year - 3, last_year + 1),
            step=self.step,
            horizon=self.horizon,
            season=self.season,
        )

    def holidays(self, first: int, last: int) -> Mapping[np.datetime64, str]:
        """Return the names of the public holidays of the years `first` to `last` by day, empty without a country."""
        return {} if self._country is None else public_holidays(self._country, self._subdivision, first, last)

    def inputs(self, grid: Grid, place: np.ndarray, time: np.ndarray, spec: Mapping[str, Any]) -> np.ndarray:
        """Return a model's inputs [n, f] for places (text) and times (datetime64) [n] of a grid."""
        features = self.features(grid, place, time, spec)
        features["expected"] = self.encoding.expect(features, spec["expectation"]).astype(np.float32)
        return np.stack(list(features.values())).T

    def features(self, grid: Grid, place: np.ndarray, time: np.ndarray, spec: Mapping[str, Any]) -> Features:
        """Return the features of places and times; `expected` is still NaN."""
        position, number = grid.position(time), tables.positions(place, grid.places)
        levels = np.array([*spec["levels"], np.median(spec["levels"])])
        codes = _codes(place, spec["places"])
        usual = levels[np.where(np.isnan(codes), -1, codes).astype(int)]
        level = at(grid.level, position, number)
        level = np.maximum(np.where(np.isnan(level), usual, level), np.maximum(usual * LEAST_LEVEL, TINY))
        return self.encoding.describe(grid, position, number, codes, level)

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
