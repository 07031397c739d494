"""Metrics that are a ratio of two sums, such as errors per request, where units are users with many requests.

Requests of one user share their fate, so the user is the unit, and the ratio of sums has the variance of its linear
approximation in each user's two values: the delta method (Deng, Knoblich and Lu, "Applying the Delta Method in Metric
Analytics", KDD 2018). `slipway.statistics.ratios` has the bootstrap of such scores.
"""

import numpy as np

from slipway.statistics.moments import Moments, PairedSums


def moments(arm: PairedSums) -> Moments:
    """Return the ratio of an arm as its mean, and the variance of one unit's linear approximation.

    They are those of a mean for all tests here. NaN where the denominators sum to 0.

    Args:
        arm: the sums of the numerator (`first`) and of the denominator (`second`) of each unit.
    """
    numerator, denominator = arm.first.moments(), arm.second.moments()
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(np.asarray(denominator.mean) != 0, numerator.mean / np.asarray(denominator.mean), np.nan)[()]
        spread = numerator.variance - 2 * ratio * arm.covariance() + ratio**2 * denominator.variance
        variance = np.maximum(spread, 0.0) / np.square(denominator.mean)
    return Moments(arm.first.units, ratio, variance)
