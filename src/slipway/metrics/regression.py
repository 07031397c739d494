"""Scores of a predicted number and of its interval, in the unit of the target.

The interval is that of split conformal prediction (Lei et al., "Distribution-Free Predictive Inference for Regression",
JASA 2018): quantiles of the errors on the validation split, added to the prediction. It covers new values with the
stated share on average, if they come from the same distribution, but not for each kind of row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from slipway.core.metric import Metric, named
from slipway.core.protocol import Contributions, Plot
from slipway.metrics import quantiles, residuals
from slipway.metrics.breakdown import TENTHS, Parts, by_column, tenths
from slipway.statistics import conformal

LEVELS = (0.1, 0.9)
"""The quantiles at the ends of the interval."""
POINTS = 2000
"""Number of points of a scatter plot, about."""
TINY = 1e-9
METRICS = named(
    Metric("mae", "lower", "the target's", "mean absolute error", None),
    Metric("rmse", "lower", "the target's", "root of the mean squared error", None),
    Metric("r2", "higher", "", "share of the variance that is explained; 0 for a model that predicts the mean", 4),
    Metric("bias", "lower", "the target's", "absolute value of the mean error", None),
    Metric("coverage", "higher", "share", "share of the values that are within the interval, of 80 %", 4, share=True),
    quantiles.METRICS["width"],
)


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of predicted values [n] with intervals from `low` to `high` [n]; see `slipway.core.protocol.Scores`.

    `actual` [n] are the values of the target, `name` its name; `columns`: the columns of the examples [n] that have a
    breakdown.
    """

    examples: pd.DataFrame
    actual: np.ndarray
    predicted: np.ndarray
    low: np.ndarray
    high: np.ndarray
    name: str
    columns: Sequence[str] = ()

    def total(self, weight: np.ndarray | None = None) -> dict[str, float]:
        """Return every metric; example i counts `weight[i]` times. R² is nan if all values are equal."""
        weight = np.ones(len(self.actual)) if weight is None else np.asarray(weight, np.float64)
        whole = float(weight.sum())
        if whole == 0:
            return dict.fromkeys(METRICS, float("nan"))
        error = self.predicted - self.actual
        variance = float(weight @ (self.actual - weight @ self.actual / whole) ** 2)
        return {
            "mae": float(weight @ np.abs(error)) / whole,
            "rmse": float(np.sqrt(weight @ error**2 / whole)),
            "r2": 1 - float(weight @ error**2) / variance if variance > 0 else float("nan"),
            "bias": abs(float(weight @ error)) / whole,
            "coverage": float(weight @ self._inside) / whole,
            "width": float(weight @ (self.high - self.low)) / whole,
        }

    def breakdowns(self, weight: np.ndarray | None = None) -> Mapping[str, pd.DataFrame]:
        """Return `tenths` of the examples by predicted value, and `by_<column>`: errors and coverage by value."""
        found = {TENTHS: self._errors("tenth", self._tenths, weight)}
        for name, parts in self._values.items():
            found[f"by_{name}"] = self._errors("value", parts, weight)
        return found

    def plots(self) -> Sequence[Plot]:
        """Return the plots: predicted against actual values, and the errors by predicted value and over time.

        The last only if the examples have a time.
        """
        step = max(1, len(self.actual) // POINTS)
        points = pd.DataFrame({"actual": self.actual, "predicted": self.predicted})[::step]
        points = points.assign(error=points["predicted"] - points["actual"]).reset_index(drop=True)
        labels = f"actual {self.name}", f"predicted {self.name}"
        plots = [
            Plot("predicted_and_actual", "Predicted against actual", points, "actual", "predicted", "scatter", *labels),
            Plot("errors", "Errors by predicted value", points, "predicted", "error", "scatter", labels[1], "error"),
        ]
        if "time" in self.examples:
            times = self.examples["time"].to_numpy("datetime64[s]")
            plots.append(residuals.plot(times, self.predicted - self.actual, self.name))
        return plots

    @cached_property
    def contributions(self) -> Contributions:
        """The contribution of each example to the mean absolute error, the coverage and the width."""
        error, ones = np.abs(self.predicted - self.actual), np.ones(len(self.actual))
        return Contributions(
            {"mae": (error, ones), "coverage": (self._inside, ones), "width": (self.high - self.low, ones)},
            errors=error,
        )

    @cached_property
    def _inside(self) -> np.ndarray:
        return quantiles.inside(self.actual, self.low, self.high)

    @cached_property
    def _tenths(self) -> Parts:
        return tenths(self.predicted)

    @cached_property
    def _values(self) -> dict[str, Parts]:
        return by_column(self.examples, self.columns)

    def _errors(self, name: str, parts: Parts, weight: np.ndarray | None) -> pd.DataFrame:
        error = self.predicted - self.actual
        return pd.DataFrame(
            {
                name: parts.names,
                "examples": parts.counts,
                "mean": parts.means(self.actual, weight),
                "mean_predicted": parts.means(self.predicted, weight),
                "mae": parts.means(np.abs(error), weight),
                "coverage": parts.means(self._inside, weight),
            }
        )


def spread(actual: np.ndarray, predicted: np.ndarray) -> dict[str, Any]:
    """Return the distances `low` and `high` of the ends of an interval from a predicted value, by validation errors.

    They are shares of the predicted value (`relative`) if the size of the errors as such shares depends less on the
    predicted value (by the rank correlation) than the size of the errors themselves: errors of prices grow with the
    price. The quantiles are those with the correction for a finite sample.

    Args:
        actual: the values [n] of the validation split.
        predicted: the predicted values [n].
    """
    errors, size = actual - predicted, np.abs(predicted)
    relative = bool((size > TINY).all()) and _dependence(errors / size, size) < _dependence(errors, size)
    ends = [round(conformal.shift(errors / size if relative else errors, level), 9) for level in LEVELS]
    return {"relative": relative, "low": ends[0], "high": ends[1]}


def _dependence(errors: np.ndarray, size: np.ndarray) -> float:
    """The absolute rank correlation of the sizes of errors [n] with the predicted sizes [n]; 0 if undefined."""
    found = float(pd.Series(np.abs(errors)).corr(pd.Series(size), method="spearman"))
    return 0.0 if np.isnan(found) else abs(found)
