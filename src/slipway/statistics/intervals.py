"""Confidence intervals of any score, by a bootstrap over groups.

Examples of one group (frames of a video, hours of a place) are not independent, so whole groups are drawn with
replacement, and an example counts as often as its group was drawn. This is the cluster bootstrap with percentile
intervals (Davison and Hinkley, "Bootstrap Methods and their Application", 1997, sections 3.8 and 5.3). The intervals
are widened for few groups, since a bootstrap of n groups is too narrow by sqrt((n-1)/n) and has normal tails instead
of those of Student's t (Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69,
2015, section 5.4).

**Draws that all agree are not evidence of certainty.** There is no interval for a single group, nor if all groups have
the same score. If a share is 0 or 1 in every draw, the other end of its interval is the upper bound of the share of an
event that did not occur in so many groups (Hanley and Lippman-Hand, "If Nothing Goes Wrong, Is Everything All Right?",
JAMA 249, 1983; for one tail it equals the exact bound of Clopper and Pearson).
"""

from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

import numpy as np
import pandas as pd
from scipy import stats

from slipway.core.metric import Metric
from slipway.statistics.proportions import unseen

Interval = dict[str, float | None]
Key = TypeVar("Key", bound=Hashable)
"""The type of a score's key, such as its metric."""


def tail(level: float, groups: int) -> float:
    """Return the share of draws beyond one end of the interval: near `level` for many groups, less for few."""
    return float(stats.norm.cdf(stats.t.ppf(level, groups - 1) * np.sqrt(groups / (groups - 1))))


def agree(draws: np.ndarray) -> bool:
    """Whether all draws of a score are equal, apart from rounding."""
    return bool(np.ptp(draws) <= 1e-9 * max(1.0, float(np.abs(draws).max())))


def ends(
    value: float, draws: np.ndarray, *, level: float, groups: int, share: bool, informative_groups: Callable[[], int]
) -> tuple[float, float] | None:
    """Return the interval of a score; None if its uncertainty cannot be estimated.

    Args:
        value: the score on the original examples.
        draws: [k] its finite values on the draws.
        level: the tail probability beyond each end, e.g. 0.025.
        groups: the number of groups that were drawn from.
        share: whether 0 or 1 means that something never occurred, see `slipway.core.metric.Metric`.
        informative_groups: returns the number of groups with information on the score; called only if all draws agree.
    """
    if groups < 2 or not len(draws):
        return None
    if not agree(draws):
        low, high = (float(np.quantile(draws, end)) for end in (tail(level, groups), 1 - tail(level, groups)))
        return min(low, value), max(high, value)
    if not share or value not in (0.0, 1.0) or (count := informative_groups()) < 2:
        return None
    most = unseen(level, count)
    return (1 - most, 1.0) if value else (0.0, most)


def bootstrap(
    score: Callable[[np.ndarray | None], dict[Key, float]],
    groups: pd.Series,
    *,
    resamples: int,
    confidence: float,
    seed: int,
    declared: Callable[[Key], Metric | None],
    classes: Mapping[str, np.ndarray] | None = None,
) -> dict[Key, Interval]:
    """Return each metric with its interval, {metric: {"value", "low", "high"}}; None if a figure is undefined.

    Args:
        score: returns the metrics of the examples, given a weight per example ([n] counts) or None for no weights.
        groups: [n] the group of each example.
        resamples: the number of draws.
        confidence: the nominal coverage of the interval, e.g. 0.95.
        seed: the seed of the draws.
        declared: returns the declared metric of a score; None if no task declares it.
        classes: by class, whether each example [n] is of it, if the task has classes. For a score that is 0 or 1 in
            every draw, the interval then depends on the class with the fewest groups, unless every example counts the
            same (`right`).
    """
    value = score(None)
    codes, names = pd.factorize(groups, sort=True)
    random = np.random.default_rng(seed)
    drawn: dict[Key, list[float]] = {metric: [] for metric in value}
    for _ in range(resamples):
        counts = np.bincount(random.integers(len(names), size=len(names)), minlength=len(names))
        for metric, one in score(counts[codes].astype(float)).items():
            drawn[metric].append(one)
    known_counts: dict[Key, int] = {}

    def informative_groups(metric: Key) -> int:
        known = declared(metric)
        if classes and not (known and known.right):
            return min((int(groups[inside].nunique()) for inside in classes.values() if inside.any()), default=0)
        if not known_counts:
            known_counts.update(_informative_groups(score, codes, len(names), resamples))
        return known_counts[metric]

    intervals: dict[Key, Interval] = {}
    for metric, point in value.items():
        known = declared(metric)
        finite = np.asarray(drawn[metric])[np.isfinite(drawn[metric])]
        between = ends(
            point,
            finite,
            level=(1 - confidence) / 2,
            groups=len(names),
            share=known is not None and known.share,
            informative_groups=lambda metric=metric: informative_groups(metric),  # type: ignore[misc]  # binds `metric` now
        )
        low, high = between or (np.nan, np.nan)
        intervals[metric] = {"value": _plain(point), "low": _plain(low), "high": _plain(high)}
    return intervals


def _informative_groups(
    score: Callable[[np.ndarray | None], dict[Key, float]], codes: np.ndarray, groups: int, most: int
) -> dict[Key, int]:
    """Count the groups on which each metric is defined; extrapolate from `most` evenly spaced groups."""
    sampled = np.unique(np.linspace(0, groups - 1, min(groups, most)).astype(int))
    counts: dict[Key, int] = {}
    for group in sampled:
        for metric, one in score((codes == group).astype(float)).items():
            counts[metric] = counts.get(metric, 0) + bool(np.isfinite(one))
    return {metric: count * groups // len(sampled) for metric, count in counts.items()}


def _plain(number: float) -> float | None:
    """Return a number for JSON, rounded to six decimals; None if it is not finite."""
    return round(float(number), 6) if np.isfinite(number) else None
