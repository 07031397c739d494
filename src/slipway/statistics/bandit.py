"""A bandit: shares of the arms that follow the rewards (Thompson sampling), and estimates that are right despite it.

The weight of an arm is the probability that it is the best (Thompson, Biometrika 25, 1933), by draws from the posterior
of each arm. Exploration is an additive floor on it. Draws have a seed, so that weights can be derived again from the
sums and the seed.

Arms that did well early got more units then, so the plain mean of an arm is too low on average and its interval too
short. Weighting each unit by the inverse of its propensity, the probability with which it got its arm, undoes this
(Hájek's estimator; Särndal, Swensson and Wretman, "Model Assisted Survey Sampling", 1992).
"""

import numpy as np

from slipway.statistics.moments import Moments, Sums

DRAWS = 10_000
LEAST_UNITS = 2
"""The units of each arm below which the variance of a mean is not known, and no arm is preferred."""


def weights_of_rates(successes: np.ndarray, units: np.ndarray, *, seed: int, draws: int = DRAWS) -> np.ndarray:
    """Return the probability [arms] that each arm has the highest rate, with uniform priors (Beta-binomial).

    Args:
        successes: the number of rewarded units of each arm [arms].
        units: the number of units of each arm [arms], those whose reward is known.
        seed: the seed of the draws.
        draws: their number.

    Raises:
        ValueError: a number of successes is below 0 or above its number of units.
    """
    successes, units = np.asarray(successes, float), np.asarray(units, float)
    if not ((successes >= 0) & (successes <= units)).all():
        raise ValueError("a number of successes is below 0 or above its number of units")
    drawn = np.random.default_rng(seed).beta(1 + successes, 1 + units - successes, (draws, len(units)))
    return _best(drawn)


def weights_of_means(arms: Moments, *, seed: int, draws: int = DRAWS) -> np.ndarray:
    """Return the probability [arms] that each arm has the highest mean, with flat priors (normal).

    Every arm gets the same until each has `LEAST_UNITS` units.

    Args:
        arms: moments of the arms, each field [arms]; for a metric whose low values are good, of its negative.
        seed: the seed of the draws.
        draws: their number.
    """
    units, means, variances = (np.asarray(one, float) for one in (arms.units, arms.mean, arms.variance))
    if (units < LEAST_UNITS).any():
        return np.full(len(units), 1 / len(units))
    drawn = np.random.default_rng(seed).normal(means, np.sqrt(variances / units), (draws, len(units)))
    return _best(drawn)


def floored(weights: np.ndarray, exploration: float) -> np.ndarray:
    """Return shares [arms] with an additive floor: exploration / arms + (1 - exploration) * weight.

    Weights are not cut off at a floor and scaled again: the smallest share would then be less than was asked for.

    Raises:
        ValueError: the exploration rate is not above 0 and at most 1; without a floor an arm may get no more units.
    """
    if not 0 < exploration <= 1:
        raise ValueError(f"the exploration rate is {exploration}; it must be above 0 and at most 1")
    shares: np.ndarray = exploration / len(weights) + (1 - exploration) * np.asarray(weights, float)
    return shares


def by_propensity(periods: Sums, propensities: np.ndarray) -> Moments:
    """Return the moments of one arm, each unit weighted by the inverse of its propensity.

    They are those of a mean for `slipway.statistics.effects.difference` and Welch's test; the variance is that of the
    estimator times the number of units.

    Args:
        periods: the sums of the arm's units, each field [periods].
        propensities: the arm's share in each period [periods].

    Raises:
        ValueError: a propensity is not above 0 and at most 1.
    """
    propensities = np.asarray(propensities, float)
    if not ((propensities > 0) & (propensities <= 1)).all():
        raise ValueError("a propensity is not above 0 and at most 1")
    units, total, squares = (np.asarray(one, float) for one in (periods.units, periods.total, periods.squares))
    count, weight = units.sum(-1), (units / propensities).sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (total / propensities).sum(-1) / weight
        centred = squares - 2 * mean[..., None] * total + mean[..., None] ** 2 * units
        variance = (np.maximum(centred, 0.0) / propensities**2).sum(-1) / weight**2 * count
    return Moments(count, mean[()], variance[()], periods.events)


def _best(drawn: np.ndarray) -> np.ndarray:
    """Return how often each arm [arms] is the best of its draw [draws, arms]; equal draws are shared."""
    best = drawn == drawn.max(axis=1, keepdims=True)
    shared: np.ndarray = (best / best.sum(axis=1, keepdims=True)).mean(axis=0)
    return shared
