"""Did the arms get the units that they should have got? A test that may be looked at after every unit.

The counts of the arms are multinomial with the planned shares. The alternative is a Dirichlet mixture around these
shares (Lindon and Malek, "Anytime-Valid Inference for Multinomial Count Data", NeurIPS 2022). Its
concentration k decides which mismatch is found soonest: the mean over a small, a middle and a large one finds a broken
split after a few units, and a small mismatch nearly as soon as the best k for it.
"""

from collections.abc import Iterable

import numpy as np
from scipy import special

from slipway.statistics.e_values import log_mean
from slipway.statistics.moments import Values

CONCENTRATIONS = (1.0, 100.0, 10_000.0)
"""The values of k, with equal weights."""
ALARM = 0.001
"""The p-value from which on the arms do not have their shares."""


def log_e_value(counts: np.ndarray, shares: np.ndarray) -> Values:
    """Return ln e against these shares: of one period, in which the shares did not change.

    Args:
        counts: the number of units of each arm, [..., arms].
        shares: the planned shares of the arms [arms]: positive, with the sum 1. An arm without a share is left out.

    Raises:
        ValueError: a count is negative, or the shares are not of this form.
    """
    counts, shares = _checked(counts, shares)
    ratios = [concentrated_log_e_value(counts, shares, k) for k in CONCENTRATIONS]
    return log_mean(np.stack([np.asarray(one) for one in ratios]), axis=0)


def periods_log_e_value(periods: Iterable[tuple[np.ndarray, np.ndarray]]) -> Values:
    """Return ln e of several periods with their own shares, one after the other: their e-values are multiplied.

    Args:
        periods: the counts and the shares of each period, as for `log_e_value`. The shares may depend on what was seen
            in the periods before, as those of a bandit or a rollout do, and on nothing else.
    """
    return sum((log_e_value(counts, shares) for counts, shares in periods), start=0.0)


def concentrated_log_e_value(counts: np.ndarray, shares: np.ndarray, concentration: float) -> Values:
    """Return ln e for one k: ln B(kp + x) - ln B(kp) - sum of x ln p, with B the multivariate beta function."""
    prior = concentration * shares
    log_e: Values = _log_beta(prior + counts) - _log_beta(prior) - (counts * np.log(shares)).sum(-1)
    return log_e


def _log_beta(values: np.ndarray) -> Values:
    log_beta: Values = special.gammaln(values).sum(-1) - special.gammaln(values.sum(-1))
    return log_beta


def _checked(counts: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    counts, shares = np.asarray(counts, float), np.asarray(shares, float)
    if counts.shape[-1:] != shares.shape:
        raise ValueError(f"{counts.shape[-1] if counts.ndim else 1} counts for {shares.size} shares")
    if not (counts >= 0).all():
        raise ValueError("a count is negative or not a number")
    if not ((shares > 0).all() and abs(shares.sum() - 1) < 1e-9):
        raise ValueError(f"the shares {shares.tolist()} are not positive numbers with the sum 1")
    return counts, shares
