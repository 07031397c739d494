"""Slices of the test examples (a class, a video, a match), and what is drawn in them.

Groups (videos, matches, places) are drawn with replacement, in a slice that is one group its examples.
"""

import numpy as np
import pandas as pd

LEAST_EXAMPLES = 20
"""Groups with fewer test examples are judged together, as `OTHERS`."""
OTHERS = "(others)"


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
