"""The mean of a few scores, such as those of the folds of a cross-validation, and its interval."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from slipway.statistics.intervals import agree


def student(values: Sequence[float]) -> tuple[float, tuple[float, float] | None]:
    """Return the mean, and its 95 % interval by Student's t with n - 1 degrees of freedom.

    There is no interval for a single value, nor if all values are equal.
    """
    numbers = np.array(values, float)
    mean = float(numbers.mean())
    if len(numbers) < 2 or agree(numbers):
        return mean, None
    half = float(stats.t.ppf(0.975, len(numbers) - 1) * stats.sem(numbers))
    return mean, (mean - half, mean + half)
