"""Slices of the test examples (a class, a video, a match), and the units that a bootstrap draws in them.

Groups (videos, matches, places) are drawn with replacement; where a slice consists of a single group, its examples are.
"""

import numpy as np
import pandas as pd

LEAST_EXAMPLES = 20
"""Groups with fewer test examples are judged together, as `OTHERS`."""
OTHERS = "(others)"


def slices(values: pd.Series) -> dict[str, np.ndarray]:
    """Return a mask [n] of the examples for each value of a column; rare values share one mask."""
    text = values.astype(object).where(values.notna(), "(missing)").astype(str)
    counts = text.value_counts()
    text = text.where(text.map(counts) >= LEAST_EXAMPLES, OTHERS)
    return {name: (text == name).to_numpy() for name in sorted(text.unique())}


def units_of(inside: np.ndarray, groups: pd.Series) -> tuple[np.ndarray, int]:
    """Return the number of the unit that each example is drawn with ([n], 0 outside the slice), and the unit count."""
    units = np.zeros(len(inside), np.int64)
    codes, names = pd.factorize(groups[inside], sort=True)
    if len(names) <= 1:
        codes, names = np.arange(int(inside.sum())), pd.Index(range(int(inside.sum())))
    units[inside] = codes
    return units, len(names)
