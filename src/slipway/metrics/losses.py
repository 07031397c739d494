"""The scores of the model that ships, and how much lower they are than the native model's, on the same draws."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from slipway.core.metric import Metric
from slipway.statistics import intervals, proportions
from slipway.statistics.intervals import Interval

SAME = 1e-5
"""Predictions with a smaller absolute or relative difference are equal: float arithmetic in another order."""
_NATIVE, _LOST = "native ", "lost "
Score = Callable[[np.ndarray | None], Mapping[str, float]]
"""Returns the metrics for a weight of each example [n], or unweighted for None."""


@dataclass(frozen=True)
class Measured:
    """Scores with intervals, by metric: of the model that ships, of the native model, and native minus shipped."""

    shipped: dict[str, Interval]
    native: dict[str, Interval]
    lost: dict[str, Interval]


def measure(
    native: Score,
    shipped: Score,
    groups: pd.Series,
    classes: Mapping[str, np.ndarray],
    metrics: Mapping[str, Metric],
    *,
    same: bool,
    resamples: int,
    confidence: float,
    seed: int,
) -> Measured:
    """Score both models on the same draws.

    Args:
        native: returns the scores of the native model.
        shipped: returns the scores of the model that ships.
        groups: [n], the group of each example.
        classes: by class, whether each example [n] is of it; empty if the task has no classes.
        metrics: the metrics of the task, by name.
        same: whether both models predict the same, see `alike`.
        resamples, confidence, seed: settings of the draws, see `slipway.statistics.intervals.bootstrap`.
    """

    def both(weight: np.ndarray | None) -> dict[str, float]:
        before, after = native(weight), shipped(weight)
        return {
            **after,
            **{f"{_NATIVE}{metric}": before[metric] for metric in after},
            **{f"{_LOST}{metric}": before[metric] - after[metric] + 0.0 for metric in after},
        }

    found = intervals.bootstrap(
        both,
        groups,
        resamples=resamples,
        confidence=confidence,
        seed=seed,
        classes=classes,
        declared=lambda name: metrics.get(name.removeprefix(_NATIVE)),
    )
    names = sorted(name for name in found if not name.startswith((_NATIVE, _LOST)))
    return Measured(
        {name: found[name] for name in names},
        {name: found[f"{_NATIVE}{name}"] for name in names},
        {
            name: loss_interval(
                found[f"{_LOST}{name}"],
                share=name in metrics and metrics[name].share,
                same=same,
                examples=len(groups),
                confidence=confidence,
            )
            for name in names
        },
    )


def alike(native: np.ndarray, shipped: np.ndarray) -> bool:
    """Return whether the predictions of two models, [n, *p] each, are equal up to `SAME`."""
    return native.shape == shipped.shape and bool(np.allclose(native, shipped, rtol=SAME, atol=SAME, equal_nan=True))


def loss_interval(lost: Interval, *, share: bool, same: bool, examples: int, confidence: float) -> Interval:
    """Return the loss of a metric, with an interval also if the loss is 0 in every draw.

    If the models predict the same, the interval is 0 to 0. For a share that no example changed, it is the bound for an
    event that was seen in none of `examples` examples.
    """
    interval = {end: None if one is None else one + 0.0 for end, one in lost.items()}
    if lost["value"] == 0 and lost["low"] is None and (same or share):
        most = 0.0 if same else round(proportions.unseen((1 - confidence) / 2, examples), 6)
        interval |= {"low": -most + 0.0, "high": most}
    return interval
