"""Simulated splits of units between two arms, looked at after every unit."""

from collections.abc import Callable

import numpy as np

from slipway.statistics.moments import Values
from slipway.statistics.sample_ratio import ALARM, concentrated_log_e_value, log_e_value

UNITS = 10_000
BLOCK = 500
"""The runs that are simulated at once, which bounds the memory."""

Evidence = Callable[[np.ndarray, np.ndarray], Values]


def by_mixture(counts: np.ndarray, shares: np.ndarray) -> Values:
    """Return the evidence of `slipway.statistics.sample_ratio`."""
    return log_e_value(counts, shares)


def by_one_concentration(counts: np.ndarray, shares: np.ndarray) -> Values:
    """Return the evidence with ssrm-test's prior."""
    return concentrated_log_e_value(counts, shares, 10_000)


def boundaries(evidence: Evidence, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest low and the least high count of the first arm that alarm, after 1 to `UNITS` units.

    The evidence is convex in the count, and least near the planned share, so bisection finds both. -1 and `UNITS` + 1
    where no count alarms.
    """
    units = np.arange(1, UNITS + 1)
    shares = np.array([share, 1 - share])

    def alarms(count: np.ndarray) -> np.ndarray:
        return np.asarray(evidence(np.stack([count, units - count], axis=-1), shares)) > -np.log(ALARM)

    found = []
    for sound, beyond in ((np.floor(units * share), np.full(UNITS, -1.0)), (np.ceil(units * share), units + 1.0)):
        near, far = sound.copy(), beyond
        while (np.abs(far - near) > 1).any():
            middle = np.trunc((near + far) / 2)
            hit = alarms(np.clip(middle, 0, units)) & (middle >= 0) & (middle <= units)
            moved = np.abs(far - near) > 1
            far, near = np.where(moved & hit, middle, far), np.where(moved & ~hit, middle, near)
        found.append(np.where(far > units, UNITS + 1, far))
    return found[0], found[1]


def first_alarms(evidence: Evidence, share: float, actual: float, runs: int, seed: int) -> np.ndarray:
    """Return the number of units [runs] at which a run alarmed first; 0 where none did.

    Args:
        evidence: the test.
        share: the planned share of the first arm.
        actual: the share that it gets.
        runs: the number of splits of `UNITS` units.
        seed: the seed of the draws.
    """
    low, high = boundaries(evidence, share)
    random, first = np.random.default_rng(seed), []
    for start in range(0, runs, BLOCK):
        counts = (random.random((min(BLOCK, runs - start), UNITS), np.float32) < actual).cumsum(axis=1, dtype=np.int32)
        alarms = (counts <= low) | (counts >= high)
        first.append(np.where(alarms.any(axis=1), alarms.argmax(axis=1) + 1, 0))
    return np.concatenate(first)
