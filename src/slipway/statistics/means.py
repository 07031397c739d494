"""The mean of a few scores, such as those of the folds of a cross-validation, and how sure it is."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from slipway.statistics.intervals import agree


def student(values: Sequence[float]) -> tuple[float, tuple[float, float] | None]:
    """The mean, and its 95 % interval by Student's t with one degree of freedom less than there are values.

    There is no interval of a single value, nor of values that are all the same.
    """
    numbers = np.array(values, float)
    mean = float(numbers.mean())
    if len(numbers) < 2 or agree(numbers):
        return mean, None
    half = float(stats.t.ppf(0.975, len(numbers) - 1) * stats.sem(numbers))
    return mean, (mean - half, mean + half)
