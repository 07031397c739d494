"""The curve of precision and recall of a score."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from slipway.core.protocol import Plot

RECALLS = np.linspace(0, 1, 101)
"""The recalls at which a curve has a point."""


def precisions(positive: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the precision at each of `RECALLS`, at the highest threshold that reaches it; nan without positives.

    Args:
        positive: [n], whether each example is positive.
        scores: [n].
    """
    found = np.sort(scores[positive])[::-1]
    if not len(found):
        return np.full(len(RECALLS), np.nan)
    wanted = np.maximum(np.ceil(RECALLS * len(found) - 1e-9).astype(np.int64), 1)
    cut = found[wanted - 1]
    decided = len(scores) - np.searchsorted(np.sort(scores), cut, side="left")
    hits = len(found) - np.searchsorted(found[::-1], cut, side="left")
    return np.asarray(hits / decided)


def plot(curves: Mapping[str, np.ndarray]) -> Plot:
    """Return precision over recall, with a curve for each name: the precisions [101] at `RECALLS`."""
    table = pd.DataFrame({"recall": RECALLS, **curves})
    return Plot("precision_recall", "Precision and recall", table, "recall", [*curves], y_label="precision")
