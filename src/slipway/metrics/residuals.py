"""Errors over time: their median and their spread in each day, week or other period of the test split.

A median away from 0 for several periods is a drift that a mean over all periods hides; a growing spread is a model that
gets older.
"""

import numpy as np
import pandas as pd

from slipway.core.protocol import Plot

PERIODS = {
    "hour": ("h", 1),
    "day": ("D", 1),
    "week": ("D", 7),
    "month": ("M", 1),
    "quarter": ("M", 3),
    "year": ("Y", 1),
}
"""The lengths of a period, the shortest first: a unit of NumPy, and how many of it."""
MOST_PERIODS, LEAST_EXAMPLES = 100, 5
"""The shortest length is used that gives at most so many periods, with so many examples on average."""
SPREAD = {"10 %": 0.1, "median": 0.5, "90 %": 0.9}
"""The quantiles of the errors of a period, by the name of their line."""


def plot(times: np.ndarray, errors: np.ndarray, unit: str, predicted: str = "predicted") -> Plot:
    """Return the plot of the errors' quantiles by period; a period without examples is a gap.

    Args:
        times: of the examples, datetime64 [n].
        errors: predicted less actual values, [n].
        unit: what the errors are of, in words.
        predicted: how the predictions were made, for the title.
    """
    length, period, first = _periods(times)
    grouped = pd.Series(errors).groupby(period)
    table = pd.DataFrame({name: grouped.quantile(level) for name, level in SPREAD.items()})
    table.insert(0, "examples", grouped.size())
    table = table.reindex(range(int(period.max()) + 1)).rename_axis("period").reset_index()
    return Plot(
        "errors_over_time",
        f"Errors over time, by {length}: {predicted} less actual",
        table.astype({"examples": "Int64"}),
        "period",
        list(SPREAD),
        x_label=f"{length}s since {first}",
        y_label=f"error of {unit}",
    )


def _periods(times: np.ndarray) -> tuple[str, np.ndarray, str]:
    """Return the length of the periods, the number of each example's period [n] from 0, and when the first begins."""
    seconds = times.astype("datetime64[s]")
    for name, (unit, length) in PERIODS.items():
        begins = seconds.min().astype(f"datetime64[{unit}]")
        period = (seconds.astype(begins.dtype) - begins).astype(np.int64) // length
        count = int(period.max()) + 1
        found = name, period, str(begins).replace("T", " ")
        if count <= MOST_PERIODS and len(times) >= LEAST_EXAMPLES * count:
            break
    return found
