"""Features of an hourly series at many places, for a forecast `HORIZON` hours ahead.

Input: a `Grid`, demand by hour and place with NaN where it is unknown, and the (hour, place) rows to describe. Output:
a float32 row of named features for each. A feature at hour t uses demand at t - 24 hours and before, the calendar, and
the exogenous columns up to t (weather as its forecast); a test checks this. The features of a row depend only on the
grid and the row, so training, the `Predictor` and a server compute the same ones.

Demand is divided by the `level` of the place, its mean over the last four weeks, so that trees learn the same rules for
places of any size. `base` is the usual demand at this hour of the week: the median of the last four weeks without
public holidays. A deviation (`dev`) is demand over base. The effect of a holiday is taken from its *anniversary*: the
same distance from the same holiday a year before, or otherwise the same weekday 52 weeks before.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from slipway_edge.tables import column
from slipway_edge.tasks.tabular_regression.calendar import CLIP, Days

HORIZON = 24
"""Hours between the latest demand that a feature may use and the hour that it describes."""

DAY, WEEK = 24, 168
RECALL = 2 * 366 * DAY + 7 * WEEK
"""Hours of history that a feature can use: two anniversaries and the weeks that they are compared with."""

LAGS = (24, 48, 72, 96, 120, 144, 168, 336, 504, 672)
SIMILAR_DAYS = 5
MOST_DEVIATION = 20
"""Ratios of demand to base are clipped to this: a larger one means that base is wrong."""

Features = dict[str, np.ndarray]
"""Features by name, in order, float32 [n] each."""

_NONE = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Grid:
    """Demand `[hours, places]` (float64, NaN where unknown) from the hour `start` on, and the other known values.

    `numeric` and `categorical` (as codes): columns by name, each [hours, places]; `holidays`: names by day.
    """

    start: np.datetime64
    places: tuple[str, ...]
    demand: np.ndarray
    numeric: Mapping[str, np.ndarray]
    categorical: Mapping[str, np.ndarray]
    holidays: Mapping[np.datetime64, str]

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
    ) -> "Grid":
        """Return the grid of rows [n] with `times` (datetime64, one per place and hour) and `places` (str)."""
        start = times.min().astype("datetime64[h]")
        hour = (times.astype("datetime64[h]") - start).astype(np.int64)
        known, place = np.unique(places.astype(str), return_inverse=True)

        def spread(values: np.ndarray) -> np.ndarray:
            table = np.full((int(hour.max()) + 1, len(known)), np.nan)
            table[hour, place] = values
            return table

        return cls(
            start,
            tuple(known.tolist()),
            spread(demand),
            {name: spread(values) for name, values in numeric.items()},
            {name: spread(values) for name, values in categorical.items()},
            holidays,
        )

    def hour(self, times: np.ndarray) -> np.ndarray:
        """Return the positions (int64) of `times` (datetime64) in the grid."""
        hours: np.ndarray = (times.astype("datetime64[h]") - self.start).astype(np.int64)
        return hours

    @cached_property
    def days(self) -> Days:
        """The calendar of the days that the grid covers and of the following day, whose holidays are also known."""
        hours = len(self.demand)
        first = self.start.astype("datetime64[D]")
        last = (self.start + np.timedelta64(max(hours - 1, 0), "h")).astype("datetime64[D]")
        return Days.of(first, last + np.timedelta64(1, "D"), self.holidays)

    @cached_property
    def base(self) -> np.ndarray:
        """[hours, places]: the median of this hour of the week over the last four weeks, without public holidays."""
        weeks = [_shift(self.ordinary, lag) for lag in (WEEK, 2 * WEEK, 3 * WEEK, 4 * WEEK)]
        base = _median(np.stack(weeks))
        known = [_shift(self.demand, lag) for lag in (WEEK, 2 * WEEK, 3 * WEEK, 4 * WEEK)]
        filled: np.ndarray = np.where(np.isnan(base), _median(np.stack(known)), base)
        return filled

    @cached_property
    def deviation(self) -> np.ndarray:
        """[hours, places]: demand over base; 5 % of the level is added to both, against noise where base is small."""
        steady = 0.05 * np.nan_to_num(self.level)
        deviation: np.ndarray = np.minimum(_over(self.demand + steady, self.base + steady), MOST_DEVIATION)
        return deviation

    @cached_property
    def level(self) -> np.ndarray:
        """[hours, places]: mean demand of the four weeks that end `HORIZON` hours before; NaN where none is known."""
        return self.means.window(HORIZON, 4 * WEEK)

    @cached_property
    def means(self) -> "Windows":
        """Means of demand over windows."""
        return Windows(self.demand)

    @cached_property
    def deviations(self) -> "Windows":
        """Means of the deviation over windows, each hour weighted by its base: total demand over total base."""
        return Windows(self.demand, np.where(np.isnan(self.demand), np.nan, self.base))

    @cached_property
    def city(self) -> np.ndarray:
        """[hours, 1]: demand of all places together over their base, where both are known."""
        demand, base = self._together
        return _over(demand, base)

    @cached_property
    def cities(self) -> "Windows":
        """Means of the city's deviation over windows."""
        return Windows(*self._together)

    @cached_property
    def parts(self) -> Mapping[str, "Windows"]:
        """Demand in parts of the week; their shares show what kind of place it is."""
        times = self.start + np.arange(len(self.demand)).astype("timedelta64[h]")
        hour = _hour_of_day(times)[:, None]
        weekend = (_weekday(times.astype("datetime64[D]")) >= 5)[:, None]
        kinds = {
            "weekend": weekend,
            "morning": ~weekend & (hour >= 7) & (hour < 10),
            "noon": ~weekend & (hour >= 11) & (hour < 15),
            "evening": (hour >= 17) & (hour < 22),
            "night": (hour >= 22) | (hour < 5),
        }
        return {name: Windows(np.where(kind, self.ordinary, np.nan)) for name, kind in kinds.items()}

    @cached_property
    def _together(self) -> tuple[np.ndarray, np.ndarray]:
        """Demand and base [hours, 1] summed over the places where both are known."""
        known = ~np.isnan(self.demand) & ~np.isnan(self.base)
        demand = np.where(known, self.demand, 0).sum(axis=1, keepdims=True)
        base = np.where(known, self.base, 0).sum(axis=1, keepdims=True)
        return np.where(base > 0, demand, np.nan), np.where(base > 0, base, np.nan)

    @cached_property
    def ordinary(self) -> np.ndarray:
        """[hours, places]: demand, also NaN on public holidays."""
        day = np.arange(len(self.demand)) + int(self.start.astype(np.int64) % DAY)
        return np.where(self.days.holiday[day // DAY][:, None] > 0, np.nan, self.demand)


class Windows:
    """Means over windows of hours, computed with cumulative sums and without unknown hours.

    With `over`, the mean is the sum of `values` divided by the sum of `over`.
    """

    def __init__(self, values: np.ndarray, over: np.ndarray | None = None) -> None:
        weights = (~np.isnan(values)).astype(float) if over is None else over
        known = ~np.isnan(values) & ~np.isnan(weights)
        zero = np.zeros((1, values.shape[1]))
        self._sum = np.concatenate([zero, np.where(known, values, 0).cumsum(axis=0)])
        self._weight = np.concatenate([zero, np.where(known, weights, 0).cumsum(axis=0)])

    def window(self, lag: int, length: int) -> np.ndarray:
        """Return [hours, places]: the mean over the `length` hours that end `lag` hours before each hour."""
        hours, places = len(self._sum) - 1, self._sum.shape[1]
        rows, columns = np.repeat(np.arange(hours), places), np.tile(np.arange(places), hours)
        return self.at(rows, columns, lag, length).reshape(hours, places)

    def at(self, hour: np.ndarray, place: np.ndarray, lag: int, length: int) -> np.ndarray:
        """Return [n]: the same mean for each given hour and place."""
        last = len(self._sum) - 1
        stop = np.clip(hour - lag + 1, 0, last)
        start = np.clip(hour - lag + 1 - length, 0, last)
        total = self._sum[stop, place] - self._sum[start, place]
        weight = self._weight[stop, place] - self._weight[start, place]
        return _over(total, weight)


def at(values: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Return values[row, column] [n] as float, NaN where `row` is out of range."""
    inside = (row >= 0) & (row < len(values))
    taken = np.full(len(row), np.nan)
    taken[inside] = values[row[inside], column[inside]]
    return taken


def describe(grid: Grid, hour: np.ndarray, place: np.ndarray, codes: np.ndarray, level: np.ndarray) -> Features:
    """Return the features of rows at `hour` and `place` [n] (positions in the grid).

    `codes` [n] are the model's numbers of the places; `level` [n] is the level to use, finite and above 0. `expected`
    is NaN until `expectation` computes it. Features from raw columns have prefixed names
    (`slipway_edge.tables.column`), so that they cannot be confused with the others.
    """
    features: dict[str, np.ndarray] = {"level": level, "expected": np.full(len(level), np.nan), "place": codes}
    features |= _calendar(grid, hour)
    features |= _recent(grid, hour, place, level)
    features |= _city(grid, hour)
    features |= _anniversary(grid, hour, place)
    for name, values in grid.numeric.items():
        features |= _numeric(name, values, hour, place)
    features |= {column(name): at(values, hour, place) for name, values in grid.categorical.items()}
    return {name: values.astype(np.float32) for name, values in features.items()}


def _calendar(grid: Grid, hour: np.ndarray) -> dict[str, np.ndarray]:
    times = grid.start + hour.astype("timedelta64[h]")
    day, days = times.astype("datetime64[D]"), grid.days
    row = (day - days.first).astype(int)
    of_day, weekday = _hour_of_day(times), _weekday(day)
    year_day = (day - day.astype("datetime64[Y]").astype("datetime64[D]")).astype(int)
    to_year_end = ((day.astype("datetime64[Y]") + 1).astype("datetime64[D]") - day).astype(int)
    from_new_year = np.where(to_year_end < 183, -to_year_end, year_day)
    around = [at(days.holiday[:, None], row + shift, np.zeros_like(row)) for shift in (-1, 0, 1)]
    return {
        "hour": of_day,
        "weekday": weekday,
        "week_hour": weekday * DAY + of_day,
        "year_day": year_day,
        "from_new_year": np.clip(from_new_year, -CLIP, CLIP),
        "holiday": around[1],
        "holiday_before": around[0],
        "holiday_after": around[2],
        "since_holiday": at(days.since[:, None], row, np.zeros_like(row)),
        "until_holiday": at(days.until[:, None], row, np.zeros_like(row)),
    }


def _recent(grid: Grid, hour: np.ndarray, place: np.ndarray, level: np.ndarray) -> dict[str, np.ndarray]:
    base = at(grid.base, hour, place)
    features = {f"lag_{lag}": at(grid.demand, hour - lag, place) / level for lag in LAGS}
    weeks = np.stack([at(grid.demand, hour - lag, place) for lag in (WEEK, 2 * WEEK, 3 * WEEK, 4 * WEEK)])
    same_hour = np.stack([at(grid.demand, hour - lag, place) for lag in range(DAY, 8 * DAY, DAY)])
    similar = _similar(grid, hour, place)
    features |= {
        "base": base / level,
        "base_hour_before": at(grid.base, hour - 1, place) / level,
        "base_low": _reduce(np.fmin, weeks) / level,
        "base_high": _reduce(np.fmax, weeks) / level,
        "hour_mean_7d": _mean(same_hour) / level,
        "similar_mean": _mean(similar) / level,
        "similar_median": _median(similar) / level,
        "similar_last": similar[0] / level,
        "level_1d": grid.means.at(hour, place, HORIZON, DAY) / level,
        "level_7d": grid.means.at(hour, place, HORIZON, WEEK) / level,
        "dev_24": at(grid.deviation, hour - DAY, place),
        "dev_48": at(grid.deviation, hour - 2 * DAY, place),
        "dev_168": at(grid.deviation, hour - WEEK, place),
        "dev_6h": grid.deviations.at(hour, place, HORIZON, 6),
        "dev_1d": grid.deviations.at(hour, place, HORIZON, DAY),
        "dev_3d": grid.deviations.at(hour, place, HORIZON, 3 * DAY),
        "dev_7d": grid.deviations.at(hour, place, HORIZON, WEEK),
    }
    return features | {
        f"kind_{name}": part.at(hour, place, HORIZON, 4 * WEEK) / level for name, part in grid.parts.items()
    }


def _similar(grid: Grid, hour: np.ndarray, place: np.ndarray) -> np.ndarray:
    """[5, n]: demand at the same hour on the last five days of the same type: weekdays, or weekend days."""
    weekday = _weekday((grid.start + hour.astype("timedelta64[h]")).astype("datetime64[D]"))
    found = np.full((SIMILAR_DAYS, len(hour)), np.nan)
    count = np.zeros(len(hour), dtype=np.int64)
    for days in range(1, 15):
        values = at(grid.ordinary, hour - days * DAY, place)
        alike = ((weekday - days) % 7 >= 5) == (weekday >= 5)
        taken = np.flatnonzero(alike & ~np.isnan(values) & (count < SIMILAR_DAYS))
        found[count[taken], taken] = values[taken]
        count[taken] += 1
    return found


def _city(grid: Grid, hour: np.ndarray) -> dict[str, np.ndarray]:
    only = np.zeros_like(hour)
    return {
        "city_dev_24": at(grid.city, hour - DAY, only),
        "city_dev_1d": grid.cities.at(hour, only, HORIZON, DAY),
        "city_dev_7d": grid.cities.at(hour, only, HORIZON, WEEK),
    }


def _anniversary(grid: Grid, hour: np.ndarray, place: np.ndarray) -> dict[str, np.ndarray]:
    only = np.zeros_like(hour)
    features: dict[str, np.ndarray] = {}
    then = hour
    for year in (1, 2):
        then = _anniversaries(grid, then)
        of_day = _hour_of_day(grid.start + then.astype("timedelta64[h]"))
        end = np.where(then > _NONE // 2, then - of_day + DAY - 1, _NONE // 2)
        suffix = f"_{year}y"
        features |= {
            f"dev{suffix}": at(grid.deviation, then, place),
            f"dev_day{suffix}": grid.deviations.at(end, place, 0, DAY),
            f"city_dev{suffix}": at(grid.city, then, only),
            f"city_dev_day{suffix}": grid.cities.at(end, only, 0, DAY),
            f"share{suffix}": _over(at(grid.demand, then, place), at(grid.level, then, place)),
        }
    return features


def _numeric(name: str, values: np.ndarray, hour: np.ndarray, place: np.ndarray) -> dict[str, np.ndarray]:
    now = at(values, hour, place)
    return {
        column(name): now,
        f"change_24 {column(name)}": now - at(values, hour - DAY, place),
        f"change_168 {column(name)}": now - at(values, hour - WEEK, place),
    }


def _anniversaries(grid: Grid, hour: np.ndarray) -> np.ndarray:
    """The corresponding hours of the year before; far below zero where the calendar does not reach."""
    times = grid.start + np.maximum(hour, -DAY).astype("timedelta64[h]")
    row = (times.astype("datetime64[D]") - grid.days.first).astype(int)
    inside = (row >= 0) & (hour >= 0)
    day = grid.days.anniversary[np.where(inside, row, 0)] if len(grid.days.day) else times.astype("datetime64[D]")
    then = (day.astype("datetime64[h]") - grid.start).astype(np.int64) + _hour_of_day(times)
    return np.where(inside, then, _NONE // 2)


def _shift(values: np.ndarray, hours: int) -> np.ndarray:
    shifted = np.full_like(values, np.nan)
    shifted[hours:] = values[:-hours] if hours else values
    return shifted


def _median(stack: np.ndarray) -> np.ndarray:
    """Median of the known values over the first axis, NaN if none is known."""
    ordered = np.sort(stack, axis=0)
    count = (~np.isnan(stack)).sum(axis=0)
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    high = np.minimum(high, np.maximum(count - 1, 0))
    middle: np.ndarray = (
        np.take_along_axis(ordered, low[None], axis=0)[0] + np.take_along_axis(ordered, high[None], axis=0)[0]
    ) / 2
    return middle


def _mean(stack: np.ndarray) -> np.ndarray:
    """Mean of the known values over the first axis."""
    return _over(np.nansum(stack, axis=0), (~np.isnan(stack)).sum(axis=0))


def _over(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, NaN where whole is not above 1e-6."""
    ratio: np.ndarray = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 1e-6)
    return ratio


def _reduce(function: np.ufunc, stack: np.ndarray) -> np.ndarray:
    reduced: np.ndarray = function.reduce(stack, axis=0)
    return reduced


def _hour_of_day(times: np.ndarray) -> np.ndarray:
    hours: np.ndarray = times.astype("datetime64[h]").astype(np.int64) % DAY
    return hours


def _weekday(day: np.ndarray) -> np.ndarray:
    """Monday is 0: 1970-01-01 was a Thursday."""
    weekday: np.ndarray = (day.astype("datetime64[D]").astype(np.int64) + 3) % 7
    return weekday
