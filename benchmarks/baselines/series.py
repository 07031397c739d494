"""The lags and the calendar of the steps of series, as a table: what the baseline of forecasts learns from."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from slipway.stages.baseline import Prepared

SEASONS = 4
"""The number of past seasons of which the value is a lag."""


def lags_and_calendar(data: Prepared) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Return the function from examples to their table; a lag is at least the horizon, as for the model."""
    step, horizon, season = data.task.step, data.task.horizon, data.task.season

    def at(examples: pd.DataFrame, ago: int = 0) -> pd.MultiIndex:
        times = step.between(np.datetime64(0, "s"), examples["time"].to_numpy("datetime64[s]"))
        return pd.MultiIndex.from_arrays([examples["place" if "place" in examples else "group"], times - ago])

    every = pd.concat([side.examples for side in (data.train, data.val, data.test)])
    known = pd.Series(every["label"].to_numpy(float), at(every))
    seasons = [season * count for count in range(1, SEASONS + 1)]
    lags = sorted({horizon, horizon + 1, *(ago for ago in seasons if ago >= horizon)})

    def table(examples: pd.DataFrame) -> pd.DataFrame:
        columns = {f"{ago} ago": known.reindex(at(examples, ago)).to_numpy() for ago in lags}
        calendar = {part: getattr(examples["time"].dt, part) for part in ("month", "day", "day_of_week", "hour")}
        series = at(examples).get_level_values(0).astype(str)
        return examples[["naive"]].assign(series=series, **columns, **calendar)

    return table
