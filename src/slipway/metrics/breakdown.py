"""The parts of a breakdown (examples by group, hour, size, ...), and weighted means over each part.

A bootstrap computes the same breakdown a thousand times, so the parts are numbered once and the rest are sums.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from slipway.core.protocol import of_column

TENTHS = "tenths"
"""The name of a breakdown by `tenths`."""
VALUES = 20
"""The number of values of a column that a breakdown shows; the others are counted together."""


@dataclass(frozen=True)
class Parts:
    """Parts: `names` [parts] in ascending order, `codes` [n] the part of each example, `counts` [parts] their sizes."""

    names: pd.Index
    codes: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, names: pd.Series) -> Self:
        """Return the parts, given the name of each example's part [n]."""
        codes, found = pd.factorize(names, sort=True)
        return cls(found, codes, np.bincount(codes, minlength=len(found)))

    def at(self, examples: np.ndarray) -> Self:
        """Return the same parts for objects that belong to examples, given the number of each one's example."""
        codes = self.codes[examples]
        return type(self)(self.names, codes, np.bincount(codes, minlength=len(self.names)))

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Return the sums [parts] of values [n]."""
        return np.bincount(self.codes, values, len(self.names))

    def means(self, values: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
        """Return the means [parts] of the values [n] that are not nan, and nan for parts without any.

        Example i counts `weight[i]` times.
        """
        known = ~np.isnan(values)
        counted = known.astype(np.float64) if weight is None else known * weight
        return shares(self.sums(np.where(known, values, 0) * counted), self.sums(counted))


def by_column(examples: pd.DataFrame, columns: Sequence[str]) -> dict[str, Parts]:
    """Return the parts of examples by the most common values of each column of the raw data."""
    return {name: Parts.of(_commonest(of_column(examples, name))) for name in columns}


def tenths(values: np.ndarray) -> Parts:
    """Return the parts 1 to 10 of examples by their values [n], the lowest first; equal values keep their order."""
    rank = pd.Series(values).rank(method="first").to_numpy() - 1
    return Parts.of(pd.Series((rank * 10 // len(values)).astype(np.int64) + 1))


def shares(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return `part` divided by `whole`, nan where the whole is 0."""
    some: np.ndarray = np.where(whole == 0, np.nan, part / np.where(whole == 0, 1, whole))
    return some


def _commonest(column: pd.Series) -> pd.Series:
    """The values of a column; all but the `VALUES` most common ones become "(others)"."""
    values = column.astype(object).where(column.notna(), "(missing)")
    shown = values.value_counts(sort=True).index[:VALUES]
    named: pd.Series = values.where(values.isin(shown), "(others)")
    return named
