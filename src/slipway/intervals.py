"""Confidence intervals of any score by a bootstrap over groups.

Examples of one group (frames of a video, hours of a place) are not independent, so whole groups are drawn with
replacement and an example counts as often as its group was drawn: the cluster bootstrap with percentile intervals
(Davison and Hinkley, "Bootstrap Methods and their Application", 1997, sections 3.8 and 5.3).
"""

from collections.abc import Callable, Hashable
from typing import TypeVar

import numpy as np
import pandas as pd

Interval = dict[str, float | None]
Metric = TypeVar("Metric", bound=Hashable)
"""The name of a score."""


def bootstrap(
    score: Callable[[np.ndarray | None], dict[Metric, float]],
    groups: pd.Series,
    *,
    resamples: int,
    confidence: float,
    seed: int,
) -> dict[Metric, Interval]:
    """Each metric with its interval: {metric: {"value", "low", "high"}}, None where it is undefined.

    Args:
        score: metrics of the examples for a weight each ([n] counts), or for None as they are.
        groups: [n] the group of each example.
        resamples: number of draws.
        confidence: the interval's nominal coverage, e.g. 0.95.
        seed: of the draws.
    """
    value = score(None)
    codes, names = pd.factorize(groups, sort=True)
    random = np.random.default_rng(seed)
    drawn: dict[Metric, list[float]] = {metric: [] for metric in value}
    for _ in range(resamples):
        counts = np.bincount(random.integers(len(names), size=len(names)), minlength=len(names))
        for metric, one in score(counts[codes].astype(float)).items():
            drawn[metric].append(one)
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    intervals: dict[Metric, Interval] = {}
    for metric, point in value.items():
        finite = np.asarray(drawn[metric])[np.isfinite(drawn[metric])]
        low, high = np.quantile(finite, tails) if len(finite) else (np.nan, np.nan)
        intervals[metric] = {"value": _plain(point), "low": _plain(low), "high": _plain(high)}
    return intervals


def _plain(number: float) -> float | None:
    """A float that JSON has, rounded to what is meant."""
    return round(float(number), 6) if np.isfinite(number) else None
