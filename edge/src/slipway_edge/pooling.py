"""Combine predictions to one per example, for examples encoded to several inputs (a long sound to its windows)."""

import numpy as np


def pool(predictions: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the mean prediction of each example [n, *k].

    Args:
        predictions: [m, *k], one for each input.
        rows: [m], the number of the example of each input, 0 to n - 1.
    """
    counts = np.bincount(rows)
    if (counts == 1).all():
        return predictions[np.argsort(rows)]
    total = np.zeros((len(counts), *predictions.shape[1:]))
    np.add.at(total, rows, predictions)
    means: np.ndarray = (total / counts.reshape(-1, *[1] * (predictions.ndim - 1))).astype(predictions.dtype)
    return means
