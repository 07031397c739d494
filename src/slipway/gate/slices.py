"""Slices of the test examples (a class, a video, a match), and draws of the groups in them.

Groups (videos, matches, places) are drawn with replacement, in a slice that is one group its examples. Intervals are
those of `slipway.statistics.intervals`.
"""

from functools import lru_cache

import numpy as np
import pandas as pd

from slipway.core.protocol import Ratio

LEAST_EXAMPLES = 20
"""Groups with fewer test examples are judged together, as `OTHERS`."""
OTHERS = "(others)"
RATIO_RESAMPLES = 4000
"""Draws of scores that are ratios of sums, which cost little."""
MOST_KEPT = 1000
BLOCK = 100
"""Draws of more units than `MOST_KEPT` are made and used so many at a time, which bounds the memory."""


def slices(values: pd.Series) -> dict[str, np.ndarray]:
    """Which examples [n] have each value of a column; rare values together."""
    text = values.astype(object).where(values.notna(), "(missing)").astype(str)
    counts = text.value_counts()
    text = text.where(text.map(counts) >= LEAST_EXAMPLES, OTHERS)
    return {name: (text == name).to_numpy() for name in sorted(text.unique())}


def units_of(inside: np.ndarray, groups: pd.Series) -> tuple[np.ndarray, int]:
    """The unit [n] that each example of a slice is drawn with, and how many there are; 0 for examples outside."""
    units = np.zeros(len(inside), np.int64)
    codes, names = pd.factorize(groups[inside], sort=True)
    if len(names) <= 1:
        codes, names = np.arange(int(inside.sum())), pd.Index(range(int(inside.sum())))
    units[inside] = codes
    return units, len(names)


def sums(parts: Ratio, inside: np.ndarray, units: np.ndarray, count: int) -> np.ndarray:
    """Numerator and denominator [2, units] of a slice."""
    return np.stack([np.bincount(units, part * inside, minlength=count) for part in parts])


def resampled(totals: np.ndarray, seed: int) -> np.ndarray:
    """Totals [k, draws] of sums [k, units] over units drawn with replacement; none of a single unit."""
    count = totals.shape[1]
    if count < 2:
        return np.empty((len(totals), 0))
    if count <= MOST_KEPT:
        drawn: np.ndarray = totals @ _times(count, RATIO_RESAMPLES, seed)
        return drawn
    seeds = np.random.default_rng(seed).integers(2**63, size=RATIO_RESAMPLES // BLOCK)
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
