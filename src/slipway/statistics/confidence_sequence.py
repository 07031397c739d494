"""The effect of a treatment at any number of looks: an asymptotic confidence sequence.

A confidence sequence is a sequence of intervals that all contain the true effect at once with the stated probability,
however often one looks and whenever one stops. This one mixes normal likelihood ratios over the size of the effect:
Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic confidence
sequences", Annals of Statistics 52, 2024, equation 9 of arXiv:2103.06476v7 (155 there for the p-value, 161 for rho).
The one-sided bound mixes over positive effects only: Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform,
nonparametric, nonasymptotic confidence sequences", Annals of Statistics 49, 2021, the one-sided normal mixture. With V
the variance of the effect, n the units of both arms and r = n rho² + 1:

    half-width = sqrt(nV) sqrt(2 r / (n rho)² ln(sqrt(r) / alpha)).

It is asymptotic: it needs units that are independent, and samples in which a mean is about normal. What
`slipway.statistics.effects` holds back (few units, few events) is shown as the interval of all numbers with p = 1, from
which nothing can follow; and V is the larger of two estimates.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from slipway.statistics.e_values import p_value
from slipway.statistics.effects import Effect
from slipway.statistics.moments import Values

NEWTON_STEPS = 12


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate, its interval, and the p-value of `null`. Where nothing is shown, -inf to inf, and p is 1."""

    value: Values
    low: Values
    high: Values
    p: Values

    def excludes(self, effect: float = 0.0) -> bool | np.ndarray:
        """Return whether the interval leaves an effect out."""
        outside: bool | np.ndarray = (np.asarray(self.low) > effect) | (np.asarray(self.high) < effect)
        return outside

    def narrowed(self, before: "Interval") -> "Interval":
        """Return this look's estimate with what all looks together say: the common part of the intervals, the least p.

        The intervals of all looks contain the true effect at once, so their common part does too. Where it is empty
        (`low` above `high`), the effect has changed over time.
        """
        return Interval(
            self.value,
            np.maximum(self.low, before.low),
            np.minimum(self.high, before.high),
            np.minimum(self.p, before.p),
        )


def interval(effect: Effect, *, alpha: float, planned: float, null: float = 0.0) -> Interval:
    """Return the two-sided interval of an effect at this look.

    Args:
        effect: the effect, by all units so far.
        alpha: the probability that any of the intervals, at any look, misses the true effect.
        planned: the planned number of units of both arms; intervals are narrowest at half of it.
        null: the effect whose p-value is returned.

    Raises:
        ValueError: alpha is not between 0 and 1, or the planned number is not positive.
    """
    rho2 = _rho2(alpha, planned / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        half = half_width(effect.conservative, effect.units, rho2, alpha)
        log_e = log_e_value(np.asarray(effect.value) - null, effect.conservative, effect.units, rho2)
    return _shown(effect, -half, half, p_value(log_e))


def bound(
    effect: Effect, side: Literal["lower", "upper"], *, alpha: float, planned: float, null: float = 0.0
) -> Interval:
    """Return the one-sided interval of an effect: from a lower bound to inf, or from -inf to an upper bound.

    Its p-value is that of an effect of at most `null` for a lower bound, of at least `null` for an upper one. Arguments
    and errors as for `interval`, but alpha is below 0.5.
    """
    sign = 1.0 if side == "lower" else -1.0
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha is {alpha}; it must be between 0 and 0.5")
    rho2 = _rho2(2 * alpha, planned / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        half = one_sided_width(effect.conservative, effect.units, rho2, alpha)
        beyond = sign * (np.asarray(effect.value) - null)
        log_e = one_sided_log_e_value(beyond, effect.conservative, effect.units, rho2)
    low, high = (-half, np.inf) if side == "lower" else (-np.inf, half)
    return _shown(effect, low, high, p_value(log_e))


def half_width(variance: Values, units: Values, rho2: float, alpha: float) -> Values:
    """Return half the width of the two-sided interval of an effect with this variance."""
    spread = np.asarray(units) * rho2 + 1
    half: Values = np.sqrt(variance * 2 * spread / (units * rho2) * np.log(np.sqrt(spread) / alpha))
    return half


def log_e_value(effect: Values, variance: Values, units: Values, rho2: float) -> Values:
    """Return ln e against an effect of 0: the interval leaves 0 out exactly where e > 1 / alpha."""
    spread = np.asarray(units) * rho2 + 1
    log_e: Values = np.square(effect) / variance * units * rho2 / (2 * spread) - np.log(spread) / 2
    return log_e


def one_sided_width(variance: Values, units: Values, rho2: float, alpha: float) -> Values:
    """Return the distance of the one-sided bound from the estimate of an effect with this variance."""
    spread = np.asarray(units) * rho2 + 1
    half: Values = _standardised(np.log(np.sqrt(spread) / (2 * alpha))) * np.sqrt(variance * spread / (units * rho2))
    return half


def one_sided_log_e_value(effect: Values, variance: Values, units: Values, rho2: float) -> Values:
    """Return ln e against an effect of at most 0: the lower bound is above 0 exactly where e > 1 / alpha."""
    spread = np.asarray(units) * rho2 + 1
    score = effect * np.sqrt(units * rho2 / (spread * variance))
    log_e: Values = np.log(2) - np.log(spread) / 2 + score**2 / 2 + special.log_ndtr(score)
    return log_e


def _standardised(log_threshold: Values) -> Values:
    """Return the x for which x²/2 + ln Φ(x) is the threshold, by Newton's method from above; the function is convex."""
    score: Values = np.sqrt(2 * np.logaddexp(0.0, log_threshold))
    for _ in range(NEWTON_STEPS):
        log_cdf = special.log_ndtr(score)
        slope = score + np.exp(-(score**2) / 2 - log_cdf) / np.sqrt(2 * np.pi)
        score = score - (score**2 / 2 + log_cdf - log_threshold) / slope
    return score


def _rho2(alpha: float, narrowest: float) -> float:
    """Return the mixture's rho² for intervals that are narrowest at so many units."""
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}; it must be between 0 and 1")
    if not 0 < narrowest < np.inf:
        raise ValueError(f"the planned number of units is {2 * narrowest:g}; it must be positive")
    return float((-2 * np.log(alpha) + np.log1p(-2 * np.log(alpha))) / narrowest)


def _shown(effect: Effect, low: Values, high: Values, p: Values) -> Interval:
    known = np.asarray(effect.enough) & (np.asarray(effect.conservative) > 0)
    return Interval(
        effect.value,
        np.where(known, np.asarray(effect.value) + low, -np.inf)[()],
        np.where(known, np.asarray(effect.value) + high, np.inf)[()],
        np.where(known, p, 1.0)[()],
    )
