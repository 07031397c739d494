"""Features of a series of any step, horizon and season, and the linear blend of its past that the trees correct.

Input: a `Grid`, demand by step and place with NaN where it is unknown, and the (step, place) rows to describe. Output:
a float32 row of named features for each. A feature uses demand at least `horizon` steps before its step.

Demand is divided by the `level` of the place, its mean over whole seasons of at least four weeks, so that trees learn
the same rules for places of any size. `base` is the usual demand at this step of the season: the median of four seasons
before. `share` is demand over the level of its own time, which a trend does not change. `dev` is demand over base. The
effect of a public holiday is taken from its anniversary, as in `hourly`.
"""

from functools import cached_property
from typing import Any

import numpy as np

from slipway_edge.tasks.tabular_regression import grid as grids
from slipway_edge.tasks.tabular_regression.grid import (
    MOST_DEVIATION,
    Features,
    Windows,
    at,
    first_known,
    mean,
    median,
    over,
    shift,
    together,
    weekday,
)

SEASONS = 4
"""The number of seasons before a step that its base is computed from."""
RECENT = 7
"""The number of latest values that are features."""


class Grid(grids.Grid):
    """A grid of steps, with what the features of a row are read from; arrays are [steps, places]."""

    @property
    def seasonal(self) -> tuple[int, ...]:
        """The lags of the seasons before, of which the first is that of the seasonal-naive forecast."""
        return tuple(self.naive + number * self.season for number in range(SEASONS))

    @cached_property
    def base(self) -> np.ndarray:
        """The median of this step of the season over the seasons before, without public holidays if they are days."""
        known = median(np.stack([shift(self.demand, lag) for lag in self.seasonal]))
        if not self.step.daily:
            return known
        usual = median(np.stack([shift(self.ordinary, lag) for lag in self.seasonal]))
        return first_known(usual, known)

    @cached_property
    def shares(self) -> np.ndarray:
        """Demand over the level of its own time."""
        return over(self.demand, self.level)

    @cached_property
    def deviations(self) -> Windows:
        """Total demand over total base."""
        return Windows(self.demand, np.where(np.isnan(self.demand), np.nan, self.base))

    @cached_property
    def everywhere(self) -> Windows:
        """Total demand of all places over their total base."""
        return Windows(*together(self.demand, self.base))


def describe(grid: Grid, position: np.ndarray, place: np.ndarray, codes: np.ndarray, level: np.ndarray) -> Features:
    """Return the features of rows at `position` and `place` [n] of the grid; see `hourly.describe`."""
    features: dict[str, np.ndarray] = {"level": level, "expected": np.full(len(level), np.nan), "place": codes}
    if grid.step.daily:
        calendar = grid.calendar(position)
        hours = () if grid.step.within_day else ("hour", "week_hour")
        features |= {name: values for name, values in calendar.items() if name not in hours}
        features["then_1y"] = _anniversary(grid, position, place)
    else:
        features |= _dates(grid, position)
    features |= _past(grid, position, place, level)
    features |= grid.exogenous(position, place, (grid.naive,))
    return {name: values.astype(np.float32) for name, values in features.items()}


def terms(features: Features) -> np.ndarray:
    """Return the terms [n, k] of the blend; an unknown value is replaced by a coarser one, in the end by the level."""
    known = {name: features[name].astype(float) for name in features}
    ones = np.ones(len(known["level"]))
    base = first_known(known["base"], known["naive"], known["season_mean"], known["level_1s"], ones)
    share = first_known(known["share"], base)
    deviations = [base * np.nan_to_num(known[name] - 1) for name in ("dev", "dev_1s", "dev_4", "dev_all", "dev_all_1s")]
    columns = [base, share, ones]
    columns += [
        first_known(known[name], base) for name in ("naive", "season_mean", "share_naive", "level_1s", "latest")
    ]
    if "then_1y" in known:
        columns.append(first_known(known["then_1y"], share))
    return np.stack([*columns, *deviations], axis=1)


def expect(features: Features, coefficients: dict[str, Any]) -> np.ndarray:
    """Return the expected ratio [n] of demand to level, 0 or more."""
    ratio: np.ndarray = np.maximum(terms(features) @ np.array(coefficients["blend"]), 0)
    return ratio


def _past(grid: Grid, position: np.ndarray, place: np.ndarray, level: np.ndarray) -> dict[str, np.ndarray]:
    def ago(values: np.ndarray, lag: int) -> np.ndarray:
        return at(values, position - lag, place)

    ends, short = grid.horizon, min(4, grid.season)
    seasons = np.stack([ago(grid.demand, lag) for lag in grid.seasonal])
    shares = np.stack([ago(grid.shares, lag) for lag in grid.seasonal])
    lags = sorted({*range(ends + 1, ends + RECENT), *grid.seasonal[1:]} - {grid.naive})
    everywhere = np.zeros_like(place)
    deviations = {
        "dev": grid.deviations.at(position, place, ends, 1),
        "dev_4": grid.deviations.at(position, place, ends, short),
        "dev_1s": grid.deviations.at(position, place, ends, grid.season),
        "dev_all": grid.everywhere.at(position, everywhere, ends, 1),
        "dev_all_1s": grid.everywhere.at(position, everywhere, ends, grid.season),
    }
    return {
        "naive": seasons[0] / level,
        "latest": ago(grid.demand, ends) / level,
        **{f"lag_{lag}": ago(grid.demand, lag) / level for lag in lags},
        "base": at(grid.base, position, place) / level,
        "season_mean": mean(seasons) / level,
        "share_naive": shares[0],
        "share": median(shares),
        "level_4": grid.means.at(position, place, ends, short) / level,
        "level_1s": grid.means.at(position, place, ends, grid.season) / level,
        "level_before": grid.means.at(position, place, ends + grid.span, grid.span) / level,
        **{name: np.minimum(values, MOST_DEVIATION) for name, values in deviations.items()},
    }


def _dates(grid: Grid, position: np.ndarray) -> dict[str, np.ndarray]:
    """The calendar of steps longer than a day: when in the year, and how many days, weekdays and holidays."""
    begins, ends = (grid.times(one).astype("datetime64[D]") for one in (position, position + 1))
    days = grid.days
    first, last = ((one - days.first).astype(np.int64) for one in (begins, ends))
    year = begins.astype("datetime64[Y]")
    working = (weekday(days.day) < 5) & (days.holiday == 0)

    def count(which: np.ndarray) -> np.ndarray:
        total = np.append(0, np.cumsum(which))
        counts: np.ndarray = total[np.clip(last, 0, len(which))] - total[np.clip(first, 0, len(which))]
        return counts

    return {
        "month": begins.astype("datetime64[M]").astype(np.int64) % 12 + 1,
        "year_day": (begins - year.astype("datetime64[D]")).astype(np.int64),
        "days": last - first,
        "working_days": count(working),
        "holidays": count(days.holiday > 0),
    }


def _anniversary(grid: Grid, position: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The share of the step a year before: of the same holiday, or of the same weekday 52 weeks before."""
    times = grid.times(position)
    day = times.astype("datetime64[D]")
    row = (day - grid.days.first).astype(np.int64)
    then = grid.days.anniversary[np.clip(row, 0, len(grid.days.day) - 1)] + (times - day)
    return at(grid.shares, grid.position(then), place)
