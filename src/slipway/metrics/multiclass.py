"""Scores of the probabilities of several classes for the rows of a table.

In addition to the scores of all classifiers (`slipway.metrics.classification`), whose means count each class the same,
there are means over the classes weighted by their number of examples, and the accuracy by value of a column.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from slipway.core.metric import Metric, named
from slipway.metrics import classification
from slipway.metrics.breakdown import Parts, by_column, shares
from slipway.metrics.classification import confusion, precision_recall_f1

METRICS = named(
    *classification.METRICS.values(),
    Metric(
        "precision_weighted",
        "higher",
        "share",
        "mean precision of the classes, weighted by their number of examples",
        4,
        share=True,
    ),
    Metric(
        "f1_weighted", "higher", "share", "mean F1 of the classes, weighted by their number of examples", 4, share=True
    ),
)


@dataclass(frozen=True, eq=False)
class Scores(classification.Scores):
    """The scores of probabilities [n, classes]; see `slipway.core.protocol.Scores`.

    `examples` [n] have the values of the `columns` that have a breakdown.
    """

    examples: pd.DataFrame
    columns: Sequence[str]

    def total(self, weight: np.ndarray | None = None) -> dict[str, float]:
        """Return every metric; example i counts `weight[i]` times.

        The weighted recall is not listed, since it is the accuracy.
        """
        weight = np.ones(len(self.targets)) if weight is None else np.asarray(weight, np.float64)
        cells = confusion(self.targets, self.chosen, len(self.names), weight)
        precision, _, f1 = precision_recall_f1(cells)
        support = cells.sum(axis=1)
        return {
            **super().total(weight),
            "precision_weighted": _weighted(precision, support),
            "f1_weighted": _weighted(f1, support),
        }

    def breakdowns(self, weight: np.ndarray | None = None) -> Mapping[str, pd.DataFrame]:
        """Return `per_class`, `per_group`, and `by_<column>`: examples and accuracy by value of a column."""
        right = (self.chosen == self.targets).astype(np.float64)
        by_value = {
            f"by_{name}": pd.DataFrame(
                {"value": parts.names, "examples": parts.counts, "accuracy": parts.means(right, weight)}
            )
            for name, parts in self._values.items()
        }
        return {**super().breakdowns(weight), **by_value}

    @cached_property
    def _values(self) -> dict[str, Parts]:
        return by_column(self.examples, self.columns)


def _weighted(values: np.ndarray, support: np.ndarray) -> float:
    """Return the mean [classes] weighted by support; nan without any example."""
    return float(shares(np.where(support > 0, values * support, 0).sum(), support.sum()))
