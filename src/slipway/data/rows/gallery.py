"""How a page shows a row of a table: the values of the columns that the model reads, for every task over rows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from slipway.core.protocol import column
from slipway.core.shown import Shown
from slipway.core.spec import Spec
from slipway.data.rows import Rows


def shown(
    task: Any, raw: Path, examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray, spec: Spec
) -> Iterator[Shown]:
    """Yield the rows of the examples, as they are in the raw tables now."""
    rows: Rows = task
    for name, (_, row) in zip(examples["example"], rows._of(raw, examples).iterrows(), strict=True):
        if row["example"] != name:
            yield Shown(problem="it is no longer in the tables")
        else:
            yield Shown(row={feature: row[column(feature)] for feature in rows._features})
