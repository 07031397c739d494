"""Confidence intervals of any score by a bootstrap over groups.

Examples of one group (frames of a video, hours of a place) are not independent, so whole groups are drawn with
replacement and an example counts as often as its group was drawn: the cluster bootstrap with percentile intervals
(Davison and Hinkley, "Bootstrap Methods and their Application", 1997, sections 3.8 and 5.3). Their tails are widened
for few groups, since a bootstrap of n groups is too narrow by sqrt((n-1)/n), and normal where Student's t is due
(Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69, 2015, section 5.4).

**Draws that all agree are no certainty.** A single group gives no interval, nor do groups that all have the same score.
Where a share is 0 or 1 in every draw, its other end is that of a share that was never seen in so many groups (Hanley
and Lippman-Hand, "If Nothing Goes Wrong, Is Everything All Right?", JAMA 249, 1983; for one tail it is Clopper and
Pearson's exact end).
"""

from collections.abc import Callable, Hashable
from typing import TypeVar

import numpy as np
import pandas as pd
from scipy import stats

from slipway.core.metric import Metric
from slipway.statistics.proportions import unseen

Interval = dict[str, float | None]
Key = TypeVar("Key", bound=Hashable)
"""What a score is found by."""


def tail(level: float, groups: int) -> float:
    """The share of draws beyond an end of the interval: `level` itself for many groups, less for few."""
    return float(stats.norm.cdf(stats.t.ppf(level, groups - 1) * np.sqrt(groups / (groups - 1))))


def agree(draws: np.ndarray) -> bool:
    """Whether the draws of a score are all the same, but for rounding."""
    return bool(np.ptp(draws) <= 1e-9 * max(1.0, float(np.abs(draws).max())))


def ends(
    value: float, draws: np.ndarray, *, level: float, groups: int, share: bool, telling: Callable[[], int]
) -> tuple[float, float] | None:
    """The interval of a score; None where nobody can tell how sure it is.

    Args:
        value: the score of the examples as they are.
        draws: [k] its finite values on the draws.
        level: what may lie beyond each end, e.g. 0.025.
        groups: how many were drawn from.
        share: whether 0 or 1 says that something was never seen, see `slipway.core.metric.Metric`.
        telling: how many groups tell anything of it; called only where all draws agree.
    """
    if groups < 2 or not len(draws):
        return None
    if not agree(draws):
        low, high = (float(np.quantile(draws, end)) for end in (tail(level, groups), 1 - tail(level, groups)))
        return min(low, value), max(high, value)
    if not share or value not in (0.0, 1.0) or (count := telling()) < 2:
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
    classes: np.ndarray | None = None,
) -> dict[Key, Interval]:
    """Each metric with its interval: {metric: {"value", "low", "high"}}, None where it is undefined.

    Args:
        score: metrics of the examples for a weight each ([n] counts), or for None as they are.
        groups: [n] the group of each example.
        resamples: number of draws.
        confidence: the interval's nominal coverage, e.g. 0.95.
        seed: of the draws.
        declared: what is known of the metric behind a score; None where it is none of a task.
        classes: [n] the class of each example, where the task decides between classes: a score that is perfect in every
            draw is then as sure as the class with the fewest groups allows, but for one that every example tells of.
    """
    value = score(None)
    codes, names = pd.factorize(groups, sort=True)
    random = np.random.default_rng(seed)
    drawn: dict[Key, list[float]] = {metric: [] for metric in value}
    for _ in range(resamples):
        counts = np.bincount(random.integers(len(names), size=len(names)), minlength=len(names))
        for metric, one in score(counts[codes].astype(float)).items():
            drawn[metric].append(one)
    alone: dict[Key, int] = {}

    def telling(metric: Key) -> int:
        known = declared(metric)
        if classes is not None and not (known and known.right):
            return int(groups.groupby(classes).nunique().min())
        if not alone:
            alone.update(_defined_alone(score, codes, len(names), resamples))
        return alone[metric]

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
            telling=lambda metric=metric: telling(metric),  # type: ignore[misc]  # bound now, called at once
        )
        low, high = between or (np.nan, np.nan)
        intervals[metric] = {"value": _plain(point), "low": _plain(low), "high": _plain(high)}
    return intervals


def _defined_alone(
    score: Callable[[np.ndarray | None], dict[Key, float]], codes: np.ndarray, groups: int, most: int
) -> dict[Key, int]:
    """How many groups define each metric by themselves; of more groups than `most` so many are asked, spread evenly."""
    asked = np.unique(np.linspace(0, groups - 1, min(groups, most)).astype(int))
    counts: dict[Key, int] = {}
    for group in asked:
        for metric, one in score((codes == group).astype(float)).items():
            counts[metric] = counts.get(metric, 0) + bool(np.isfinite(one))
    return {metric: count * groups // len(asked) for metric, count in counts.items()}


def _plain(number: float) -> float | None:
    """A float that JSON has, rounded to what is meant."""
    return round(float(number), 6) if np.isfinite(number) else None
