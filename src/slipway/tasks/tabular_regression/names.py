"""The readable names of the features of a series."""

import re

import numpy as np

from slipway.data.readers.tables import distinct
from slipway_edge.tasks.tabular_regression import Encoding
from slipway_edge.tasks.tabular_regression.grid import Grid

_OF_COLUMN = re.compile(r"(?:(change_\d+) )?column (.*)", re.DOTALL)


def names(encoding: Encoding, grid: Grid) -> list[str]:
    """Return the features' names in order; a column's name that a feature of the series also has is made distinct."""
    none = np.empty(0, dtype=np.int64)
    return distinct([_readable(name) for name in encoding.describe(grid, none, none, none, none.astype(float))])


def _readable(name: str) -> str:
    """The name of a feature; one of a raw column begins with the column's name."""
    match = _OF_COLUMN.fullmatch(name)
    return name if match is None else "_".join(part for part in (match[2], match[1]) if part)
