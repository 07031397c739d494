"""One row, target and prediction an example, of a split where an example was encoded to several inputs."""

import numpy as np
import pandas as pd

from slipway_edge.pooling import pool


def by_example(
    examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Rows, targets and pooled predictions of a packed split, one of each an example, in the order of the first."""
    rows, names = pd.factorize(examples["example"])
    if len(names) == len(examples):
        return examples, targets, predictions
    first = np.flatnonzero(~examples["example"].duplicated().to_numpy())
    return examples.iloc[first].reset_index(drop=True), targets[first], pool(predictions, rows)
