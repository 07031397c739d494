"""A bootstrap of scores that are ratios of sums: each draw is a product of matrices, and no evaluation of the score.

Units (groups, or examples) are drawn with replacement; see `slipway.statistics.intervals` for the intervals.
"""

from functools import lru_cache

import numpy as np

RESAMPLES = 4000
"""Draws, which cost little here."""
MOST_KEPT = 1000
BLOCK = 100
"""Draws of more units than `MOST_KEPT` are made and used so many at a time, which bounds the memory."""


def sums(parts: tuple[np.ndarray, np.ndarray], inside: np.ndarray, units: np.ndarray, count: int) -> np.ndarray:
    """Numerator and denominator [2, units] of a slice, from those [n] of each example, where `inside` [n] is true."""
    return np.stack([np.bincount(units, part * inside, minlength=count) for part in parts])


def resampled(totals: np.ndarray, seed: int) -> np.ndarray:
    """Totals [k, draws] of sums [k, units] over units drawn with replacement; none of a single unit."""
    count = totals.shape[1]
    if count < 2:
        return np.empty((len(totals), 0))
    if count <= MOST_KEPT:
        drawn: np.ndarray = totals @ _times(count, RESAMPLES, seed)
        return drawn
    seeds = np.random.default_rng(seed).integers(2**63, size=RESAMPLES // BLOCK)
    return np.concatenate([totals @ _drawn_times(count, BLOCK, int(one)) for one in seeds], axis=1)


def ratio(totals: np.ndarray) -> np.ndarray:
    """Numerators over denominators [2, ...]; NaN where nothing is counted."""
    with np.errstate(divide="ignore", invalid="ignore"):
        divided: np.ndarray = np.asarray(totals[0] / totals[1])
    return divided


@lru_cache(maxsize=4)
def _times(count: int, draws: int, seed: int) -> np.ndarray:
    """How often each unit is drawn [units, draws]: kept, since a variant's rules ask for the same ones."""
    return _drawn_times(count, draws, seed)


def _drawn_times(count: int, draws: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    times = random.multinomial(count, np.full(count, 1 / count), size=draws)
    return np.ascontiguousarray(times.T, np.float64)
