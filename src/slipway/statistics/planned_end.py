"""A comparison with a planned end: it may stop early on strong evidence, and decides once at the planned sample.

A confidence sequence pays for looks that nobody takes. Of the allowed false alarms, 0.01 are spent on a sequence that
may stop the comparison at any look before the planned sample, and 0.04 on Welch's test (Biometrika 34, 1947) at the
planned sample. The probability that either errs is at most their sum, 0.05 (the union bound).

Both parts use the larger of the two variances of `slipway.statistics.effects`. For arms of equal size it makes no
difference; with Welch's alone, heavy-tailed values in an arm of 5 % gave 0.065 false alarms at a nominal 0.04.
"""

from dataclasses import replace

import numpy as np
from scipy import special

from slipway.statistics import confidence_sequence
from slipway.statistics.confidence_sequence import Interval
from slipway.statistics.effects import Effect

EARLY = 0.01
"""The probability of a false alarm by the sequence."""
LAST = 0.04
"""The probability of a false alarm by the test at the planned sample."""


def interval(effect: Effect, *, planned: float, null: float = 0.0, alpha: float = EARLY + LAST) -> Interval:
    """Return the interval of this look: by the sequence before the planned sample, by Welch's test at it.

    The sequence has a fifth of alpha, the test four fifths: intervals of 99 % and 96 % for 0.05.

    The comparison ends with the first look that has the planned number of units. A later look is not covered by the
    guarantee, so the caller keeps the sums of that look.

    The p-value is that of the part, times 5 before the end and times 1.25 at it: below alpha where the interval leaves
    the null out, and a p-value of the whole comparison, since P(5 p < x or 1.25 p' < x) is at most 0.2 x + 0.8 x.

    Args:
        effect: the effect, by all units so far.
        planned: the planned number of units of both arms, fixed before the first look.
        null: the effect whose p-value is returned.
        alpha: the probability of a false alarm by either.

    Raises:
        ValueError: the planned number is not positive, or alpha is not between 0 and 1.
    """
    parts = (alpha * part / (EARLY + LAST) for part in (EARLY, LAST))
    early = confidence_sequence.interval(effect, alpha=next(parts), planned=planned, null=null)
    last = welch(replace(effect, variance=effect.conservative), alpha=next(parts), null=null)
    ended = np.asarray(effect.units) >= planned
    share = np.where(ended, LAST, EARLY) / (EARLY + LAST)
    return Interval(
        effect.value,
        np.where(ended, last.low, early.low)[()],
        np.where(ended, last.high, early.high)[()],
        np.minimum(1.0, np.where(ended, last.p, early.p) / share)[()],
    )


def welch(effect: Effect, *, alpha: float, null: float = 0.0) -> Interval:
    """Return the interval and the two-sided p-value of Welch's t-test, for one look at a sample fixed beforehand.

    Where there are too few units or events, or the variance is 0: -inf to inf, and p = 1.
    """
    known = np.asarray(effect.enough) & (np.asarray(effect.variance) > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(effect.variance)
        half = special.stdtrit(effect.freedom, 1 - alpha / 2) * error
        p = 2 * special.stdtr(effect.freedom, -np.abs(np.asarray(effect.value) - null) / error)
    return Interval(
        effect.value,
        np.where(known, effect.value - half, -np.inf)[()],
        np.where(known, effect.value + half, np.inf)[()],
        np.where(known, p, 1.0)[()],
    )
