"""A bootstrap of scores that are ratios of sums: the draws are matrix products, without evaluating the score.

Units (groups, or examples) are drawn with replacement; see `slipway.statistics.intervals` for the intervals.
"""

from functools import lru_cache

import numpy as np

RESAMPLES = 4000
"""The number of draws, which are cheap here."""
MOST_KEPT = 1000
BLOCK = 100
"""For more units than `MOST_KEPT`, draws are made in blocks of this size, which bounds the memory."""


def sums(parts: tuple[np.ndarray, np.ndarray], inside: np.ndarray, units: np.ndarray, count: int) -> np.ndarray:
    """Sum the numerators and denominators [n] of the examples with `inside` [n] by unit; return [2, units]."""
    return np.stack([np.bincount(units, part * inside, minlength=count) for part in parts])


def resampled(totals: np.ndarray, seed: int) -> np.ndarray:
    """Return the totals [k, draws] of sums [k, units] over units drawn with replacement; no draws for a single unit."""
    count = totals.shape[1]
    if count < 2:
        return np.empty((len(totals), 0))
    if count <= MOST_KEPT:
        drawn: np.ndarray = totals @ _times(count, RESAMPLES, seed)
        return drawn
    seeds = np.random.default_rng(seed).integers(2**63, size=RESAMPLES // BLOCK)
    return np.concatenate([totals @ _drawn_times(count, BLOCK, int(one)) for one in seeds], axis=1)


def ratio(totals: np.ndarray) -> np.ndarray:
    """Divide numerators by denominators [2, ...]; NaN if the denominator is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        divided: np.ndarray = np.asarray(totals[0] / totals[1])
    return divided


@lru_cache(maxsize=4)
def _times(count: int, draws: int, seed: int) -> np.ndarray:
    """Return how often each unit is drawn [units, draws]; cached, since all rules of a variant use the same draws."""
    return _drawn_times(count, draws, seed)


def _drawn_times(count: int, draws: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    times = random.multinomial(count, np.full(count, 1 / count), size=draws)
    return np.ascontiguousarray(times.T, np.float64)
