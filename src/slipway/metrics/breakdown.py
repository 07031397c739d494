"""Examples by what a breakdown tells apart (their group, hour, size, ...), and weighted means over each part.

A bootstrap asks for the same breakdown a thousand times, so the parts are numbered once and everything else is sums.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Parts:
    """`names` [parts] in ascending order, `codes` [n] the part of each example, `counts` [parts] how many it has."""

    names: pd.Index
    codes: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, names: pd.Series) -> Self:
        """Parts from the name of each example's part [n]."""
        codes, found = pd.factorize(names, sort=True)
        return cls(found, codes, np.bincount(codes, minlength=len(found)))

    def at(self, examples: np.ndarray) -> Self:
        """The same parts of what belongs to examples (objects in pictures), by the number of the example of each."""
        codes = self.codes[examples]
        return type(self)(self.names, codes, np.bincount(codes, minlength=len(self.names)))

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sums [parts] of values [n]."""
        return np.bincount(self.codes, values, len(self.names))

    def means(self, values: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
        """Means [parts] of the values [n] that are not nan, nan where nothing is counted.

        `weight` [n] counts each example that often.
        """
        known = ~np.isnan(values)
        counted = known.astype(np.float64) if weight is None else known * weight
        return shares(self.sums(np.where(known, values, 0) * counted), self.sums(counted))


def shares(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """`part` over `whole`, nan where the whole is 0."""
    some: np.ndarray = np.where(whole == 0, np.nan, part / np.where(whole == 0, 1, whole))
    return some
