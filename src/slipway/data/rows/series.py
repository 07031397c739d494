"""Find the series in a table: the column of times, the column that tells series apart, the step and the season."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from slipway.data.readers import tables
from slipway_edge.tasks.tabular_regression.grid import Grid
from slipway_edge.tasks.tabular_regression.steps import Step, detect

NAMES = ("timestamp", "time", "datetime", "date", "hour", "day", "week", "month", "ds")
"""The names of the column of times, if several columns hold dates."""
REPEATED = 0.01
"""The largest share of rows that repeat a time of their series, as an hour is repeated when summer time ends."""
ALIKE = 0.9
"""The least share of rows in series of the same step."""
LENGTH = 10
"""The least number of rows of a series on average."""
SEASONS = 2
"""A season is considered if the table covers at least this many of them."""


@dataclass(frozen=True)
class Series:
    """The series of a table: the columns of the time and of the place (None for one series), and how many there are.

    `step` is the distance of their rows, `horizon` the usual one of the step, and `season` the usual one whose
    seasonal-naive forecast has the smallest error.
    """

    time: str
    place: str | None
    places: int
    step: Step
    horizon: int
    season: int

    @property
    def words(self) -> str:
        """What was found, as a sentence."""
        of = "" if self.place is None else f" for each of {self.places:,} values of {self.place}"
        return (
            f"{self.time} has a row every {self.step.words}{of}: these are series, and their next values are forecast"
        )


def find(
    table: pd.DataFrame, dates: Sequence[str], others: Sequence[str], values: pd.Series, place: str | None
) -> Series | None:
    """Return the series of a table, None if it has none, or if it is not clear which.

    Args:
        table: the rows, as text.
        dates: the columns of dates, one of which is the time.
        others: the columns that may tell the series apart.
        values: the target as numbers [n], NaN where it is missing.
        place: the column that tells the series apart, if it is known.
    """
    named = [one for name in NAMES for one in dates if one.casefold() == name]
    time = dates[0] if len(dates) == 1 else next(iter(named), None)
    if time is None:
        return None
    times, zoned = tables.times(table[time])
    if zoned.any():
        return None
    single = pd.Series("", table.index)
    found: dict[str | None, tuple[pd.Series, Step]] = {}
    for name in [place] if place else [None, *others]:
        key = single if name is None else tables.texts(table[name])
        step = _step(key, times)
        if step is not None:
            found[name] = key, step
            if name is None:
                break
    if not found or not _same([key for key, _ in found.values()]):
        return None
    name, (key, step) = next(iter(found.items()))
    season = _season(key, times, values, step)
    return Series(time, name, key.nunique(), step, step.horizon, season)


def _step(key: pd.Series, times: pd.Series) -> Step | None:
    """The step of the series with these keys [n] and times [n], None if they are no series of one step."""
    rows = pd.DataFrame({"key": key, "time": times}).dropna()
    if rows.empty or rows["key"].nunique() * LENGTH > len(rows) or rows.duplicated().mean() > REPEATED:
        return None
    counts: dict[Step | None, int] = {}
    for _, series in rows.groupby("key")["time"]:
        step = detect(series.to_numpy("datetime64[s]"))
        counts[step] = counts.get(step, 0) + len(series)
    most = max(counts, key=counts.__getitem__)
    return most if counts[most] >= ALIKE * len(rows) else None


def _same(keys: Sequence[pd.Series]) -> bool:
    """Whether all columns tell the same rows apart, as a number of a shop and its name do."""
    codes = [pd.factorize(key)[0] for key in keys]
    return all(np.array_equal(codes[0], other) for other in codes[1:])


def _season(key: pd.Series, times: pd.Series, values: pd.Series, step: Step) -> int:
    """The season, of those that are usual for the step, whose naive forecast has the smallest absolute error."""
    rows = pd.DataFrame({"key": key, "time": times, "value": values}).dropna(subset=["key", "time"])
    rows = rows[~rows.duplicated(["key", "time"])]
    rows = rows[step.aligned(rows["time"].to_numpy("datetime64[s]"))]
    usual = [step.span(1), step.season] if step.within_day else [step.season, 1]
    errors: dict[int, float] = {}
    for season in usual:
        grid = Grid.of(
            rows["time"].to_numpy("datetime64[s]"), rows["key"].to_numpy(), rows["value"].to_numpy(np.float64),
            numeric={}, categorical={}, holidays={}, step=step, horizon=step.horizon, season=season,
        )  # fmt: skip
        error = np.abs(grid.demand[grid.naive :] - grid.demand[: -grid.naive])
        if len(grid.demand) >= SEASONS * season + grid.horizon and not np.isnan(error).all():
            errors[season] = float(np.nanmean(error))
    return min(errors, key=errors.__getitem__, default=1)
