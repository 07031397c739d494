"""Simulated comparisons of two arms that are looked at again and again, as sums by run and look.

tests/statistics/test_false_alarms.py runs a tenth of what benchmarks/sequential.py does.
"""

from collections.abc import Callable

import numpy as np

from slipway.statistics import confidence_sequence, planned_end
from slipway.statistics.effects import Effect, difference
from slipway.statistics.moments import Sums

LOOKS = 20
PLANNED = 20_000
"""The units of both arms at the last look."""
ALPHA = 0.05
SIGMA = 1.5
"""Of the logarithm of heavy-tailed values."""
KINDS = ("normal", "lognormal", "rate 0.3", "rate 0.05", "rate 0.005")
SHARES = (0.5, 0.1, 0.05)
O_BRIEN_FLEMING = 2.126
"""The constant of O'Brien and Fleming's boundaries for 20 looks at 0.05 (Jennison and Turnbull, "Group Sequential
Methods with Applications to Clinical Trials", 2000, table 2.3)."""

LAST_LOOK = np.arange(LOOKS) == LOOKS - 1

Decide = Callable[[Effect], np.ndarray]
"""Says at which looks [runs, looks] a difference is shown."""


def arm(kind: str, units: int, runs: int, random: np.random.Generator, effect: float = 0.0) -> Sums:
    """Return the sums of an arm at each look, [runs, looks], of `units` units at the last one.

    Args:
        kind: one of `KINDS`.
        units: a multiple of `LOOKS`.
        runs: the number of comparisons.
        random: the generator.
        effect: what is added to the mean; normal values have a standard deviation of 1.
    """
    size, each = (runs, LOOKS), units // LOOKS
    if kind.startswith("rate"):
        total = random.binomial(each, float(kind.split()[1]) + effect, size).astype(float)
        squares = total
    elif kind == "normal":  # the sum of squares around the mean is independent of the mean
        total = random.normal(each * effect, np.sqrt(each), size)
        squares = total**2 / each + random.chisquare(each - 1, size)
    else:
        total, squares = (np.empty(size) for _ in range(2))
        for look in range(LOOKS):
            values = np.exp(random.normal(0, SIGMA, (runs, each))) + effect
            total[:, look], squares[:, look] = values.sum(1), (values**2).sum(1)
    counts = np.arange(1, LOOKS + 1) * float(each)
    return Sums(counts, total.cumsum(1), squares.cumsum(1), events=kind.startswith("rate"))


def effects(kind: str, share: float, runs: int, seed: int, effect: float = 0.0) -> Effect:
    """Return the effect at each look, [runs, looks]: control first, and a treatment with this share of the units."""
    random = np.random.default_rng(seed)
    treatment = round(PLANNED * share)
    control = arm(kind, PLANNED - treatment, runs, random)
    return difference(control.moments(), arm(kind, treatment, runs, random, effect).moments())


def by_sequence(effect: Effect) -> np.ndarray:
    """Decide by the confidence sequence at every look."""
    return np.asarray(confidence_sequence.interval(effect, alpha=ALPHA, planned=PLANNED).excludes())


def by_welchs_variance_alone(effect: Effect) -> np.ndarray:
    """Decide by the sequence without what holds small samples back."""
    plain = Effect(effect.value, effect.variance, effect.variance, effect.freedom, effect.units, True)
    return np.asarray(confidence_sequence.interval(plain, alpha=ALPHA, planned=PLANNED).excludes())


def by_planned_end(effect: Effect) -> np.ndarray:
    """Decide by a sequence at 0.01 before the last look and by Welch's test at 0.04 there."""
    return np.asarray(planned_end.interval(effect, planned=PLANNED).excludes())


def by_welch_at_the_end(effect: Effect) -> np.ndarray:
    """Decide by Welch's test at 0.04, with his own variance, at the last look only."""
    return np.asarray(planned_end.welch(effect, alpha=planned_end.LAST).excludes()) & LAST_LOOK


def by_z_at_every_look(effect: Effect) -> np.ndarray:
    """Decide by a test for one look, at every look."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.abs(effect.value) / np.sqrt(effect.variance) > 1.96


def by_fixed_test(effect: Effect) -> np.ndarray:
    """Decide by Welch's test at 0.05 at the last look only."""
    return np.asarray(planned_end.welch(effect, alpha=ALPHA).excludes()) & LAST_LOOK


def by_o_brien_fleming(effect: Effect) -> np.ndarray:
    """Decide by a group-sequential test, whose looks are planned."""
    boundary = O_BRIEN_FLEMING * np.sqrt(LOOKS / np.arange(1, LOOKS + 1))
    return np.abs(effect.value) / np.sqrt(effect.variance) > boundary
