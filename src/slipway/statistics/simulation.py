"""What would this plan find? Comparisons simulated on values that were observed.

Units are drawn with replacement from the observed values, into both arms alike, and an effect is added to the
treatment. Without an effect, the share of comparisons that show a difference is the rate of false alarms, on data with
these tails and at this split; with one, it is the power. Each comparison has a planned end
(`slipway.statistics.planned_end`).
"""

from dataclasses import dataclass

import numpy as np

from slipway.statistics import planned_end
from slipway.statistics.effects import difference
from slipway.statistics.moments import Sums

DRAWN_AT_ONCE = 2_000_000
"""The number of values that are drawn at once, which bounds the memory."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How many comparisons ended.

    Attributes:
        found: the share in which a difference was shown.
        length: the mean number of units at the end, as a share of the planned number.
    """

    found: float
    length: float


def simulate(
    values: np.ndarray,
    *,
    planned: int,
    share: float = 0.5,
    looks: int = 20,
    effect: float = 0.0,
    events: bool = False,
    runs: int = 1_000,
    seed: int = 0,
) -> Ended:
    """Simulate comparisons with a planned end.

    Args:
        values: the observed values of units [n].
        planned: the planned number of units of both arms.
        share: the share of the treatment, between 0 and 1 exclusively.
        looks: the number of looks, at equal distances; the last at the planned sample.
        effect: what the treatment adds to the mean.
        events: whether the value of a unit is 0 or 1; the effect is then added to the rate.
        runs: the number of comparisons.
        seed: the seed of the draws.

    Raises:
        ValueError: there are no values, or an argument is out of its range.
    """
    values = np.asarray(values, float)
    if not (len(values) and np.isfinite(values).all()):
        raise ValueError("there are no observed values, or some are not finite")
    if not (0 < share < 1 and 1 <= looks <= planned and runs >= 1):
        raise ValueError(f"{runs} runs of {looks} looks at {planned} units, {share:g} of them treated, are no plan")
    rate = float(values.mean()) + effect
    if events and not (np.isin(values, (0, 1)).all() and 0 <= rate <= 1):
        raise ValueError(f"values of a yes-or-no metric are 0 or 1, and its rate with the effect is {rate:g}")
    random = np.random.default_rng(seed)
    treated = round(planned * share)
    arms = []
    for units, added in ((planned - treated, 0.0), (treated, effect)):
        counts = np.diff(np.linspace(0, units, looks + 1).round().astype(int))
        if events:
            totals = squares = random.binomial(counts, values.mean() + added, (runs, looks)).astype(float)
        else:
            totals, squares = _drawn(values + added, counts, runs, random)
        arms.append(Sums(counts.cumsum().astype(float), totals.cumsum(1), squares.cumsum(1), events).moments())
    found = planned_end.interval(difference(*arms), planned=planned)
    return ended(np.asarray(found.excludes(0.0)))


def ended(shown: np.ndarray) -> Ended:
    """Return how comparisons ended, from where [runs, looks] a difference is shown; looks are at equal distances."""
    looks = shown.shape[1]
    found = shown.any(axis=1)
    last = np.where(found, shown.argmax(axis=1) + 1, looks)
    return Ended(float(found.mean()), float(last.mean()) / looks)


def _drawn(
    values: np.ndarray, counts: np.ndarray, runs: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums and the sums of squares [runs, looks] of so many drawn values [looks]."""
    totals, squares = np.empty((runs, len(counts))), np.empty((runs, len(counts)))
    for look, count in enumerate(counts.tolist()):
        block = max(1, DRAWN_AT_ONCE // max(1, count))
        for start in range(0, runs, block):
            part = slice(start, min(start + block, runs))
            drawn = values[random.integers(len(values), size=(part.stop - start, count))]
            totals[part, look], squares[part, look] = drawn.sum(1), np.square(drawn).sum(1)
    return totals, squares
