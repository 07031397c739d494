"""Compute the vocabulary of a table's categories from training rows, and the names of the features that
`slipway_edge.tasks.tabular_classification.encoding` computes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from slipway.data.readers.tables import distinct
from slipway_edge.tasks.tabular_classification.encoding import Vocabulary


def vocabulary(values: pd.Series, positive: np.ndarray, smoothing: float, rare: int, own: float) -> dict[str, Any]:
    """Return the vocabulary of a column from training rows.

    Args:
        values: the categories as text [n], None where missing.
        positive: whether each row is positive [n].
        smoothing: number of rows at the overall share of positives that are added to each category.
        rare: a category with fewer rows is left out.
        own: a category with at least this share of the rows has a one-hot feature.
    """
    counted = pd.Series(positive.astype(float)).groupby(values.to_numpy()).agg(["sum", "size"]).sort_index()
    counted = counted[counted["size"] >= rare]
    share = (counted["sum"] + smoothing * positive.mean()) / (counted["size"] + smoothing)
    counted = counted.assign(positive=share, common=counted["size"] / len(values))
    counted = counted.sort_values("positive", kind="stable")
    return {
        "names": [str(name) for name in counted.index],
        "positive": [round(float(one), 9) for one in counted["positive"]],
        "common": [round(float(one), 9) for one in counted["common"]],
        "own": sorted(str(name) for name in counted.index[counted["common"] >= own]),
    }


def names(
    numeric: Sequence[str],
    derived: Sequence[str],
    categorical: Sequence[str],
    vocabularies: Mapping[str, Vocabulary],
) -> list[str]:
    """Return the features' names, in the order in which they are encoded."""
    found = [*numeric, *derived]
    for name in categorical:
        found += [f"{name}: positive", f"{name}: common"]
        found += [f"{name} = {own}" for own in vocabularies[name]["own"]]
    return distinct(found)
