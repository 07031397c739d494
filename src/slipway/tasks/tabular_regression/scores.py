"""Scores of a forecast, in the unit of the target, compared with those of the seasonal-naive forecast."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from slipway.core.metric import Metric, named
from slipway.core.protocol import Contributions, Plot
from slipway.metrics import quantiles, residuals
from slipway.metrics.breakdown import Parts
from slipway_edge.tasks.tabular_regression.steps import Step

LABELS = {"hour": "hour of the day", "weekday": "weekday, from Monday", "month": "month"}
SHOWN_DAYS = {"hour": 14, "weekday": 56, "month": None}
"""How many days of a series a plot shows at most; None: all."""
POINTS = 2000
"""Number of points of a scatter plot, about."""
METRICS = named(
    Metric("mae", "lower", "the target's", "mean absolute error", None),
    Metric("rmse", "lower", "the target's", "root of the mean squared error", None),
    Metric(
        "mape",
        "lower",
        "percent",
        "mean absolute error in percent of the actual value, over rows with an actual value above 0",
        2,
    ),
    Metric(
        "mae_ratio_to_naive",
        "lower",
        "",
        "MAE divided by that of the seasonal-naive forecast (the value a season before, such as the same hour a week "
        "before), over rows that have one; below 1 is better than the naive forecast",
        4,
    ),
)
OF_INTERVAL = quantiles.METRICS
"""The metrics of forecasts with an interval, in addition."""


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of forecasts of a target; see `slipway.core.protocol.Scores`.

    `examples`: [n] rows of the index; `label` is the actual value and `naive` the seasonal-naive forecast, NaN if there
    is none. `predicted`: the forecasts [n, 1], or the quantiles [n, 3] at `levels`, of which the second one is the
    forecast. `unit`: the name of the target. `places`: sorted from the lowest level in training to the highest. `step`:
    the step of the series. `horizon`: how many steps ahead a value was forecast.
    """

    examples: pd.DataFrame
    predicted: np.ndarray
    unit: str
    places: Sequence[str]
    step: Step
    horizon: int
    levels: Sequence[float] | None = None

    def total(self, weight: np.ndarray | None = None) -> dict[str, float]:
        """Return every metric, those of an interval if there is one; example i counts `weight[i]` times.

        Both parts of `mae_ratio_to_naive` use only the rows that have a naive forecast.
        """
        actual, error, naive = (self._errors[name].to_numpy() for name in ("actual", "error", "naive_error"))
        weight = np.ones(len(actual)) if weight is None else np.asarray(weight, dtype=np.float64)
        some, known = actual > 0, ~np.isnan(naive)
        return {
            "mae": _weighted(error, weight),
            "rmse": float(np.sqrt(_weighted(error**2, weight))),
            "mape": 100 * _weighted(error[some] / actual[some], weight[some]),
            "mae_ratio_to_naive": _share(
                _weighted(error[known], weight[known]), _weighted(naive[known], weight[known])
            ),
            **{name: _weighted(values, weight) for name, values in self._of_interval.items()},
        }

    def breakdowns(self, weight: np.ndarray | None = None) -> Mapping[str, pd.DataFrame]:
        """Return `by_hour` (or by weekday or month) and `by_place`: the errors, and the coverage of an interval."""
        return {f"by_{name}": self._breakdown(name, weight) for name in self._parts}

    def plots(self) -> Sequence[Plot]:
        """Return the error by hour, weekday or month and over time, one series, and forecast against actual."""
        errors, place, part = self._errors, self._steady_place, self.step.part
        latest = errors[errors["place"] == place].sort_values("time")
        days = SHOWN_DAYS[part]
        if days is not None:
            latest = latest[latest["time"] > latest["time"].max() - pd.Timedelta(days=days)]
        times = latest["time"].to_numpy("datetime64[s]")
        latest = latest.assign(elapsed=self.step.between(times[0], times))
        sample = errors.iloc[:: max(1, len(errors) // POINTS)]
        unit = f"steps of {self.step.words}" if " " in self.step.words else f"{self.step.words}s"
        ahead = f"forecast {self.horizon} {unit} ahead" if self.horizon > 1 else f"forecast one {self.step.words} ahead"
        return [
            Plot(
                f"error_by_{part}",
                f"Mean absolute error by {LABELS[part]}",
                self._breakdown(part),
                part,
                ["mae", "naive_mae"],
                x_label=LABELS[part],
                y_label=self.unit,
            ),
            residuals.plot(
                errors["time"].to_numpy("datetime64[s]"),
                (errors["forecast"] - errors["actual"]).to_numpy(),
                self.unit,
                ahead,
            ),
            Plot(
                "last_two_weeks" if self.step.within_day else "latest",
                f"Forecast and actual at {place}",
                latest[["elapsed", "actual", "forecast", *self._ends]].reset_index(drop=True),
                "elapsed",
                ["actual", "forecast", *self._ends],
                x_label=f"{unit} since {latest['time'].iloc[0]:%Y-%m-%d %H:%M}",
                y_label=self.unit,
            ),
            Plot(
                "forecast_and_actual",
                "Forecast against actual",
                sample[["actual", "forecast"]].reset_index(drop=True),
                "actual",
                "forecast",
                template="scatter",
                x_label=f"actual {self.unit}",
                y_label=f"forecast {self.unit}",
            ),
        ]

    @cached_property
    def contributions(self) -> Contributions:
        """The contribution of each row to the MAE, to its ratio to that of the naive forecast, and to the interval."""
        error, naive = (self._errors[name].to_numpy() for name in ("error", "naive_error"))
        known = ~np.isnan(naive)
        return Contributions(
            {
                "mae": (error, np.ones(len(error))),
                "mae_ratio_to_naive": (np.where(known, error, 0), np.where(known, naive, 0)),
                **{name: (values, np.ones(len(error))) for name, values in self._of_interval.items()},
            },
            errors=error,
        )

    @cached_property
    def _of_interval(self) -> dict[str, np.ndarray]:
        """Coverage, width and pinball loss of each row [n]; nothing without an interval."""
        if self.levels is None:
            return {}
        actual, low, high = (self._errors[name].to_numpy() for name in ("actual", *self._ends))
        return {
            "coverage": quantiles.inside(actual, low, high),
            "width": high - low,
            "pinball": quantiles.pinball(actual, np.asarray(self.predicted, np.float64), self.levels),
        }

    @property
    def _ends(self) -> list[str]:
        """The columns of the ends of the interval, if there is one."""
        return [] if self.levels is None else ["low", "high"]

    @cached_property
    def _errors(self) -> pd.DataFrame:
        """For each example: place and time, actual value and forecast, and the errors of it and the naive forecast."""
        actual = self.examples["label"].to_numpy(dtype=np.float64)
        predicted = np.asarray(self.predicted, dtype=np.float64)
        forecast = predicted[:, predicted.shape[1] // 2]
        ends = dict(zip(self._ends, predicted[:, [0, -1]].T, strict=False))
        naive = self.examples["naive"].to_numpy(dtype=np.float64)
        return pd.DataFrame(
            {
                "place": self.examples["place" if "place" in self.examples else "group"].to_numpy(),
                "time": self.examples["time"].to_numpy(),
                self.step.part: self.examples[self.step.part].to_numpy(),
                "actual": actual,
                "forecast": forecast,
                "error": np.abs(forecast - actual),
                "naive_error": np.abs(naive - actual),
                **ends,
            }
        )

    @cached_property
    def _parts(self) -> dict[str, Parts]:
        """The examples by hour, weekday or month, and by place."""
        return {name: Parts.of(self._errors[name]) for name in (self.step.part, "place")}

    def _breakdown(self, name: str, weight: np.ndarray | None = None) -> pd.DataFrame:
        """One row for each part; the comparison with the naive forecast uses only the rows that have one."""
        parts = self._parts[name]
        actual, error, naive = (self._errors[column].to_numpy() for column in ("actual", "error", "naive_error"))
        naive_mae = parts.means(naive, weight)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = parts.means(np.where(np.isnan(naive), np.nan, error), weight) / naive_mae
        return pd.DataFrame(
            {
                name: parts.names,
                "examples": parts.counts,
                "mean": parts.means(actual, weight),
                "mae": parts.means(error, weight),
                "naive_mae": naive_mae,
                "mae_ratio_to_naive": ratio,
                **{name: parts.means(self._of_interval[name], weight) for name in ("coverage",) if self.levels},
            }
        )

    @property
    def _steady_place(self) -> str:
        """The place to plot: among those with the most examples, the one with the median level in training."""
        counts = self._errors["place"].value_counts()
        full = {str(place) for place, count in counts.items() if count == counts.max()}
        ranked = [place for place in self.places if place in full] or sorted(full)
        return str(ranked[len(ranked) // 2])


def _weighted(values: np.ndarray, weight: np.ndarray) -> float:
    return _share(float(values @ weight), float(weight.sum()))


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")
