"""Series as a grid of steps and places, and what all encodings of it share: windows, the calendar, single values.

A feature at a step uses demand at least `horizon` steps before, the calendar, and the exogenous columns up to the step
(weather as its forecast). The features of a row depend only on the grid and the row, so training, the `Predictor` and a
server compute the same ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from slipway_edge.tables import column
from slipway_edge.tasks.tabular_regression.calendar import CLIP, Days
from slipway_edge.tasks.tabular_regression.steps import HOUR, Step

LEVEL_DAYS = 28
MOST_DEVIATION = 20
"""Ratios of demand to its usual value are clipped to this: a larger one means that the usual value is wrong."""
Features = dict[str, np.ndarray]
"""Features by name, in order, float32 [n] each."""


@dataclass(frozen=True)
class Grid:
    """Demand `[steps, places]` (float64, NaN where unknown) from the time `start` on, and the other known values.

    `numeric` and `categorical` (as codes): columns by name, each [steps, places]; `holidays`: names by day. `horizon`
    and `season` are in steps.
    """

    start: np.datetime64
    places: tuple[str, ...]
    demand: np.ndarray
    numeric: Mapping[str, np.ndarray]
    categorical: Mapping[str, np.ndarray]
    holidays: Mapping[np.datetime64, str]
    step: Step = HOUR
    horizon: int = HOUR.horizon
    season: int = HOUR.season

    @classmethod
    def of(
        cls,
        times: np.ndarray,
        places: np.ndarray,
        demand: np.ndarray,
        *,
        numeric: Mapping[str, np.ndarray],
        categorical: Mapping[str, np.ndarray],
        holidays: Mapping[np.datetime64, str],
        step: Step = HOUR,
        horizon: int = HOUR.horizon,
        season: int = HOUR.season,
    ) -> Self:
        """Return the grid of rows [n] with `times` (datetime64, one per place and step) and `places` (str)."""
        start = step.after(times.min(), np.zeros(1, np.int64))[0]
        at_step = step.between(start, times)
        known, place = np.unique(places.astype(str), return_inverse=True)

        def spread(values: np.ndarray) -> np.ndarray:
            table = np.full((int(at_step.max()) + 1, len(known)), np.nan)
            table[at_step, place] = values
            return table

        return cls(
            start,
            tuple(known.tolist()),
            spread(demand),
            {name: spread(values) for name, values in numeric.items()},
            {name: spread(values) for name, values in categorical.items()},
            holidays,
            step,
            horizon,
            season,
        )

    def position(self, times: np.ndarray) -> np.ndarray:
        """Return the positions (int64) of `times` (datetime64) in the grid."""
        return self.step.between(self.start, times)

    def times(self, position: np.ndarray) -> np.ndarray:
        """Return the times (datetime64[s]) of positions in the grid."""
        return self.step.after(self.start, position)

    @property
    def naive(self) -> int:
        """Steps back to the value that the seasonal-naive forecast repeats: whole seasons, at least the horizon."""
        return -(-self.horizon // self.season) * self.season

    @property
    def span(self) -> int:
        """The number of steps whose mean is the level: whole seasons of at least four weeks."""
        return -(-self.step.span(LEVEL_DAYS) // self.season) * self.season

    @cached_property
    def level(self) -> np.ndarray:
        """[steps, places]: mean demand of the `span` steps that end `horizon` steps before; NaN where none is known."""
        return self.means.window(self.horizon, self.span)

    @cached_property
    def days(self) -> Days:
        """The calendar of the days that the grid covers and of the following day, whose holidays are also known."""
        first, end = self.times(np.array([0, len(self.demand)])).astype("datetime64[D]")
        return Days.of(first, end + np.timedelta64(1, "D"), self.holidays)

    @cached_property
    def means(self) -> "Windows":
        """Means of demand over windows."""
        return Windows(self.demand)

    @cached_property
    def ordinary(self) -> np.ndarray:
        """[steps, places]: demand, also NaN on public holidays."""
        day = self.times(np.arange(len(self.demand))).astype("datetime64[D]")
        holiday = self.days.holiday[(day - self.days.first).astype(np.int64)]
        return np.where(holiday[:, None] > 0, np.nan, self.demand)

    def calendar(self, position: np.ndarray) -> dict[str, np.ndarray]:
        """Return the features of the calendar for steps of a day or less, at positions [n]."""
        times = self.times(position)
        day, days = times.astype("datetime64[D]"), self.days
        row = (day - days.first).astype(int)
        of_day, week = (times - day).astype(np.int64) / 3600, weekday(day)
        year_day = (day - day.astype("datetime64[Y]").astype("datetime64[D]")).astype(int)
        to_year_end = ((day.astype("datetime64[Y]") + 1).astype("datetime64[D]") - day).astype(int)
        from_new_year = np.where(to_year_end < 183, -to_year_end, year_day)
        around = [at(days.holiday[:, None], row + shift, np.zeros_like(row)) for shift in (-1, 0, 1)]
        return {
            "hour": of_day,
            "weekday": week,
            "week_hour": week * 24 + of_day,
            "year_day": year_day,
            "from_new_year": np.clip(from_new_year, -CLIP, CLIP),
            "holiday": around[1],
            "holiday_before": around[0],
            "holiday_after": around[2],
            "since_holiday": at(days.since[:, None], row, np.zeros_like(row)),
            "until_holiday": at(days.until[:, None], row, np.zeros_like(row)),
        }

    def exogenous(self, position: np.ndarray, place: np.ndarray, changes: tuple[int, ...]) -> dict[str, np.ndarray]:
        """Return the values of the raw columns at positions and places [n], and the changes of numbers since steps ago.

        They have prefixed names (`slipway_edge.tables.column`), so that they cannot be confused with other features.
        """
        features = {}
        for name, values in self.numeric.items():
            now = at(values, position, place)
            features[column(name)] = now
            for lag in changes:
                features[f"change_{lag} {column(name)}"] = now - at(values, position - lag, place)
        return features | {column(name): at(values, position, place) for name, values in self.categorical.items()}


class Windows:
    """Means over windows of steps, computed with cumulative sums and without unknown steps.

    With `over`, the mean is the sum of `values` divided by the sum of `over`.
    """

    def __init__(self, values: np.ndarray, over: np.ndarray | None = None) -> None:
        weights = (~np.isnan(values)).astype(float) if over is None else over
        known = ~np.isnan(values) & ~np.isnan(weights)
        zero = np.zeros((1, values.shape[1]))
        self._sum = np.concatenate([zero, np.where(known, values, 0).cumsum(axis=0)])
        self._weight = np.concatenate([zero, np.where(known, weights, 0).cumsum(axis=0)])

    def window(self, lag: int, length: int) -> np.ndarray:
        """Return [steps, places]: the mean over the `length` steps that end `lag` steps before each step."""
        steps, places = len(self._sum) - 1, self._sum.shape[1]
        rows, columns = np.repeat(np.arange(steps), places), np.tile(np.arange(places), steps)
        return self.at(rows, columns, lag, length).reshape(steps, places)

    def at(self, position: np.ndarray, place: np.ndarray, lag: int, length: int) -> np.ndarray:
        """Return [n]: the same mean for each given position and place."""
        last = len(self._sum) - 1
        stop = np.clip(position - lag + 1, 0, last)
        start = np.clip(position - lag + 1 - length, 0, last)
        total = self._sum[stop, place] - self._sum[start, place]
        weight = self._weight[stop, place] - self._weight[start, place]
        return over(total, weight)


def at(values: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Return values[row, column] [n] as float, NaN where `row` is out of range."""
    inside = (row >= 0) & (row < len(values))
    taken = np.full(len(row), np.nan)
    taken[inside] = values[row[inside], column[inside]]
    return taken


def shift(values: np.ndarray, steps: int) -> np.ndarray:
    """Return values [steps, places] moved to later steps, NaN at the start."""
    shifted = np.full_like(values, np.nan)
    shifted[steps:] = values[:-steps] if steps else values
    return shifted


def median(stack: np.ndarray) -> np.ndarray:
    """Return the median of the known values over the first axis, NaN if none is known."""
    ordered = np.sort(stack, axis=0)
    count = (~np.isnan(stack)).sum(axis=0)
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    high = np.minimum(high, np.maximum(count - 1, 0))
    middle: np.ndarray = (
        np.take_along_axis(ordered, low[None], axis=0)[0] + np.take_along_axis(ordered, high[None], axis=0)[0]
    ) / 2
    return middle


def mean(stack: np.ndarray) -> np.ndarray:
    """Return the mean of the known values over the first axis."""
    return over(np.nansum(stack, axis=0), (~np.isnan(stack)).sum(axis=0))


def over(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return part / whole, NaN where whole is not above 1e-6."""
    ratio: np.ndarray = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 1e-6)
    return ratio


def first_known(values: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """Return the values [n], each unknown one replaced by that of the first of the `others` that is known."""
    for other in others:
        values = np.where(np.isnan(values), other, values)
    return values


def together(demand: np.ndarray, base: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return demand and base [steps, 1] summed over the places where both [steps, places] are known."""
    known = ~np.isnan(demand) & ~np.isnan(base)
    demand = np.where(known, demand, 0).sum(axis=1, keepdims=True)
    base = np.where(known, base, 0).sum(axis=1, keepdims=True)
    return np.where(base > 0, demand, np.nan), np.where(base > 0, base, np.nan)


def weekday(day: np.ndarray) -> np.ndarray:
    """Return the weekday of days (datetime64) [n], Monday as 0: 1970-01-01 was a Thursday."""
    found: np.ndarray = (day.astype("datetime64[D]").astype(np.int64) + 3) % 7
    return found
