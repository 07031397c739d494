"""Scores of predicted quantiles, the lower and the upper end of an interval among them."""

from collections.abc import Sequence

import numpy as np

from slipway.core.metric import Metric, named

METRICS = named(
    Metric("coverage", "higher", "share", "share of the values that are within the interval", 4, share=True),
    Metric("width", "lower", "the target's", "mean width of the interval", None),
    Metric(
        "pinball",
        "lower",
        "the target's",
        "mean pinball loss of the quantiles: an error counts by the quantile's level if the value is above it, and "
        "by 1 minus the level if it is below",
        None,
    ),
)


def inside(actual: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return 1 for each value [n] that is within its interval and 0 for the others."""
    within: np.ndarray = ((low <= actual) & (actual <= high)).astype(np.float64)
    return within


def pinball(actual: np.ndarray, predicted: np.ndarray, levels: Sequence[float]) -> np.ndarray:
    """Return the pinball loss [n] of quantiles [n, k] at levels [k], their mean (Koenker and Bassett, 1978)."""
    error = actual[:, None] - predicted
    loss: np.ndarray = np.maximum(np.array(levels) * error, (np.array(levels) - 1) * error).mean(axis=1)
    return loss
