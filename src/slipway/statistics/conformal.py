"""Split conformal prediction: intervals with a stated coverage, from errors on examples that training did not use."""

import numpy as np


def shift(errors: np.ndarray, level: float) -> float:
    """Return what to add to a prediction of a quantile, or of any value, to make it the quantile at `level`.

    It is the quantile of the errors, with the correction for a finite sample: rounded down for a level below 0.5 and up
    for one above (Romano et al., "Conformalized Quantile Regression", NeurIPS 2019).

    Args:
        errors: actual minus predicted values [n] of the validation split.
        level: from 0 to 1.
    """
    count, ordered = len(errors), np.sort(errors)
    rank = (count + 1) * level
    at = max(int(np.floor(rank)), 1) if level < 0.5 else min(int(np.ceil(rank)), count)
    return float(ordered[at - 1])
