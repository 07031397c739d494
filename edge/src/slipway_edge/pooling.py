"""One prediction an example, also where an example was encoded to several inputs, as a long sound is to its windows."""

import numpy as np


def pool(predictions: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The mean of the predictions [m, *k] of each example [n, *k]; `rows` [m] numbers their examples, 0 to n - 1."""
    counts = np.bincount(rows)
    if (counts == 1).all():
        return predictions[np.argsort(rows)]
    total = np.zeros((len(counts), *predictions.shape[1:]))
    np.add.at(total, rows, predictions)
    means: np.ndarray = (total / counts.reshape(-1, *[1] * (predictions.ndim - 1))).astype(predictions.dtype)
    return means
