"""Pool the predictions of a split in which an example has several inputs."""

import numpy as np
import pandas as pd

from slipway_edge.pooling import pool


def by_example(
    examples: pd.DataFrame, targets: np.ndarray, predictions: np.ndarray
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return one row, target and pooled prediction per example of a packed split, in order of first occurrence."""
    rows, names = pd.factorize(examples["example"])
    if len(names) == len(examples):
        return examples, targets, predictions
    first = np.flatnonzero(~examples["example"].duplicated().to_numpy())
    return examples.iloc[first].reset_index(drop=True), targets[first], pool(predictions, rows)
