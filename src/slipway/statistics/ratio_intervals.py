"""Shares and means of examples that come in units, with an interval for one look, and the difference of two.

Requests of a user, and frames of a video, share their fate, so the user and the video are the units. A share or a mean
is a ratio of two sums over units, whose variance the delta method gives (`slipway.statistics.ratio_metrics`).

**Shares** have the score interval of Wilson (JASA 22, 1927) on the effective sample: the number of independent examples
that have the same variance, as Korn and Graubard use it (Survey Methodology 24, 1998), with the quantile of Student's t
for the number of units. It is never more than the number of examples. If fewer than `LEAST_EVENTS` units have the
event, or fewer have an example without it, their spread shows nothing, and each unit counts as one example.

**Differences** of two independent estimates have the interval that follows from those of both: Newcombe's for shares
(method 10, Statistics in Medicine 17, 1998), in general that of Zou and Donner (Statistics in Medicine 27, 2008).

An interval is for one look. Whoever looks again and again will some day see a true value outside of it.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special  # scipy.stats takes a second to import

from slipway.statistics import ratio_metrics
from slipway.statistics.effects import LEAST_EVENTS
from slipway.statistics.moments import PairedSums

CONFIDENCE = 0.95
ROUNDING = 1e-14
"""The variance, in squares of the value, below which it is the rounding of sums."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with the ends of its interval, and the number of units behind it; NaN for what cannot be known."""

    value: float
    low: float
    high: float
    units: int


def share(events: np.ndarray, totals: np.ndarray, confidence: float = CONFIDENCE) -> Estimate:
    """Return the share of examples with an event.

    Args:
        events: [units] the examples of each unit with the event.
        totals: [units] all examples of each unit; units without any do not count.
        confidence: the nominal coverage of the interval.
    """
    events, totals = _counted(events, totals)
    units = len(totals)
    value, variance = _estimate(events, totals)
    if units < 2:
        return Estimate(value, np.nan, np.nan, units)
    effective = min(totals.sum(), value * (1 - value) / variance) if variance > 0 else float(units)
    if min((events > 0).sum(), (events < totals).sum()) < LEAST_EVENTS:
        effective = min(effective, float(units))
    squared = _quantile(confidence, units) ** 2
    centre = (value + squared / (2 * effective)) / (1 + squared / effective)
    half = np.sqrt(squared * (value * (1 - value) / effective + squared / (4 * effective**2))) / (
        1 + squared / effective
    )
    return Estimate(value, float(max(0.0, centre - half)), float(min(1.0, centre + half)), units)


def mean(sums: np.ndarray, totals: np.ndarray, confidence: float = CONFIDENCE) -> Estimate:
    """Return the mean of examples; there is no interval if all units have the same mean.

    Args:
        sums: [units] the sum of the values of each unit.
        totals: [units] the number of its examples; units without any do not count.
        confidence: the nominal coverage of the interval.
    """
    sums, totals = _counted(sums, totals)
    units = len(totals)
    value, variance = _estimate(sums, totals)
    if units < 2 or variance == 0:
        return Estimate(value, np.nan, np.nan, units)
    half = _quantile(confidence, units) * np.sqrt(variance)
    return Estimate(value, float(value - half), float(value + half), units)


def difference(first: Estimate, second: Estimate) -> Estimate:
    """Return the first minus the second estimate, which are independent; `units` are those of the one with fewer."""
    value = first.value - second.value
    below = np.hypot(first.value - first.low, second.high - second.value)
    above = np.hypot(first.high - first.value, second.value - second.low)
    return Estimate(value, float(value - below), float(value + above), min(first.units, second.units))


def _quantile(confidence: float, units: int) -> float:
    """The two-sided quantile of Student's t for a number of units."""
    return float(special.stdtrit(units - 1, (1 + confidence) / 2))


def _counted(sums: np.ndarray, totals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The units with examples, as floats."""
    sums, totals = np.asarray(sums, float), np.asarray(totals, float)
    return sums[totals > 0], totals[totals > 0]


def _estimate(sums: np.ndarray, totals: np.ndarray) -> tuple[float, float]:
    """The ratio of the sums and its variance, which is 0 where only rounding is left of it."""
    if not len(totals):
        return np.nan, np.nan
    found = ratio_metrics.moments(PairedSums.of_values(sums, totals))
    value, variance = float(found.mean), float(found.variance) / len(totals)
    return value, variance if variance > ROUNDING * value**2 else 0.0
