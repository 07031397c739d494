"""E-values: evidence against a hypothesis that may be looked at after every observation.

An e-value is the factor by which a bet against the hypothesis has multiplied its stake. If the hypothesis holds, its
mean is at most 1 at every time of stopping, so it ever reaches 1/alpha with a probability of at most alpha (Ville,
"Étude critique de la notion de collectif", 1939; Ramdas, Grünwald, Vovk and Shafer, "Game-theoretic statistics and safe
anytime-valid inference", Statistical Science 38, 2023). All functions take and return logarithms.
"""

import numpy as np
from scipy import special

from slipway.statistics.moments import Values


def p_value(log_e: Values, before: Values = 1.0) -> Values:
    """Return the least 1/e so far: a p-value that is valid at every look, and never rises.

    Args:
        log_e: the logarithm of the e-value now.
        before: the p-value of the look before; 1 at the first.
    """
    least: Values = np.minimum(before, np.exp(-np.maximum(log_e, 0.0)))
    return least


def log_mean(log_e: np.ndarray, axis: int) -> Values:
    """Return the logarithm of the mean of e-values along an axis: a mean of e-values is an e-value."""
    mean: Values = special.logsumexp(log_e, axis=axis) - np.log(log_e.shape[axis])
    return mean
