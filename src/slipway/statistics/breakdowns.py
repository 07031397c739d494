"""Breakdowns of a score (by class, by group, by hour) with an interval for each score in them."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from slipway.core.metric import Metric
from slipway.statistics import intervals

Cell = tuple[str, Any, str]
"""The place of a score in the tables: the table, the name of the row, the column."""


def with_intervals(
    breakdowns: Callable[[np.ndarray | None], Mapping[str, pd.DataFrame]],
    groups: pd.Series,
    metrics: Mapping[str, Metric],
    curves: Collection[str],
    **draws: Any,
) -> dict[str, list[dict[str, Any]]]:
    """Return the tables as JSON rows, with an interval `c_low` to `c_high` for each score `c`, on the draws of metrics.

    Both ends are None where the draws give no interval. This is so where all examples of a score are in one group, as
    in every row of a breakdown by group: whole groups are drawn, so the score is the same in every draw with its group.

    Args:
        breakdowns: a function that returns the breakdowns of a task for weights of the examples ([n] counts) or None.
        groups: the group of each example, [n].
        metrics: the metrics that the task declares; a column may have the name of a metric.
        curves: the names of the tables without intervals.
        draws: `resamples`, `confidence` and `seed` of `slipway.statistics.intervals.bootstrap`.
    """
    plain = breakdowns(None)
    judged = {name: plain[name] for name in plain if name not in curves}

    def scores(weight: np.ndarray | None) -> dict[Cell, float]:
        return dict(_cells(plain if weight is None else breakdowns(weight), judged))

    measured = intervals.bootstrap(scores, groups, **draws, declared=lambda cell: metrics.get(cell[2]))
    rows = {name: _rows(values) for name, values in plain.items()}
    for name, shown in judged.items():
        for row, label in zip(rows[name], shown.iloc[:, 0].tolist(), strict=True):
            for column in _scores(shown):
                one = measured.get((name, label, column), {})
                row |= {f"{column}_{end}": one.get(end) for end in ("low", "high")}
    return rows


def groups_of(
    breakdowns: Callable[[np.ndarray | None], Mapping[str, pd.DataFrame]],
    groups: pd.Series,
    curves: Collection[str],
    most: int,
) -> dict[Cell, int]:
    """Return how many groups have examples of each score; of more than `most` groups, `most` are looked at.

    Arguments as for `with_intervals`.
    """
    plain = breakdowns(None)
    judged = [name for name in plain if name not in curves]
    codes, names = pd.factorize(groups, sort=True)
    counts = dict.fromkeys((cell for cell, _ in _cells(plain, judged)), 0)
    sampled = np.unique(np.linspace(0, len(names) - 1, min(len(names), most)).astype(int))
    for group in sampled:
        for cell, value in _cells(breakdowns((codes == group).astype(float)), judged):
            counts[cell] += bool(np.isfinite(value))
    return {cell: count * len(names) // len(sampled) for cell, count in counts.items()}


def _cells(tables: Mapping[str, pd.DataFrame], names: Iterable[str]) -> Iterator[tuple[Cell, float]]:
    for name in names:
        labels = tables[name].iloc[:, 0].tolist()
        for column in _scores(tables[name]):
            for label, value in zip(labels, tables[name][column].tolist(), strict=True):
                yield (name, label, column), value


def _scores(values: pd.DataFrame) -> list[str]:
    """Return the columns of a table that are scores; the first column names the row, and the others are counts."""
    return [str(name) for name, kind in values.dtypes.iloc[1:].items() if kind.kind == "f"]


def _rows(values: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table as JSON rows of rounded values, None for undefined values."""
    rows: list[dict[str, Any]] = json.loads(values.to_json(orient="records", double_precision=6, date_format="iso"))
    return rows
