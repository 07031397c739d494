"""Compute the vocabulary of a table's categories from training rows, and the names of the features that
`slipway_edge.rows.encoding` computes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from slipway.data.readers.tables import distinct
from slipway_edge.rows.encoding import PARTS, Vocabulary


def vocabulary(
    values: pd.Series, indicators: Mapping[str, np.ndarray], smoothing: float, rare: int | None, own: float
) -> dict[str, Any]:
    """Return the vocabulary of a column from training rows.

    Args:
        values: the categories as text [n], None where missing.
        indicators: whether each row [n] is positive; with several classes, whether it is of each class; for a number to
            predict, the number.
        smoothing: number of rows at the overall mean that are added to each category.
        rare: a category with fewer rows is left out; None for a sixtieth of the rows, but from 2 to 10.
        own: a category with at least this share of the rows has a one-hot feature.
    """
    events = pd.DataFrame(indicators).astype(float)
    grouped = events.groupby(values.to_numpy())
    rows = grouped.size()
    rows = rows[rows >= (min(max(2, len(values) // 60), 10) if rare is None else rare)]
    shares = (grouped.sum().loc[rows.index] + smoothing * events.mean()).div(rows + smoothing, axis=0)
    shares = shares.sort_values(shares.columns[0], kind="stable")
    common = (rows / len(values)).loc[shares.index]
    rounded = [[round(float(one), 9) for one in shares[name]] for name in shares]
    return {
        "names": [str(name) for name in shares.index],
        "positive": rounded[0] if len(rounded) == 1 else rounded,
        "common": [round(float(one), 9) for one in common],
        "own": sorted(str(name) for name in shares.index[common >= own]),
    }


def names(
    numeric: Sequence[str],
    derived: Sequence[str],
    dates: Sequence[str],
    categorical: Sequence[str],
    indicators: Sequence[str],
    vocabularies: Mapping[str, Vocabulary],
) -> list[str]:
    """Return the features' names, in the order in which they are encoded."""
    found = [*numeric, *derived, *(f"{name}: {part}" for name in dates for part in PARTS)]
    for name in categorical:
        found += [f"{name}: {share}" for share in [*indicators, "common"]]
        found += [f"{name} = {own}" for own in vocabularies[name]["own"]]
    return distinct(found)
