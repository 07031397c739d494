"""The readable names of the features of an hourly series."""

from collections.abc import Sequence

import numpy as np

from slipway.data.readers.tables import distinct
from slipway_edge.tasks.tabular_regression.hourly import Grid, describe


def names(numeric: Sequence[str], categorical: Sequence[str]) -> list[str]:
    """Return the features' names in order; a column's name that a feature of the series also has is made distinct."""
    grid = Grid(np.datetime64("2001-01-01T00"), ("",), np.empty((0, 1)), {}, {}, {})
    none = np.empty(0, dtype=np.int64)
    own = describe(grid, none, none, none, none.astype(float))
    changes = [text for name in numeric for text in (name, f"{name}_change_24", f"{name}_change_168")]
    return distinct([*own, *changes, *categorical])
