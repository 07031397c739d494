"""Before an experiment: how many units it needs, which effect it can find, and how long it lasts.

For a two-sided t-test at the planned sample, with equal variances: the square of its statistic has the noncentral F
distribution (Cohen, "Statistical Power Analysis for the Behavioral Sciences", 1988, chapter 2). SciPy's noncentral t
distribution, and with it statsmodels, gives NaN for large effects.
`slipway.statistics.planned_end` makes this test at alpha = 0.04; what its sequence finds before comes on top.
"""

import math

import scipy
from scipy import special

from slipway.statistics.planned_end import LAST

POWER = 0.8
LEAST_UNITS = 2
"""The units of an arm below which there is no test."""
MOST_UNITS = 1e15


def power(effect: float, deviation: float, units: float, *, share: float = 0.5, alpha: float = LAST) -> float:
    """Return the probability of finding an effect.

    Args:
        effect: the difference of the means.
        deviation: the standard deviation of a unit's value; of a rate p it is sqrt(p (1 - p)).
        units: the number of units of both arms.
        share: the share of the treatment, between 0 and 1 exclusively.
        alpha: the level of the test.

    Raises:
        ValueError: a deviation, a number of units, a share or a level is out of its range.
    """
    _check(deviation, share, alpha)
    if units < _least(share):
        raise ValueError(f"{units:g} units with a share of {share:g} are fewer than {LEAST_UNITS} in an arm")
    freedom = units - 2
    noncentrality = (effect / deviation) ** 2 * units * share * (1 - share)
    limit = special.stdtrit(freedom, 1 - alpha / 2)
    return 1 - float(special.ncfdtr(1, freedom, noncentrality, limit**2))


def detectable(
    deviation: float, units: float, *, share: float = 0.5, alpha: float = LAST, wanted: float = POWER
) -> float:
    """Return the smallest effect, in the metric's unit, that is found with probability `wanted`; see `power`.

    Raises:
        ValueError: as `power`, or `wanted` is not between alpha and 1.
    """
    _check(deviation, share, alpha, wanted)
    most = 1.0
    while power(most, 1, units, share=share, alpha=alpha) < wanted:
        most *= 2
    found = scipy.optimize.brentq(
        lambda one: power(one, 1, units, share=share, alpha=alpha) - wanted, 0, most, xtol=1e-12
    )
    return float(found) * deviation


def sample_size(
    effect: float, deviation: float, *, share: float = 0.5, alpha: float = LAST, wanted: float = POWER
) -> int:
    """Return the number of units of both arms that finds an effect with probability `wanted`; see `power`.

    Raises:
        ValueError: as `power`, `wanted` is not between alpha and 1, or the effect is 0 or too small for any sample.
    """
    _check(deviation, share, alpha, wanted)

    def missing(units: float) -> float:
        return wanted - power(effect, deviation, units, share=share, alpha=alpha)

    least = most = _least(share)
    if missing(least) <= 0:
        return math.ceil(least)
    while missing(most) > 0:
        most *= 2
        if most > MOST_UNITS:
            raise ValueError(f"no sample finds an effect of {effect:g}, at a standard deviation of {deviation:g}")
    return math.ceil(float(scipy.optimize.brentq(missing, least, most, xtol=1e-3)))


def days_to_go(planned: float, units: float, units_a_day: float) -> float | None:
    """Return the days until the planned number of units is reached; None if none arrive, so it is never reached.

    Raises:
        ValueError: a number is negative.
    """
    if min(planned, units, units_a_day) < 0:
        raise ValueError("a number of units is negative")
    if units >= planned:
        return 0.0
    return (planned - units) / units_a_day if units_a_day else None


def _least(share: float) -> float:
    return LEAST_UNITS / min(share, 1 - share)


def _check(deviation: float, share: float, alpha: float, wanted: float = POWER) -> None:
    if not 0 < deviation < math.inf:
        raise ValueError(f"the standard deviation is {deviation}; it must be positive")
    if not 0 < share < 1:
        raise ValueError(f"the share of the treatment is {share}; it must be between 0 and 1")
    if not 0 < alpha < wanted < 1:
        raise ValueError(f"alpha is {alpha} and the power {wanted}; alpha must be above 0, and the power from it to 1")
