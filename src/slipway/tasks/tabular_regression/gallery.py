"""How a page shows a row of this task, and what its columns add to a forecast."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from slipway.core.protocol import column
from slipway.core.shown import Added, Shown
from slipway.core.spec import Spec
from slipway.tasks.tabular_regression import Task

CALENDAR = frozenset(
    {
        *("hour", "weekday", "week_hour", "month", "year_day", "from_new_year", "days", "working_days"),
        *("holiday", "holiday_before", "holiday_after", "since_holiday", "until_holiday", "holidays"),
    }
)
"""The features that depend on the time alone."""
PLACE = "place"


def shown(
    task: Any, raw: Path, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec
) -> Iterator[Shown]:
    """Yield the rows of the examples, as they are in the raw tables now, with the value of the naive forecast."""
    of: Task = task
    table = of._tables(raw)[0].set_index("example")
    own = ["place", "time"] if of.data.place else ["time"]
    names = {name: getattr(of.data, name) for name in own} | {column(name): name for name in of._columns}
    for name, naive in zip(examples["example"], examples["naive"], strict=True):
        if name not in table.index:
            yield Shown(problem="it is no longer in the tables")
            continue
        row = table.loc[name]
        values = {plain: row[kept] for kept, plain in names.items()}
        yield Shown(row=values | {f"{of.data.target}, a season before": float(naive)})


def columns(task: Any, spec: Spec) -> list[str]:
    """Return the column of each feature: the time for the calendar, and one more for the past values of the target."""
    of: Task = task
    data, none = of.data, np.empty(0, np.int64)
    grid = of.encoding.grid.of(
        np.array(["2000-01-01"], "datetime64[s]"),
        np.array([""]),
        np.zeros(1),
        numeric={name: np.zeros(1) for name in data.numeric},
        categorical={name: np.zeros(1) for name in data.categorical},
        holidays={},
        step=of.step,
        horizon=of.horizon,
        season=of.season,
    )
    raw = {column(name): name for name in of._columns}
    found = []
    for name in of.encoding.describe(grid, none, none, none, none.astype(float)):
        known = next((plain for kept, plain in raw.items() if name == kept or name.endswith(f" {kept}")), None)
        if known is not None:
            found.append(known)
        elif name in CALENDAR:
            found.append(data.time)
        else:
            found.append(data.place or "series" if name == PLACE else f"{data.target}, past values")
    return found


def added(task: Any, inputs: np.ndarray, shap: np.ndarray, spec: Spec) -> Added:
    """Return what features add to a forecast, in the unit of the target; of quantiles, to the middle one.

    Without them it is the linear blend of the past, which the trees correct (`slipway_edge.tasks.tabular_regression`),
    with their mean correction. Arguments as for `slipway.data.rows.gallery.added`.
    """
    level, expected = inputs[:, 0].astype(np.float64), inputs[:, 1].astype(np.float64)
    middle = shap[:, shap.shape[1] // 2]
    start = (expected + middle[:, -1]) * level
    of = [task.data.target] * len(shap)
    return Added(of, start, "by the linear blend of the past", middle[:, :-1] * level[:, None])
