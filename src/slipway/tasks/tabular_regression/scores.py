"""Scores of a forecast, in the unit of the target, compared with those of the seasonal-naive forecast."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from slipway.core.metric import Metric, named
from slipway.core.protocol import Contributions, Plot
from slipway.metrics.breakdown import Parts

POINTS = 2000
"""Number of points of a scatter plot, about."""
METRICS = named(
    Metric("mae", "lower", "the target's", "mean absolute error", None),
    Metric("rmse", "lower", "the target's", "root of the mean squared error", None),
    Metric(
        "mape",
        "lower",
        "percent",
        "mean absolute error in percent of the actual value, over hours with an actual value above 0",
        2,
    ),
    Metric(
        "mae_ratio_to_naive",
        "lower",
        "",
        "MAE divided by that of the seasonal-naive forecast (the same hour a week before), over hours that have one; "
        "below 1 is better than the naive forecast",
        4,
    ),
)


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of forecasts [n] of a target; see `slipway.core.protocol.Scores`.

    `examples`: [n] rows of the index; `label` is the actual value and `naive` the seasonal-naive forecast, NaN if there
    is none. `unit`: the name of the target. `places`: sorted from the lowest level in training to the highest.
    """

    examples: pd.DataFrame
    forecast: np.ndarray
    unit: str
    places: Sequence[str]

    def total(self, weight: np.ndarray | None = None) -> dict[str, float]:
        """Return every metric; example i counts `weight[i]` times.

        Both parts of `mae_ratio_to_naive` use only the hours that have a naive forecast.
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
        }

    def breakdowns(self, weight: np.ndarray | None = None) -> Mapping[str, pd.DataFrame]:
        """Return `by_hour` (of the day) and `by_place`: examples, mean, mae, naive_mae, mae_ratio_to_naive."""
        return {f"by_{name}": self._breakdown(name, weight) for name in self._parts}

    def plots(self) -> Sequence[Plot]:
        """Return the error by hour of the day, the last two weeks of one place, and forecast against actual."""
        errors, place = self._errors, self._steady_place
        weeks = errors[errors["place"] == place].sort_values("time")
        weeks = weeks[weeks["time"] > weeks["time"].max() - pd.Timedelta(days=14)]
        start = weeks["time"].min()
        weeks = weeks.assign(elapsed=((weeks["time"] - start) // pd.Timedelta(hours=1)).astype("int64"))
        sample = errors.iloc[:: max(1, len(errors) // POINTS)]
        return [
            Plot(
                "error_by_hour",
                "Mean absolute error by hour of the day",
                self._breakdown("hour"),
                "hour",
                ["mae", "naive_mae"],
                x_label="hour of the day",
                y_label=self.unit,
            ),
            Plot(
                "last_two_weeks",
                f"Forecast and actual at {place}",
                weeks[["elapsed", "actual", "forecast"]].reset_index(drop=True),
                "elapsed",
                ["actual", "forecast"],
                x_label=f"hours since {start:%Y-%m-%d %H:%M}",
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
        """The contribution of each hour to the MAE and to its ratio to the MAE of the naive forecast."""
        error, naive = (self._errors[name].to_numpy() for name in ("error", "naive_error"))
        known = ~np.isnan(naive)
        return Contributions(
            {
                "mae": (error, np.ones(len(error))),
                "mae_ratio_to_naive": (np.where(known, error, 0), np.where(known, naive, 0)),
            },
            errors=error,
        )

    @cached_property
    def _errors(self) -> pd.DataFrame:
        """For each example: place and time, actual value and forecast, and the errors of it and the naive forecast."""
        actual = self.examples["label"].to_numpy(dtype=np.float64)
        forecast = np.asarray(self.forecast, dtype=np.float64)
        naive = self.examples["naive"].to_numpy(dtype=np.float64)
        return pd.DataFrame(
            {
                "place": self.examples["group"].to_numpy(),
                "time": self.examples["time"].to_numpy(),
                "hour": self.examples["hour"].to_numpy(),
                "actual": actual,
                "forecast": forecast,
                "error": np.abs(forecast - actual),
                "naive_error": np.abs(naive - actual),
            }
        )

    @cached_property
    def _parts(self) -> dict[str, Parts]:
        """The examples by hour of the day and by place."""
        return {name: Parts.of(self._errors[name]) for name in ("hour", "place")}

    def _breakdown(self, name: str, weight: np.ndarray | None = None) -> pd.DataFrame:
        """One row for each part; the comparison with the naive forecast uses only the hours that have one."""
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
