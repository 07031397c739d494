"""Simulated bandits of two equal arms, and what is estimated from them."""

import numpy as np

from slipway.statistics.bandit import by_propensity, floored, weights_of_rates
from slipway.statistics.effects import difference
from slipway.statistics.moments import Sums
from slipway.statistics.planned_end import welch

UPDATES = 40
UNITS = 250
"""The units between two updates."""
EXPLORATION = 0.02
"""With two arms, a floor of 1 %."""
DRAWS = 500


def run(rates: tuple[float, float], seed: int) -> tuple[Sums, np.ndarray]:
    """Return the sums of the arms by period, fields [arms, periods], and their shares [arms, periods]."""
    random = np.random.default_rng(seed)
    units, rewards, shares = (np.zeros((2, UPDATES)) for _ in range(3))
    for period in range(UPDATES):
        weights = weights_of_rates(rewards.sum(1), units.sum(1), seed=int(random.integers(2**32)), draws=DRAWS)
        shares[:, period] = floored(weights, EXPLORATION)
        units[:, period] = random.multinomial(UNITS, shares[:, period])
        rewards[:, period] = random.binomial(units[:, period].astype(int), rates)
    return Sums(units, rewards, rewards), shares


def coverage(rate: float, runs: int, seed: int) -> dict[str, float]:
    """Return how often a 95 % interval of the difference of two equal arms has 0, by plain and by weighted means.

    An interval that is not shown, for want of units, has it.
    """
    covered = {"plain means": 0, "weighted by propensity": 0}
    for number in range(runs):
        sums, shares = run((rate, rate), seed * 1_000_000 + number)
        whole = [
            Sums(*(np.asarray(one)[arm].sum() for one in (sums.units, sums.total, sums.squares))) for arm in (0, 1)
        ]
        parts = [Sums(*(np.asarray(one)[arm] for one in (sums.units, sums.total, sums.squares))) for arm in (0, 1)]
        for name, arms in (
            ("plain means", [one.moments() for one in whole]),
            ("weighted by propensity", [by_propensity(one, shares[arm]) for arm, one in enumerate(parts)]),
        ):
            between = welch(difference(*arms), alpha=0.05)
            covered[name] += bool(between.low <= 0 <= between.high)
    return {name: count / runs for name, count in covered.items()}
