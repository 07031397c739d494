"""What is fixed of a table's categories in training, and the names of the features that
`slipway_edge.tasks.tabular_classification.encoding` makes of its columns."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from slipway.data.readers.tables import distinct
from slipway_edge.tasks.tabular_classification.encoding import Vocabulary


def vocabulary(values: pd.Series, positive: np.ndarray, smoothing: float, rare: int, own: float) -> dict[str, Any]:
    """What to know of a column's categories, from training rows: their texts [n], and whether each is positive [n].

    Args:
        values: the categories, None where missing.
        positive: the target.
        smoothing: how many rows at the overall share of positives each category is given on top of its own.
        rare: a category of fewer rows is left out.
        own: a category of at least this share of the rows has a 0 or 1 of its own.
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
    """The features' names, in the order in which they are encoded."""
    found = [*numeric, *derived]
    for name in categorical:
        found += [f"{name}: positive", f"{name}: common"]
        found += [f"{name} = {own}" for own in vocabularies[name]["own"]]
    return distinct(found)
