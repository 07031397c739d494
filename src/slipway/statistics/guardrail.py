"""A metric that must not get worse by more than a margin.

Two one-sided confidence sequences, each at its own alpha: a lower bound of the harm above the margin shows that the
treatment does harm, an upper bound of at most the margin that it does not (a test of non-inferiority at any number of
looks). Between them nothing is known.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from slipway.statistics.confidence_sequence import bound
from slipway.statistics.effects import Effect
from slipway.statistics.moments import Values


@dataclass(frozen=True, slots=True)
class Harm:
    """How much worse the treatment is: positive is worse.

    Attributes:
        value: the estimate.
        low: with probability 1 - alpha, at no look above the true harm; -inf where nothing is shown.
        high: with probability 1 - alpha, at no look below the true harm; inf where nothing is shown.
        p_harmful: the p-value of a harm within the margin; small where the treatment does harm.
        p_harmless: the p-value of a harm beyond the margin; small where it does none.
    """

    value: Values
    low: Values
    high: Values
    p_harmful: Values
    p_harmless: Values


def harm(effect: Effect, *, worse: Literal["higher", "lower"], margin: float, alpha: float, planned: float) -> Harm:
    """Return how much worse the treatment is, with a bound on either side.

    Args:
        effect: the effect on the metric, by all units so far.
        worse: whether a higher or a lower metric is worse.
        margin: the harm that is allowed, in the effect's unit; at least 0.
        alpha: the probability that a bound on one side is ever wrong.
        planned: the planned number of units of both arms.

    Raises:
        ValueError: the margin is negative, alpha is not between 0 and 0.5, or the planned number is not positive.
    """
    if not 0 <= margin < np.inf:
        raise ValueError(f"the margin is {margin}; it must be at least 0")
    sign = 1.0 if worse == "higher" else -1.0
    harmful = replace(effect, value=sign * np.asarray(effect.value)[()])
    lower = bound(harmful, "lower", alpha=alpha, planned=planned, null=margin)
    upper = bound(harmful, "upper", alpha=alpha, planned=planned, null=margin)
    return Harm(harmful.value, lower.low, upper.high, lower.p, upper.p)
