"""Does the canary have more errors than production, while its share of the traffic changes?

Given that an event occurred, it is the canary's with probability w, its share of the units, if both versions have
events at the same rate: whatever this rate is, and however it changes by the hour. If the canary's rate is r times that
of production, the probability is wr / (wr + 1 - w). So each event is a draw whose probability is known under both
hypotheses, and their likelihood ratio is an e-value at any sample, without any approximation. It is the conditional
test of two Poisson rates (Przyborowski and Wilenski, Biometrika 31, 1940), made sequential as by Lindon and Malek,
"Anytime-Valid Inference for Multinomial Count Data" (NeurIPS 2022), here with a one-sided mixture: the mean over a grid
of r finds small and large ratios.

An event may be an error, or a request that was slower than a limit. `shares` are those by which units are drawn; that
the arms have got them is what `slipway.statistics.sample_ratio` tests.

**What counts.** Units are drawn into the canary, so units count, not requests: a unit counts once, at its first event
of a step. A unit that counted in an earlier step is no fresh draw in a later one, since it stays in its arm. If it was
in production then, count it again in a cell of its own, with the share that `share_of_rest` gives. If it was in the
canary, do not count it again: it could not have been anywhere else.
"""

import numpy as np

from slipway.statistics.e_values import log_mean
from slipway.statistics.moments import Values

RATIOS = 1 / np.linspace(1 / 1.05, 1 / 20, 30)
"""The rate ratios r of the mixture, with equal weights; evenly spaced in 1 / r, so half of them are below 2."""


def log_e_value(canary: np.ndarray, production: np.ndarray, shares: np.ndarray, tolerated: float = 1.0) -> Values:
    """Return ln e against a rate of the canary of at most `tolerated` times that of production.

    Args:
        canary: the number of the canary's units with an event, by cell [..., cells]. A cell is the events that were
            seen while the canary had the same share: a step of a rollout.
        production: the same of production.
        shares: the canary's share of the units in each cell, [cells] or [..., cells], between 0 and 1 exclusively.
        tolerated: the rate ratio that is still no harm.

    Raises:
        ValueError: a count is negative, a share is not between 0 and 1, or the tolerated ratio is not positive.
    """
    canary, production, shares = (np.asarray(one, float) for one in (canary, production, shares))
    if not ((canary >= 0).all() and (production >= 0).all()):
        raise ValueError("a number of events is negative or not a number")
    if not ((shares > 0) & (shares < 1)).all():
        raise ValueError("a share is not between 0 and 1: at 0 and at 1 there is nothing to compare with")
    if not 0 < tolerated < np.inf:
        raise ValueError(f"the tolerated rate ratio is {tolerated}; it must be positive")
    null = shares * tolerated / (shares * tolerated + 1 - shares)
    ratios = RATIOS[:, *[None] * canary.ndim]
    log_ratios = canary * np.log(ratios) - (canary + production) * np.log1p(null * (ratios - 1))
    return log_mean(log_ratios.sum(-1), axis=0)


def share_of_rest(share: float, before: float) -> float:
    """Return the probability that a unit of production at share `before` is in the canary at the larger `share`.

    Raises:
        ValueError: the shares do not grow.
    """
    if not 0 <= before < share <= 1:
        raise ValueError(f"a share of {share} does not follow one of {before}")
    return (share - before) / (1 - before)
