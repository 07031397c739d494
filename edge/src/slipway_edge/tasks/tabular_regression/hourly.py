"""Features of an hourly series at many places, for a forecast `HORIZON` hours ahead.

Input: a `Grid`, demand by hour and place with NaN where it is unknown, and the (hour, place) rows to describe. Output:
a float32 row of named features for each. A feature at hour t uses demand at t - 24 hours and before; a test checks
this. `stepped` has the features for other steps and horizons.

Demand is divided by the `level` of the place, its mean over the last four weeks, so that trees learn the same rules for
places of any size. `base` is the usual demand at this hour of the week: the median of the last four weeks without
public holidays. A deviation (`dev`) is demand over base. The effect of a holiday is taken from its *anniversary*: the
same distance from the same holiday a year before, or otherwise the same weekday 52 weeks before.
"""

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from slipway_edge.tasks.tabular_regression import grid as grids
from slipway_edge.tasks.tabular_regression.grid import (
    MOST_DEVIATION,
    Features,
    Windows,
    at,
    mean,
    median,
    over,
    shift,
    together,
    weekday,
)

HORIZON = 24
"""Hours between the latest demand that a feature may use and the hour that it describes."""

DAY, WEEK = 24, 168
LAGS = (24, 48, 72, 96, 120, 144, 168, 336, 504, 672)
SIMILAR_DAYS = 5

_NONE = np.iinfo(np.int64).min


class Grid(grids.Grid):
    """A grid of hours, with what the features of a row are read from."""

    @cached_property
    def base(self) -> np.ndarray:
        """[hours, places]: the median of this hour of the week over the last four weeks, without public holidays."""
        weeks = [shift(self.ordinary, lag) for lag in (WEEK, 2 * WEEK, 3 * WEEK, 4 * WEEK)]
        base = median(np.stack(weeks))
        known = [shift(self.demand, lag) for lag in (WEEK, 2 * WEEK, 3 * WEEK, 4 * WEEK)]
        filled: np.ndarray = np.where(np.isnan(base), median(np.stack(known)), base)
        return filled

    @cached_property
    def deviation(self) -> np.ndarray:
        """[hours, places]: demand over base; 5 % of the level is added to both, against noise where base is small."""
        steady = 0.05 * np.nan_to_num(self.level)
        deviation: np.ndarray = np.minimum(over(self.demand + steady, self.base + steady), MOST_DEVIATION)
        return deviation

    @cached_property
    def deviations(self) -> "Windows":
        """Means of the deviation over windows, each hour weighted by its base: total demand over total base."""
        return Windows(self.demand, np.where(np.isnan(self.demand), np.nan, self.base))

    @cached_property
    def city(self) -> np.ndarray:
        """[hours, 1]: demand of all places together over their base, where both are known."""
        demand, base = self._together
        return over(demand, base)

    @cached_property
    def cities(self) -> "Windows":
        """Means of the city's deviation over windows."""
        return Windows(*self._together)

    @cached_property
    def parts(self) -> Mapping[str, "Windows"]:
        """Demand in parts of the week; their shares show what kind of place it is."""
        times = self.times(np.arange(len(self.demand)))
        hour = _hour_of_day(times)[:, None]
        weekend = (weekday(times) >= 5)[:, None]
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
        return together(self.demand, self.base)


def describe(grid: Grid, hour: np.ndarray, place: np.ndarray, codes: np.ndarray, level: np.ndarray) -> Features:
    """Return the features of rows at `hour` and `place` [n] (positions in the grid).

    `codes` [n] are the model's numbers of the places; `level` [n] is the level to use, finite and above 0. `expected`
    is NaN until `expectation` computes it.
    """
    features: dict[str, np.ndarray] = {"level": level, "expected": np.full(len(level), np.nan), "place": codes}
    features |= grid.calendar(hour)
    features |= _recent(grid, hour, place, level)
    features |= _city(grid, hour)
    features |= _anniversary(grid, hour, place)
    features |= grid.exogenous(hour, place, (DAY, WEEK))
    return {name: values.astype(np.float32) for name, values in features.items()}


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
        "hour_mean_7d": mean(same_hour) / level,
        "similar_mean": mean(similar) / level,
        "similar_median": median(similar) / level,
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
    today = weekday(grid.times(hour))
    found = np.full((SIMILAR_DAYS, len(hour)), np.nan)
    count = np.zeros(len(hour), dtype=np.int64)
    for days in range(1, 15):
        values = at(grid.ordinary, hour - days * DAY, place)
        alike = ((today - days) % 7 >= 5) == (today >= 5)
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
        of_day = _hour_of_day(grid.times(then))
        end = np.where(then > _NONE // 2, then - of_day + DAY - 1, _NONE // 2)
        suffix = f"_{year}y"
        features |= {
            f"dev{suffix}": at(grid.deviation, then, place),
            f"dev_day{suffix}": grid.deviations.at(end, place, 0, DAY),
            f"city_dev{suffix}": at(grid.city, then, only),
            f"city_dev_day{suffix}": grid.cities.at(end, only, 0, DAY),
            f"share{suffix}": over(at(grid.demand, then, place), at(grid.level, then, place)),
        }
    return features


def _anniversaries(grid: Grid, hour: np.ndarray) -> np.ndarray:
    """The corresponding hours of the year before; far below zero where the calendar does not reach."""
    times = grid.times(np.maximum(hour, -DAY))
    row = (times.astype("datetime64[D]") - grid.days.first).astype(int)
    inside = (row >= 0) & (hour >= 0)
    day = grid.days.anniversary[np.where(inside, row, 0)] if len(grid.days.day) else times.astype("datetime64[D]")
    then = grid.position(day) + _hour_of_day(times)
    return np.where(inside, then, _NONE // 2)


def _reduce(function: np.ufunc, stack: np.ndarray) -> np.ndarray:
    reduced: np.ndarray = function.reduce(stack, axis=0)
    return reduced


def _hour_of_day(times: np.ndarray) -> np.ndarray:
    hours: np.ndarray = times.astype("datetime64[h]").astype(np.int64) % DAY
    return hours
